"""The API of the tree: its entries and its state."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as ModelError
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import ModelViewSet

from buddies import avatars
from buddies.api.errors import plain_errors
from buddies.api.names import WIRE_NAMES
from buddies.api.rights import ADD, CHANGE, DELETE, VIEW
from buddies.api.serializers import (
    KEY,
    BuddySerializer,
    MoveSerializer,
    TreeSerializer,
)
from buddies.document.text import normal
from buddies.models import Buddy, Tree
from buddies.publishing import releases
from buddies.publishing.live import live_release_without_body
from buddies.tree import edits
from xmppservice.api import representation
from xmppservice.api.idempotency import Idempotent
from xmppservice.api.lists import BooleanFilter, FilterSet
from xmppservice.api.views import Described

HIDDEN = {"mobile_is_published": False, "web_is_published": False}
ADDRESSES = {"address", "server_address"}
MOVE_NAMES = {"parent": "target"}


# --- Entries --------------------------------------------------------------------


class BuddyFilter(FilterSet):
    parent = filters.NumberFilter(field_name="parent_id", **KEY)
    top = BooleanFilter(
        field_name="parent", lookup_expr="isnull", label="Is at the top level."
    )
    type = filters.ChoiceFilter(choices=Buddy.Type.choices)
    address = filters.CharFilter(method="_with_address", strip=False)
    mobileIsPublished = BooleanFilter(field_name="mobile_is_published")
    webIsPublished = BooleanFilter(field_name="web_is_published")

    def _with_address(
        self, entries: QuerySet[Buddy], name: str, value: str
    ) -> QuerySet[Buddy]:
        return entries.filter(address=normal(name, value))


class BuddyViewSet(Idempotent, ModelViewSet):
    """The groups and channels of the tree."""

    queryset = Buddy.objects.order_by("pk")
    serializer_class = BuddySerializer
    filterset_class = BuddyFilter
    search_fields = ("name", "status", "address", "server_address")
    scope = "tree"
    needs = {
        "list": VIEW,
        "retrieve": VIEW,
        "create": ADD,
        "update": CHANGE,
        "partial_update": CHANGE,
        "destroy": DELETE,
        "move": CHANGE,
        "duplicate": ADD,
        "hide": CHANGE,
    }
    conditional = (
        "update",
        "partial_update",
        "destroy",
        "move",
        "duplicate",
        "hide",
    )

    def perform_create(self, serializer: BaseSerializer[Buddy]) -> None:
        with plain_errors(serializer.initial_data):
            new = Buddy(**serializer.validated_data)
            serializer.instance = edits.add(new, self._editor)

    def perform_update(self, serializer: BaseSerializer[Buddy]) -> None:
        fields = serializer.validated_data
        with self._locked(serializer.initial_data) as buddy:
            self._refuse_known(buddy, fields)
            (serializer.instance,) = edits.change([buddy], self._editor, **fields)

    def perform_destroy(self, instance: Buddy) -> None:
        with self._locked() as buddy:
            edits.remove([buddy], self._editor)

    @extend_schema(request=MoveSerializer, responses=BuddySerializer)
    @action(detail=True, methods=["post"], serializer_class=MoveSerializer)
    def move(self, request: Request, pk: str) -> Response:
        """Move an entry before, after or into another one."""
        serializer = MoveSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        target, where = (
            serializer.validated_data["target"],
            serializer.validated_data["where"],
        )
        with self._locked(request.data, MOVE_NAMES) as buddy:
            (moved,) = edits.move([buddy], self._editor, target, where)
        return Response(BuddySerializer(moved).data)

    @extend_schema(request=None, responses={HTTPStatus.CREATED: BuddySerializer})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, pk: str) -> Response:
        """Copy an entry and everything below it, as drafts after the original."""
        with self._locked() as buddy:
            (copy,) = edits.duplicate([buddy], self._editor)
        return Response(BuddySerializer(copy).data, HTTPStatus.CREATED)

    @extend_schema(request=None, responses=BuddySerializer)
    @action(detail=True, methods=["post"])
    def hide(self, request: Request, pk: str) -> Response:
        """Turn off both flags: clients see neither the entry nor anything below it."""
        with self._locked() as buddy:
            (hidden,) = edits.change([buddy], self._editor, **HIDDEN)
        return Response(BuddySerializer(hidden).data)

    @property
    def _editor(self) -> str:
        return self.request.user.get_username()

    @contextmanager
    def _locked(
        self, sent: Any = None, names: Mapping[str, str] = WIRE_NAMES
    ) -> Iterator[Buddy]:
        """Yield the entry under the tree's lock; refuse a stale If-Match."""
        with plain_errors(sent, names), transaction.atomic():
            Tree.locked()
            buddy = self.get_object()
            representation.refuse_stale(self.request, BuddySerializer(buddy).data)
            yield buddy

    def _refuse_known(self, buddy: Buddy, fields: dict[str, Any]) -> None:
        changed = {
            f for f in ADDRESSES & fields.keys() if fields[f] != getattr(buddy, f)
        }
        may_change = self.request.user.has_perm("buddies.change_address")
        if changed and not may_change and releases.has_shown(buddy):
            text = _("Apps already use this address, so it can't be changed.")
            raise ModelError(dict.fromkeys(changed, text))


# --- The tree -------------------------------------------------------------------


class TreeView(Described):
    """Get the tree's state: its version, and the live release."""

    scope = "tree"
    needs = {"get": VIEW}
    serializer_class = TreeSerializer

    def get(self, request: Request) -> Response:
        return Response(_state())


def _state() -> dict[str, Any]:
    row = Tree.objects.first() or Tree()
    live = live_release_without_body()
    state = {"tree": row, "live": live, "limit": settings.XMPP_STANZA_LIMIT}
    result: dict[str, Any] = TreeSerializer(state).data
    return result


# --- Public ---------------------------------------------------------------------


@require_safe
def avatar(request: HttpRequest, name: str) -> HttpResponse:
    """Return a picture: phones load it without a token, and cache it forever."""
    data = avatars.read(name)
    if data is None:
        raise Http404
    response = HttpResponse(data, content_type="image/webp")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
