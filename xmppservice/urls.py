from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from django.views.i18n import set_language
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from buddies.avatars import NAME
from buddies.views import avatar
from xmppservice import delivery, webchat


class Api(APIView):
    """What there is: the live document, the entries of its tree, the accounts."""

    permission_classes = (IsAuthenticated,)

    def get(self, request: Request) -> Response:
        names = ("document", "buddies", "accounts")
        here = request.build_absolute_uri()
        return Response({name: f"{here}{name}/" for name in names})


urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=static("xmppservice/icon.svg"))),
    path("admin/delivery/", include(delivery.urls(admin.site))),
    path("admin/", admin.site.urls),
    path("i18n/", set_language, name="set_language"),
    path("webchat/", webchat.page, name="webchat"),
    re_path(rf"^media/avatars/(?P<name>{NAME})\Z", avatar),
    path("api/", Api.as_view()),
    path("api/", include("buddies.urls")),
    path("api/", include("roster.urls")),
]
