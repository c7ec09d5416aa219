from csp.decorators import csp_replace, csp_update
from django.contrib import admin
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.generic import RedirectView
from django.views.i18n import set_language
from drf_spectacular.views import (
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)

from buddies.api.entries import avatar
from buddies.avatars import NAME as PICTURE
from buddies.pages import channel
from xmppservice import webchat
from xmppservice.api.schemas import NAMES, schema
from xmppservice.backoffice import branding, guide
from xmppservice.monitoring import delivery, reach
from xmppservice.monitoring.api import Api, DeliveryView, Description, ReachView
from xmppservice.protocol.redaction import CHANNEL_PAGES

handler400 = "xmppservice.api.problems.bad_request"
handler404 = "xmppservice.api.problems.page_not_found"
handler500 = "xmppservice.api.problems.server_error"

# Both write style elements into the page. Redoc searches in a worker, and would load
# its vendor's logo from their server.
SWAGGER = csp_update({"style-src": ["'unsafe-inline'"]})
REDOC = csp_replace(
    {
        "style-src": ["'self'", "'unsafe-inline'"],
        "worker-src": ["blob:"],
        "img-src": ["'self'", "data:"],
    }
)

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("favicon.ico", RedirectView.as_view(url=static("xmppservice/icon.svg"))),
    path("admin/delivery/", include(delivery.urls(admin.site))),
    path("admin/buddies/release/reach/", include(reach.urls(admin.site))),
    path("product/", include(branding.urls())),
    path("admin/guide/", include(guide.urls(admin.site))),
    path("admin/", admin.site.urls),
    path("i18n/", set_language, name="set_language"),
    path("webchat/", webchat.page, name="webchat"),
    path(f"{CHANNEL_PAGES.removeprefix('/')}<path:address>", channel.page),
    re_path(rf"^media/avatars/(?P<name>{PICTURE})\Z", avatar),
    *(path(f"schemas/{name}", schema, {"name": name}) for name in NAMES),
    path("api/", Api.as_view(), name="api"),
    path("api/delivery/", DeliveryView.as_view(), name="api-delivery"),
    path("api/releases/<int:number>/reach/", ReachView.as_view(), name="api-reach"),
    path("api/schema/", Description.as_view(), name="schema"),
    path("api/docs/", SWAGGER(SpectacularSwaggerSplitView.as_view()), name="docs"),
    path(
        "api/redoc/",
        REDOC(SpectacularRedocView.as_view(template_name="drf_spectacular/redoc.html")),
        name="redoc",
    ),
    path("api/", include("buddies.api.urls")),
    path("api/", include("roster.api.urls")),
]
