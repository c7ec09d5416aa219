"""The API of releases: live and past."""

from http import HTTPStatus
from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import IntegerField
from rest_framework.viewsets import ReadOnlyModelViewSet

from buddies.api.campaign_serializers import CampaignDetailSerializer
from buddies.api.errors import plain_errors
from buddies.api.rights import EDIT_CAMPAIGN, PUBLISH, VIEW_RELEASE
from buddies.api.serializers import KEY, DiffSerializer, ReleaseSerializer
from buddies.document import diff
from buddies.models import Release
from buddies.publishing import going_back, live
from xmppservice.api import representation
from xmppservice.api.idempotency import Idempotent
from xmppservice.api.lists import BooleanFilter, FilterSet, Pages


class NewestFirst(Pages):
    ordering = "-number"


class ReleaseFilter(FilterSet):
    author = filters.CharFilter()
    automatic = BooleanFilter()
    pinned = BooleanFilter()


class ReleaseViewSet(Idempotent, ReadOnlyModelViewSet):
    """The published versions of the document. The newest is live."""

    queryset = Release.objects.defer("body")
    serializer_class = ReleaseSerializer
    filterset_class = ReleaseFilter
    pagination_class = NewestFirst
    lookup_field = "number"
    scope = "releases"
    search_fields = ("author", "note", "name")
    needs = {
        "list": VIEW_RELEASE,
        "retrieve": VIEW_RELEASE,
        "document": VIEW_RELEASE,
        "diff": VIEW_RELEASE,
        "partial_update": (VIEW_RELEASE, PUBLISH),
        "publish": PUBLISH,
        "restore": EDIT_CAMPAIGN,
    }
    conditional = ("partial_update", "publish", "restore")

    def partial_update(self, request: Request, number: str) -> Response:
        """Give a release a name, or pin it so that it is kept for ever."""
        with transaction.atomic():
            release = self._expected(locks=True)
            sent = self.get_serializer(release, data=request.data, partial=True)
            sent.is_valid(raise_exception=True)
            # Nothing else: the release may go live just now.
            Release.objects.filter(pk=release.pk).update(**sent.validated_data)
        return Response(ReleaseSerializer(self._whole()).data)

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def document(self, request: Request, number: str) -> HttpResponseBase:
        """Get the document of a release, byte for byte as clients read it."""
        body = self._whole().body
        return HttpResponse(body, content_type="application/json")

    @extend_schema(
        parameters=[OpenApiParameter("with", int, description="A release's number.")],
        responses=DiffSerializer,
    )
    @action(detail=True)
    def diff(self, request: Request, number: str) -> Response:
        """List the changes since release ``with``, by default the previous one."""
        new = self._whole()
        old = self._other(new, request.query_params.get("with"))
        result = diff.between(live.document_of(old), live.document_of(new))
        params = {"old": old and old.number, "new": new.number, "changes": result}
        return Response(DiffSerializer(params).data)

    @extend_schema(request=None, responses={HTTPStatus.CREATED: ReleaseSerializer})
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, number: str) -> Response:
        """Go back to an older release: the tree changes with it."""
        with plain_errors():
            release = going_back.go_back(self._expected(), self._editor)
        return Response(ReleaseSerializer(release).data, HTTPStatus.CREATED)

    @extend_schema(
        request=None, responses={HTTPStatus.CREATED: CampaignDetailSerializer}
    )
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, number: str) -> Response:
        """Make a campaign that would bring a release back."""
        with plain_errors():
            campaign = going_back.restore(self._expected(), self._editor)
        return Response(CampaignDetailSerializer(campaign).data, HTTPStatus.CREATED)

    @property
    def _editor(self) -> str:
        return self.request.user.get_username()

    def _expected(self, *, locks: bool = False) -> Release:
        release = self._whole(locks=locks)
        # Only ``live_at`` of a release, its name and its pin ever change.
        representation.refuse_stale(self.request, ReleaseSerializer(release).data)
        return release

    def _whole(self, *, locks: bool = False) -> Release:
        release: Any = self.get_object()
        rows = Release.objects.select_for_update() if locks else Release.objects.all()
        return rows.get(pk=release.pk)

    def _other(self, new: Release, number: str | None) -> Release | None:
        if number is None:
            return Release.objects.filter(pk__lt=new.pk).first()
        try:
            key = IntegerField(**KEY).run_validation(number)
        except ValidationError as error:
            raise ValidationError({"with": error.detail}) from None
        old = Release.objects.filter(pk=key).first()
        if old is None:
            raise NotFound("There is no version with this number to compare with.")
        return old
