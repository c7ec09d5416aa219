"""Campaigns as JSON: what they are, what they change, what has to be decided."""

from typing import Any

from rest_framework import serializers

from buddies.api.names import model_name, wire_name
from buddies.api.serializers import CHANGE_KINDS, MomentField
from buddies.campaigns import merge, rows
from buddies.campaigns.changes import CampaignChange, changes
from buddies.campaigns.conflict_words import Decision
from buddies.campaigns.view import View, view_of
from buddies.models import Approval, Campaign
from buddies.publishing import approvals
from buddies.publishing.applying import soon_enough
from xmppservice.api.serializers import ModelSerializer, Serializer

CONFLICT_KINDS = (
    merge.FIELD,
    merge.GONE,
    merge.INSIDE,
    merge.CIRCLE,
    merge.KIND,
    merge.ADDRESS,
    merge.ORDER,
)


class CampaignSerializer(ModelSerializer):
    """A campaign: changes that go live together.

    ``blocked`` says why it did not go live, or end, at its moment; ``release`` is the
    number of the release that it made.
    """

    state = serializers.ChoiceField(choices=Campaign.State.choices, read_only=True)
    dueAt = MomentField(source="due_at", allow_null=True, read_only=True)
    endsAt = MomentField(source="ends_at", allow_null=True, read_only=True)
    blocked = serializers.CharField(read_only=True)
    release = serializers.IntegerField(
        source="release_id", allow_null=True, read_only=True
    )
    createdBy = serializers.CharField(source="created_by", read_only=True)
    createdAt = serializers.DateTimeField(source="created_at", read_only=True)
    plannedBy = serializers.CharField(source="planned_by", read_only=True)

    class Meta:
        model = Campaign
        fields: tuple[str, ...] = (
            "id",
            "name",
            "colour",
            "note",
            "state",
            "dueAt",
            "endsAt",
            "version",
            "blocked",
            "release",
            "createdBy",
            "createdAt",
            "plannedBy",
        )
        read_only_fields = ("version",)


class CampaignDetailSerializer(CampaignSerializer):
    """A campaign, with what the whole tree says of it.

    ``digest`` identifies what it does and when: approving and publishing need it.
    ``changes`` and ``conflicts`` are how many there are.
    """

    digest = serializers.SerializerMethodField()
    changes = serializers.SerializerMethodField()
    conflicts = serializers.SerializerMethodField()
    missingApprovals = serializers.SerializerMethodField()

    class Meta(CampaignSerializer.Meta):
        fields = (
            *CampaignSerializer.Meta.fields,
            "digest",
            "changes",
            "conflicts",
            "missingApprovals",
        )

    def to_representation(self, instance: Campaign) -> dict[str, Any]:
        self._view = view_of(instance)
        result: dict[str, Any] = super().to_representation(instance)
        return result

    def get_digest(self, campaign: Campaign) -> str:
        return rows.digest(campaign, self._view.stored)

    def get_changes(self, campaign: Campaign) -> int:
        return len(changes(self._view))

    def get_conflicts(self, campaign: Campaign) -> int:
        return len(open_conflicts(self._view))

    def get_missingApprovals(self, campaign: Campaign) -> int:
        if not campaign.is_editable:
            return 0
        return approvals.missing(campaign, self.get_digest(campaign))


def open_conflicts(view: View) -> list[merge.Conflict]:
    """Return the conflicts that have to be decided; none once a campaign is over."""
    return view.conflicts if view.campaign.is_editable else []


class CampaignChangeSerializer(Serializer):
    """A change of the item, or of the order in the group, with this ``key``.

    ``field`` is the one that differs, and empty if the item is added or deleted or
    the order changed. ``was`` are the live values that the campaign departs from,
    ``now`` is its own; ``schedule`` is a pair, ``visibleFrom`` and ``visibleUntil``,
    and a group is its key. With ``isLive``, clients read it already.
    """

    kind = serializers.ChoiceField(choices=CHANGE_KINDS)
    key = serializers.CharField(allow_null=True)
    field = serializers.CharField()
    name = serializers.CharField()
    words = serializers.CharField()
    isLive = serializers.BooleanField()
    was = serializers.ListField(child=serializers.JSONField())
    now = serializers.JSONField()


class CampaignChangesSerializer(Serializer):
    """What a campaign changes; ``digest`` identifies it."""

    digest = serializers.CharField()
    changes = CampaignChangeSerializer(many=True)


def changes_as_json(view: View) -> dict[str, Any]:
    listed = [_change(view, one) for one in changes(view)]
    found = {"digest": rows.digest(view.campaign, view.stored), "changes": listed}
    result: dict[str, Any] = CampaignChangesSerializer(found).data
    return result


def _change(view: View, one: CampaignChange) -> dict[str, Any]:
    value = view.differences.changed.get(one.key or "", {}).get(one.field)
    return {
        "kind": one.kind,
        "key": one.key,
        "field": wire_name(one.field),
        "name": one.name,
        "words": one.words,
        "isLive": one.is_live,
        "was": list(value.was) if value else [],
        "now": value.now if value else None,
    }


class ChoiceSerializer(Serializer):
    """What can be chosen, and its words. ``edit`` is done by changing the item."""

    name = serializers.CharField()
    label: serializers.CharField = serializers.CharField()  # type: ignore[assignment]  # DRF has a "label", too


class ConflictSerializer(Serializer):
    """What has to be decided before a campaign can go live.

    ``kind``, ``key`` and ``detail`` identify it; ``own`` is the campaign's value.
    """

    kind = serializers.ChoiceField(choices=CONFLICT_KINDS)
    key = serializers.CharField(allow_null=True)
    detail = serializers.CharField()
    name = serializers.CharField()
    sentence = serializers.CharField()
    own = serializers.CharField()
    live = serializers.CharField()
    choices = ChoiceSerializer(many=True)


class CampaignConflictsSerializer(Serializer):
    """All that has to be decided."""

    conflicts = ConflictSerializer(many=True)


def conflicts_as_json(decisions: list[Decision]) -> dict[str, Any]:
    listed = [
        {
            **one._asdict(),
            "kind": one.conflict.kind,
            "key": one.conflict.key,
            "detail": wire_name(one.conflict.detail),
        }
        for one in decisions
    ]
    result: dict[str, Any] = CampaignConflictsSerializer({"conflicts": listed}).data
    return result


class DecisionSerializer(Serializer):
    """A choice for a conflict, which is identified as it was read."""

    kind = serializers.ChoiceField(choices=CONFLICT_KINDS)
    key = serializers.CharField(max_length=36, allow_null=True)
    detail = serializers.CharField(max_length=36, allow_blank=True, default="")
    choice = serializers.CharField(max_length=20)

    @property
    def conflict(self) -> merge.Conflict:
        sent = self.validated_data
        detail = sent["detail"]
        if sent["kind"] == merge.FIELD:
            detail = model_name(detail)
        return merge.Conflict(sent["kind"], sent["key"], detail)


class ApprovalSerializer(ModelSerializer):
    """Who approved a campaign, as it was with this ``digest``.

    It counts while ``isValid``: if the campaign is the same, and this person neither
    edited nor planned it.
    """

    note = serializers.CharField(
        max_length=1000, required=False, allow_blank=True, default=""
    )
    by = serializers.CharField(read_only=True)
    at = serializers.DateTimeField(read_only=True)
    isValid = serializers.SerializerMethodField()

    class Meta:
        model = Approval
        fields = ("digest", "note", "by", "at", "isValid")

    def get_isValid(self, approval: Approval) -> bool:
        campaign = approval.campaign
        digest = rows.digest(campaign, rows.read(campaign))
        return approvals.valid(campaign, digest).filter(pk=approval.pk).exists()


class CampaignApprovalsSerializer(Serializer):
    """The approvals of a campaign, and how many it still needs."""

    missing = serializers.IntegerField()
    approvals = ApprovalSerializer(many=True)


class PublicationSerializer(Serializer):
    """What was reviewed, and when it goes live: without ``publishAt``, at once.

    At ``endsAt``, what the campaign did is taken back.
    """

    digest = serializers.CharField(max_length=64)
    publishAt = MomentField(allow_null=True, default=None, validators=[soon_enough])
    endsAt = MomentField(allow_null=True, default=None, validators=[soon_enough])
    breakGlass = serializers.BooleanField(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["breakGlass"] and attrs["publishAt"] is not None:
            text = "What is published without approvals goes live at once."
            raise serializers.ValidationError({"breakGlass": text})
        return attrs
