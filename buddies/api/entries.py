"""The API of the tree: its entries and its state."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as ModelError
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, IntegerField
from rest_framework.viewsets import ModelViewSet

from buddies import avatars
from buddies.api.drawn import DrawnEntries
from buddies.api.errors import plain_errors
from buddies.api.names import WIRE_NAMES
from buddies.api.rights import ADD, CHANGE, DELETE, EDIT_CAMPAIGN, EDIT_LIVE, VIEW
from buddies.api.serializers import (
    ENTRY_KEY,
    KEY,
    BuddySerializer,
    MoveSerializer,
    TreeSerializer,
)
from buddies.campaigns.desk import LIVE, CampaignDesk, LiveDesk, desk_of
from buddies.campaigns.edits import locked
from buddies.document.text import normal
from buddies.models import Buddy, Tree
from buddies.publishing import releases
from buddies.publishing.live import live_release_without_body
from buddies.tree.lock import TreeError
from xmppservice.api import representation
from xmppservice.api.idempotency import Idempotent
from xmppservice.api.lists import BooleanFilter, FilterSet
from xmppservice.api.views import Described

HIDDEN = {"mobile_is_published": False, "web_is_published": False}
ADDRESSES = {"address", "server_address"}
MOVE_NAMES = {"parent": "target"}


# --- Entries --------------------------------------------------------------------


class BuddyFilter(FilterSet):
    parent = filters.NumberFilter(field_name="parent_id", **ENTRY_KEY)
    top = BooleanFilter(
        field_name="parent", lookup_expr="isnull", label="Is at the top level."
    )
    type = filters.ChoiceFilter(choices=Buddy.Type.choices)
    address = filters.CharFilter(method="_with_address", strip=False)
    mobileIsPublished = BooleanFilter(field_name="mobile_is_published")
    webIsPublished = BooleanFilter(field_name="web_is_published")

    def filter_queryset(self, queryset: Any) -> Any:
        # That of django-filter takes querysets only, not the entries of a campaign.
        for name, value in self.form.cleaned_data.items():
            queryset = self.filters[name].filter(queryset, value)
        return queryset

    def _with_address(self, entries: Any, name: str, value: str) -> Any:
        return entries.filter(address=normal(name, value))


CAMPAIGN = OpenApiParameter(
    "campaign",
    {"type": "integer", "minimum": 1, "maximum": KEY["max_value"]},
    description="The campaign whose tree this is about; without it, what is live.",
)


@extend_schema(parameters=[CAMPAIGN])
class BuddyViewSet(Idempotent, ModelViewSet):
    """The groups and channels of what is live, or of a campaign."""

    queryset = Buddy.objects.order_by("pk")
    serializer_class = BuddySerializer
    filterset_class = BuddyFilter
    search_fields = ("name", "status", "address", "server_address")
    conditional = (
        "update",
        "partial_update",
        "destroy",
        "move",
        "duplicate",
        "hide",
    )

    @property
    def scope(self) -> str:
        return "campaigns" if self._names_campaign else "tree"

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        place = EDIT_CAMPAIGN if self._names_campaign else EDIT_LIVE
        return {
            "list": (VIEW,),
            "retrieve": (VIEW,),
            "create": (ADD, place),
            "update": (CHANGE, place),
            "partial_update": (CHANGE, place),
            "destroy": (DELETE, place),
            "move": (CHANGE, place),
            "duplicate": (ADD, place),
            "hide": (CHANGE, place),
        }

    @property
    def _names_campaign(self) -> bool:
        return CAMPAIGN.name in self.request.query_params

    @cached_property
    def _desk(self) -> LiveDesk | CampaignDesk:
        if not self._names_campaign:
            return LIVE
        try:
            sent = self.request.query_params[CAMPAIGN.name]
            desk = desk_of(IntegerField(**KEY).run_validation(sent))
        except ValidationError as error:
            raise ValidationError({CAMPAIGN.name: error.detail}) from None
        except TreeError as error:
            raise NotFound(str(error)) from None
        return desk

    def get_queryset(self) -> Any:
        """Return the entries of the tree that the request is about."""
        if isinstance(self._desk, CampaignDesk):
            return DrawnEntries(self._desk.buddies()).order_by("pk")
        return super().get_queryset()

    def perform_create(self, serializer: BaseSerializer[Buddy]) -> None:
        with plain_errors(serializer.initial_data), self._lock():
            new = Buddy(**serializer.validated_data)
            added = self._desk.edits.add(new, self._editor)
            if isinstance(self._desk, CampaignDesk):
                self._desk.refresh()
            serializer.instance = self.get_queryset().get(pk=added.pk)

    def perform_update(self, serializer: BaseSerializer[Buddy]) -> None:
        fields = serializer.validated_data
        with self._locked(serializer.initial_data) as buddy:
            self._refuse_known(buddy, fields)
            (serializer.instance,) = self._desk.edits.change(
                [buddy], self._editor, **fields
            )

    def perform_destroy(self, instance: Buddy) -> None:
        with self._locked() as buddy:
            self._desk.edits.remove([buddy], self._editor)

    @extend_schema(request=MoveSerializer, responses=BuddySerializer)
    @action(detail=True, methods=["post"], serializer_class=MoveSerializer)
    def move(self, request: Request, pk: str) -> Response:
        """Move an entry before, after or into another one."""
        serializer = self.get_serializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        target, where = (
            serializer.validated_data["target"],
            serializer.validated_data["where"],
        )
        with self._locked(request.data, MOVE_NAMES) as buddy:
            (moved,) = self._desk.edits.move([buddy], self._editor, target, where)
        return Response(BuddySerializer(moved).data)

    @extend_schema(request=None, responses={HTTPStatus.CREATED: BuddySerializer})
    @action(detail=True, methods=["post"])
    def duplicate(self, request: Request, pk: str) -> Response:
        """Copy an entry and everything below it, as drafts after the original."""
        with self._locked() as buddy:
            (copy,) = self._desk.edits.duplicate([buddy], self._editor)
        return Response(BuddySerializer(copy).data, HTTPStatus.CREATED)

    @extend_schema(request=None, responses=BuddySerializer)
    @action(detail=True, methods=["post"])
    def hide(self, request: Request, pk: str) -> Response:
        """Turn off both flags: clients see neither the entry nor anything below it."""
        with self._locked() as buddy:
            (hidden,) = self._desk.edits.change([buddy], self._editor, **HIDDEN)
        return Response(BuddySerializer(hidden).data)

    @property
    def _editor(self) -> str:
        return self.request.user.get_username()

    @contextmanager
    def _locked(
        self, sent: Any = None, names: Mapping[str, str] = WIRE_NAMES
    ) -> Iterator[Buddy]:
        """Yield the entry under the lock of its tree; refuse a stale If-Match."""
        with plain_errors(sent, names), self._lock():
            buddy = self.get_object()
            representation.refuse_stale(self.request, BuddySerializer(buddy).data)
            yield buddy

    @contextmanager
    def _lock(self) -> Iterator[None]:
        with transaction.atomic():
            # What is live is a part of a campaign's tree, and locked first.
            Tree.locked()
            if isinstance(self._desk, CampaignDesk):
                locked(self._desk.campaign.pk)
                self._desk.refresh()
            yield

    def _refuse_known(self, buddy: Buddy, fields: dict[str, Any]) -> None:
        changed = {
            f for f in ADDRESSES & fields.keys() if fields[f] != getattr(buddy, f)
        }
        may_change = self.request.user.has_perm("buddies.change_address")
        # What apps know is what was live, also while a campaign changes it.
        live = Buddy.objects.filter(pk=buddy.pk).first()
        if changed and not may_change and live and releases.has_shown(live):
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
