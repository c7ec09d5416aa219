from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

admin.site.site_header = admin.site.site_title = "XMPP Service"


def healthz(request: HttpRequest) -> HttpResponse:
    """200 while the process answers; the one page that needs no login."""
    return HttpResponse("ok\n", content_type="text/plain")


urlpatterns = [
    path("healthz", healthz),
    path("admin/", admin.site.urls),
    path("api/", include("buddies.urls")),
    path("api/", include("roster.urls")),
]
