"""The live document, for requests that the fast document did not answer."""

from django.conf import settings
from django.http import HttpResponse
from django.views import View
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request

from buddies.publishing import http_cache
from xmppservice.api.permissions import Allowed
from xmppservice.api.views import Described


class DocumentView(Described):
    """Get the live document, byte for byte as clients read it in ``DESC``.

    With ``platform``, it contains only what clients of that platform show: entries
    without its flag are left out.
    """

    http_method_names = list(View.http_method_names)  # with OPTIONS
    scope = "document"
    needs = {"get": None}
    # A 304 costs less than counting it.
    throttle_classes = ()

    def get_permissions(self) -> list[BasePermission]:
        is_open = settings.DOCUMENT_PUBLIC or self.request.method == "OPTIONS"
        return [AllowAny() if is_open else Allowed()]

    @extend_schema(
        parameters=[OpenApiParameter("platform", str, enum=list(http_cache.PLATFORMS))],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request: Request) -> HttpResponse:
        platform = request.query_params.get("platform")
        if platform not in (None, *http_cache.PLATFORMS):
            raise ValidationError({"platform": "Must be mobile or web."})
        live = http_cache.cache.refresh()
        return _response(http_cache.answer(live, platform or "", _headers(request)))

    def options(  # type: ignore[override]  # the preflight of a browser
        self, request: Request
    ) -> HttpResponse:
        return _response(http_cache.preflight(_headers(request)))


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _response(answer: http_cache.HttpAnswer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers)
