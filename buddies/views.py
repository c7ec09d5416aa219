"""The API of the tree and of the live document, and the pictures it names."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as ModelError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotModified
from django.http.response import HttpResponseBase
from django.utils.http import parse_etags
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView
from rest_framework.viewsets import ModelViewSet

from buddies import avatars, document, releases, tree
from buddies.models import Buddy
from buddies.serializers import BuddySerializer

ADDRESSES = {"address", "server_address"}
WIRE_NAMES = {
    "server_address": "serverAddress",
    **{field: key for key, field in document.FLAGS.items()},
    **{field: f"info.{key}" for key, field in document.INFO.items()},
}


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Answer 400 with the model's and the tree's reasons, in the wire's names."""
    try:
        yield
    except tree.TreeError as error:
        raise ValidationError(str(error)) from None
    except ModelError as error:
        raise ValidationError(_in_wire_names(error.message_dict)) from None


def _in_wire_names(reasons: dict[str, list[str]]) -> dict[str, list[str]]:
    return {WIRE_NAMES.get(field, field): text for field, text in reasons.items()}


class DocumentView(APIView):
    """GET: the live document, byte for byte what a client reads in DESC."""

    queryset = Buddy.objects.none()

    def get_permissions(self) -> list[AllowAny | IsAuthenticated]:
        return [AllowAny() if settings.DOCUMENT_PUBLIC else IsAuthenticated()]

    def get(self, request: Request) -> HttpResponseBase:
        release = releases.live()
        etag = f'"{release.digest}"' if release else '"empty"'
        # A proxy that compresses makes tags weak (RFC 9110, 13.1.2).
        known = parse_etags(request.headers.get("If-None-Match", ""))
        if {etag, f"W/{etag}", "*"} & set(known):
            response: HttpResponseBase = HttpResponseNotModified()
        else:
            body = release.body if release else document.EMPTY
            response = HttpResponse(body, content_type="application/json")
        response.headers["ETag"] = etag
        response.headers["Cache-Control"] = (
            "public, no-cache" if settings.DOCUMENT_PUBLIC else "private, no-cache"
        )
        return response


class BuddyViewSet(ModelViewSet):
    """List, read, create, change and delete entries of the tree."""

    queryset = Buddy.objects.order_by("pk")
    serializer_class = BuddySerializer
    search_fields = ("name", "status", "address", "server_address")

    def perform_create(self, serializer: BaseSerializer[Buddy]) -> None:
        with _plain_errors():
            new = Buddy(**serializer.validated_data)
            serializer.instance = tree.add(new, self.request.user.get_username())

    def perform_update(self, serializer: BaseSerializer[Buddy]) -> None:
        buddy, fields = self.get_object(), serializer.validated_data
        with _plain_errors():
            self._refuse_known(buddy, fields)
            editor = self.request.user.get_username()
            (serializer.instance,) = tree.change([buddy], editor, **fields)

    def _refuse_known(self, buddy: Buddy, fields: dict[str, Any]) -> None:
        changed = {
            f for f in ADDRESSES & fields.keys() if fields[f] != getattr(buddy, f)
        }
        may = self.request.user.has_perm("buddies.change_address")
        if changed and not may and releases.knows(buddy):
            text = _("Clients know this address, so it stays as it is.")
            raise ModelError(dict.fromkeys(changed, text))

    def perform_destroy(self, instance: Buddy) -> None:
        with _plain_errors():
            tree.remove([instance], self.request.user.get_username())


@require_safe
def avatar(request: HttpRequest, name: str) -> HttpResponse:
    """A picture, for everybody: phones ask without a token, and once for all."""
    data = avatars.read(name)
    if data is None:
        raise Http404
    response = HttpResponse(data, content_type="image/webp")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
