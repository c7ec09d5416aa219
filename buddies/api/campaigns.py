"""The API of campaigns: changes of the tree that go live together."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.viewsets import GenericViewSet

from buddies.api.campaign_serializers import (
    ApprovalSerializer,
    CampaignApprovalsSerializer,
    CampaignChangesSerializer,
    CampaignConflictsSerializer,
    CampaignDetailSerializer,
    CampaignSerializer,
    DecisionSerializer,
    PublicationSerializer,
    changes_as_json,
    conflicts_as_json,
    open_conflicts,
)
from buddies.api.errors import plain_errors
from buddies.api.rights import (
    ADD,
    APPROVE,
    CHANGE,
    DELETE,
    EDIT_CAMPAIGN,
    PUBLISH,
    VIEW,
)
from buddies.api.serializers import MomentField, ReleaseSerializer
from buddies.campaigns import log, making, rows
from buddies.campaigns.base import base_of
from buddies.campaigns.conflict_words import Decision, decision, decisions
from buddies.campaigns.deciding import decide
from buddies.campaigns.edits import CampaignEdits
from buddies.campaigns.view import View, view_of
from buddies.models import Campaign, Tree
from buddies.publishing import applying, approvals
from buddies.publishing.draft import draft_of_view, refusal_in_words
from xmppservice.api import problems, representation
from xmppservice.api.idempotency import Idempotent
from xmppservice.api.lists import FilterSet

# Only the name is judged beside the other campaigns.
NAMES = {"__all__": "name"}
AT = OpenApiParameter(
    "at",
    OpenApiTypes.DATETIME,
    description="A moment; by default the campaign's own, or now.",
)


class CampaignFilter(FilterSet):
    state = filters.ChoiceFilter(choices=Campaign.State.choices)


class CampaignViewSet(
    Idempotent,
    mixins.CreateModelMixin,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    GenericViewSet,
):
    """Campaigns: changes that are prepared together, and go live together."""

    queryset = Campaign.objects.order_by("pk")
    serializer_class = CampaignDetailSerializer
    filterset_class = CampaignFilter
    needs = {
        "list": VIEW,
        "retrieve": VIEW,
        "create": EDIT_CAMPAIGN,
        "partial_update": EDIT_CAMPAIGN,
        "destroy": EDIT_CAMPAIGN,
        "document": VIEW,
        "changes": VIEW,
        "conflicts": VIEW,
        "decide": (EDIT_CAMPAIGN, ADD, CHANGE, DELETE),
        "approvals": VIEW,
        "approve": APPROVE,
        "publish": PUBLISH,
        "unplan": PUBLISH,
        "end": PUBLISH,
        "opposite": PUBLISH,
        "again": EDIT_CAMPAIGN,
        "undo": EDIT_CAMPAIGN,
    }
    conditional = (
        "partial_update",
        "destroy",
        "decide",
        "approve",
        "publish",
        "unplan",
        "end",
        "opposite",
        "again",
        "undo",
    )

    @property
    def scope(self) -> str | tuple[str, ...]:
        """Publishing and taking back make releases."""
        makes_releases = self.action in ("publish", "end")
        return ("campaigns", "releases") if makes_releases else "campaigns"

    @extend_schema(responses=CampaignSerializer)
    def list(self, request: Request) -> Response:
        """List the campaigns, also those that are over.

        What needs the whole tree, such as the digest and the number of conflicts, is
        in each campaign itself only.
        """
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(CampaignSerializer(page, many=True).data)

    def perform_create(self, serializer: BaseSerializer[Campaign]) -> None:
        with plain_errors(serializer.initial_data, NAMES):
            fields = serializer.validated_data
            serializer.instance = making.make(self._editor, **fields)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change the name, the colour and the note of a campaign."""
        sent = self.get_serializer(data=request.data, partial=True)
        sent.is_valid(raise_exception=True)
        with self._locked(request.data) as campaign:
            making.describe(campaign.pk, **sent.validated_data)
        return self._campaign()

    def destroy(self, request: Request, pk: str) -> Response:
        """Discard a campaign. It stays in the list, with the state ``discarded``."""
        with self._locked() as campaign:
            making.discard(campaign.pk)
        return Response(status=HTTPStatus.NO_CONTENT)

    # --- What it changes ----------------------------------------------------------

    @extend_schema(parameters=[AT], responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def document(self, request: Request, pk: str) -> HttpResponseBase:
        """Get the document that clients would read, byte for byte."""
        campaign = self.get_object()
        sent = request.query_params.get("at")
        at = max(timezone.now(), campaign.due_at or timezone.now())
        if sent is not None:
            try:
                at = MomentField().run_validation(sent)
            except ValidationError as error:
                raise ValidationError({"at": error.detail}) from None
        if not campaign.is_editable:
            text = "The campaign is over. Read the document of a release."
            raise problems.Conflict(text)
        draft = draft_of_view(view_of(campaign), at)
        if not draft.body:
            raise problems.Conflict(refusal_in_words(draft.refused, draft.size))
        return HttpResponse(draft.body, content_type="application/json")

    @extend_schema(responses=CampaignChangesSerializer)
    @action(detail=True)
    def changes(self, request: Request, pk: str) -> Response:
        """List what a campaign changes."""
        return Response(changes_as_json(view_of(self.get_object())))

    # --- Decisions ----------------------------------------------------------------

    @extend_schema(responses=CampaignConflictsSerializer)
    @action(detail=True)
    def conflicts(self, request: Request, pk: str) -> Response:
        """List what has to be decided before a campaign can go live."""
        return Response(conflicts_as_json(_open(self.get_object())))

    @extend_schema(request=DecisionSerializer, responses=CampaignConflictsSerializer)
    @conflicts.mapping.post
    def decide(self, request: Request, pk: str) -> Response:
        """Decide a conflict; the answer lists those that remain."""
        sent = DecisionSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        choice = sent.validated_data["choice"]
        with self._locked() as campaign:
            decide(campaign.pk, self._editor, sent.conflict, choice)
        return Response(conflicts_as_json(_open(self.get_object())))

    # --- Approvals ----------------------------------------------------------------

    @extend_schema(responses=CampaignApprovalsSerializer)
    @action(detail=True)
    def approvals(self, request: Request, pk: str) -> Response:
        """List the approvals of a campaign."""
        campaign = self.get_object()
        digest = rows.digest(campaign, rows.read(campaign))
        found = {
            "missing": approvals.missing(campaign, digest),
            "approvals": campaign.approvals.all(),
        }
        return Response(CampaignApprovalsSerializer(found).data)

    @extend_schema(
        request=ApprovalSerializer,
        responses={HTTPStatus.CREATED: ApprovalSerializer},
    )
    @approvals.mapping.post
    def approve(self, request: Request, pk: str) -> Response:
        """Approve a campaign as it was reviewed."""
        sent = ApprovalSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        with self._locked() as campaign:
            made = approvals.approve(campaign.pk, self._editor, **sent.validated_data)
        return Response(ApprovalSerializer(made).data, HTTPStatus.CREATED)

    # --- Going live, and back -----------------------------------------------------

    @extend_schema(
        request=PublicationSerializer,
        responses={
            HTTPStatus.CREATED: ReleaseSerializer,
            HTTPStatus.ACCEPTED: CampaignDetailSerializer,
        },
    )
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        """Publish a campaign as it was reviewed, now or at a moment.

        If something has to be decided first, the problem lists it in ``conflicts``.
        With ``breakGlass`` it goes live at once without its approvals, which is logged;
        this needs the permission ``break_glass``, which superusers do not have.
        """
        sent = PublicationSerializer(data=request.data)
        sent.is_valid(raise_exception=True)
        digest, at, ends_at = (
            sent.validated_data[name] for name in ("digest", "publishAt", "endsAt")
        )
        if at is not None:
            with self._locked() as campaign:
                applying.plan(campaign.pk, self._editor, digest, at, ends_at)
            return self._campaign(HTTPStatus.ACCEPTED)
        breaks_glass = sent.validated_data["breakGlass"]
        if breaks_glass and not approvals.may_break_glass(request.user):
            raise PermissionDenied
        with self._locked() as campaign, _listed(lambda: View(campaign, base_of())):
            release = applying.publish(
                campaign.pk, self._editor, digest, ends_at, breaks_glass
            )
        return Response(ReleaseSerializer(release).data, HTTPStatus.CREATED)

    @extend_schema(request=None, responses=CampaignDetailSerializer)
    @action(detail=True, methods=["post"])
    def unplan(self, request: Request, pk: str) -> Response:
        """Let a campaign go live at no moment; it stays in preparation."""
        with self._locked() as campaign:
            applying.unplan(campaign.pk)
        return self._campaign()

    @extend_schema(request=None, responses={HTTPStatus.CREATED: ReleaseSerializer})
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """Take back what a campaign did: all of it, or nothing.

        If others edited the same since, the problem lists it in ``conflicts``.
        """
        with self._locked() as campaign, _listed(lambda: applying.taken_back(campaign)):
            release = applying.take_back(campaign.pk, self._editor)
        return Response(ReleaseSerializer(release).data, HTTPStatus.CREATED)

    @extend_schema(
        request=None, responses={HTTPStatus.CREATED: CampaignDetailSerializer}
    )
    @action(detail=True, methods=["post"])
    def opposite(self, request: Request, pk: str) -> Response:
        """Make a campaign that takes back what this one did, to decide about the rest.

        If there is one in preparation, it is returned.
        """
        with self._locked() as campaign:
            made = applying.opposite(campaign, self._editor)
        return Response(CampaignDetailSerializer(made).data, HTTPStatus.CREATED)

    @extend_schema(
        request=None, responses={HTTPStatus.CREATED: CampaignDetailSerializer}
    )
    @action(detail=True, methods=["post"])
    def again(self, request: Request, pk: str) -> Response:
        """Make a new campaign that does the same."""
        with self._locked() as campaign:
            made = making.again(campaign.pk, self._editor)
        return Response(CampaignDetailSerializer(made).data, HTTPStatus.CREATED)

    @extend_schema(request=None, responses=CampaignDetailSerializer)
    @action(detail=True, methods=["post"])
    def undo(self, request: Request, pk: str) -> Response:
        """Undo your own newest edit of a campaign."""
        with self._locked() as campaign:
            last = log.newest(campaign, self._editor)
            version = last.version if last else 0
            CampaignEdits(campaign.pk).undo(version, self._editor)
        return self._campaign()

    @property
    def _editor(self) -> str:
        return self.request.user.get_username()

    def _campaign(self, status: HTTPStatus = HTTPStatus.OK) -> Response:
        return Response(CampaignDetailSerializer(self.get_object()).data, status)

    @contextmanager
    def _locked(self, sent: Any = None) -> Iterator[Campaign]:
        """Yield the campaign under its lock; refuse a stale If-Match."""
        with plain_errors(sent, NAMES), transaction.atomic():
            # What is live is a part of the representation, and locked first.
            Tree.locked()
            found = self.get_object()
            campaign = Campaign.objects.select_for_update().get(pk=found.pk)
            current = CampaignDetailSerializer(campaign).data
            representation.refuse_stale(self.request, current)
            yield campaign


def _open(campaign: Campaign) -> list[Decision]:
    view = view_of(campaign)
    return [decision(view, conflict) for conflict in open_conflicts(view)]


@contextmanager
def _listed(view: Callable[[], View]) -> Iterator[None]:
    """Add the conflicts of a view to the problem, if they are the reason for it."""
    try:
        yield
    except applying.Refused as error:
        if error.code != Campaign.Blocked.CONFLICTS:
            raise
        found = conflicts_as_json(decisions(view()))
        raise problems.Conflict(str(error), members=found) from None
