"""The tree and its releases as JSON, in the contract's names."""

from datetime import UTC, datetime
from typing import Any, get_args

from django.db import models
from rest_framework import serializers

from buddies.document.text import normal
from buddies.models import Buddy, Release
from buddies.tree.positions import Where
from xmppservice.api.serializers import ModelSerializer, Serializer
from xmppservice.runtime.moments import resolve


class MomentField(serializers.DateTimeField):
    """A date and time in ISO 8601; without an offset, in TIME_ZONE."""

    def to_internal_value(self, value: Any) -> datetime:
        # Two moments of one zone compare without their offsets, as if equal.
        moment: datetime = super().to_internal_value(value).astimezone(UTC)
        return moment

    def enforce_timezone(self, value: datetime) -> datetime:
        result: datetime = super().enforce_timezone(resolve(value))
        return result


CHANGE_KINDS = ("added", "removed", "moved", "reordered", "shown", "hidden", "edited")
KEY: dict[str, Any] = {"min_value": 1, "max_value": 2**63 - 1}
# Entries that only a campaign has have negative ones.
ENTRY_KEY: dict[str, Any] = {"min_value": 1 - 2**63, "max_value": 2**63 - 1}


class EntryText(serializers.CharField):
    """A text of an entry, as it is stored: see :mod:`buddies.document.text`."""

    default_error_messages = {
        "blank": Buddy._meta.get_field("name").error_messages["blank"]
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "trim_whitespace": False})

    def to_internal_value(self, data: Any) -> str:
        text: str = normal(str(self.source), super().to_internal_value(data))
        return text

    def run_validators(self, value: Any) -> None:
        # Every write of buddies.tree.edits is judged, with the words of all doors.
        pass


class EntrySerializer(ModelSerializer):
    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.CharField: EntryText,
        models.TextField: EntryText,
    }


class EntryField(serializers.PrimaryKeyRelatedField):
    """The id of an entry of the tree that the request is about."""

    def __init__(self, **kwargs: Any) -> None:
        key = serializers.IntegerField(**ENTRY_KEY)
        super().__init__(queryset=Buddy.objects.all(), pk_field=key, **kwargs)

    def get_queryset(self) -> Any:
        view = self.context.get("view")
        return view.get_queryset() if view else super().get_queryset()


class InfoSerializer(EntrySerializer):
    """The ``info`` object of an item (contract, 1)."""

    imageUrl = EntryText(
        source="image_url", max_length=2000, required=False, allow_blank=True
    )
    thumbUrl = EntryText(
        source="thumb_url", max_length=2000, required=False, allow_blank=True
    )
    defaultMessage = EntryText(
        source="default_message", required=False, allow_blank=True
    )

    class Meta:
        model = Buddy
        fields = ("name", "status", "imageUrl", "thumbUrl", "defaultMessage")


class BuddySerializer(EntrySerializer):
    """A group or a channel. ``parent`` is the id of its group, null without one.

    ``key`` stays the same when the entry is deleted and the deletion undone, and when
    a campaign adds it: until then its id is negative.
    """

    serverAddress = EntryText(
        source="server_address", max_length=255, required=False, allow_blank=True
    )
    mobileIsPublished = serializers.BooleanField(
        source="mobile_is_published", required=False
    )
    webIsPublished = serializers.BooleanField(source="web_is_published", required=False)
    info = InfoSerializer(source="*")
    parent: EntryField = EntryField(allow_null=True, required=False)  # type: ignore[assignment]  # DRF has a "parent", too
    key = serializers.UUIDField(read_only=True)
    position = serializers.IntegerField(read_only=True)
    version = serializers.IntegerField(read_only=True)
    visibleFrom = MomentField(source="visible_from", allow_null=True, required=False)
    visibleUntil = MomentField(source="visible_until", allow_null=True, required=False)

    class Meta:
        model = Buddy
        fields = (
            "id",
            "key",
            "parent",
            "position",
            "version",
            "address",
            "serverAddress",
            "type",
            "mobileIsPublished",
            "webIsPublished",
            "visibleFrom",
            "visibleUntil",
            "info",
        )


class MoveSerializer(Serializer):
    """Where to move an entry: next to a target, or into it; null is the top level."""

    target: EntryField = EntryField(allow_null=True)
    where = serializers.ChoiceField(choices=get_args(Where))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["target"] is None and attrs["where"] in ("before", "after"):
            text = 'Name a target, or use "first" or "last".'
            raise serializers.ValidationError({"target": text})
        return attrs


class TreeSerializer(Serializer):
    """The tree's state. ``size`` and ``limit`` are bytes of the document's stanza."""

    version = serializers.IntegerField(source="tree.version")
    builtVersion = serializers.IntegerField(source="tree.built")
    liveRelease = serializers.IntegerField(source="live.number", allow_null=True)
    refused = serializers.CharField(source="tree.refused")
    size = serializers.IntegerField(source="tree.size")
    limit = serializers.IntegerField()


class ChangeSerializer(Serializer):
    """One difference between two documents."""

    kind = serializers.ChoiceField(choices=CHANGE_KINDS)
    address = serializers.CharField()
    name = serializers.CharField()
    words = serializers.CharField()


class DiffSerializer(Serializer):
    """The changes from one release to another, by number."""

    old = serializers.IntegerField(allow_null=True)
    new = serializers.IntegerField()
    changes = ChangeSerializer(many=True)


class ReleaseSerializer(ModelSerializer):
    """A release without its document. ``liveAt``: when clients began to read it.

    Only the ``name`` and ``pinned`` can be changed; a pinned release is kept for ever.
    """

    createdAt = serializers.DateTimeField(source="created_at")
    liveAt = serializers.DateTimeField(source="live_at", allow_null=True)

    class Meta:
        model = Release
        fields = (
            "number",
            "digest",
            "size",
            "author",
            "note",
            "automatic",
            "createdAt",
            "liveAt",
            "name",
            "pinned",
        )
        read_only_fields = fields[:-2]
