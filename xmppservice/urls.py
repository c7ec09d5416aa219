from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

admin.site.site_header = admin.site.site_title = "XMPP Service"
admin.site.site_url = None  # the admin is the site
admin.site.enable_nav_sidebar = False  # the tree needs the width


class Api(APIView):
    """What there is: the live document, the entries of its tree, the accounts."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        names = ("document", "buddies", "accounts")
        here = request.build_absolute_uri()
        return Response({name: f"{here}{name}/" for name in names})


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("api/", Api.as_view()),
    path("api/", include("buddies.urls")),
    path("api/", include("roster.urls")),
]
