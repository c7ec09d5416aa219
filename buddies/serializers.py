from rest_framework import serializers

from buddies.models import Buddy


class InfoSerializer(serializers.ModelSerializer):
    """The ``info`` object of an item (contract, 1)."""

    imageUrl = serializers.CharField(
        source="image_url", max_length=2000, required=False, allow_blank=True
    )
    thumbUrl = serializers.CharField(
        source="thumb_url", max_length=2000, required=False, allow_blank=True
    )
    defaultMessage = serializers.CharField(
        source="default_message",
        required=False,
        allow_blank=True,
        trim_whitespace=False,
    )

    class Meta:
        model = Buddy
        fields = ("name", "status", "imageUrl", "thumbUrl", "defaultMessage")


class BuddySerializer(serializers.ModelSerializer):
    """One entry in the contract's names; ``parent`` is the id of its group.

    What an entry must fulfil is the model's to say: see ``Buddy.full_clean``,
    which every write of :mod:`buddies.tree` calls.
    """

    serverAddress = serializers.CharField(
        source="server_address", max_length=255, required=False, allow_blank=True
    )
    mobileIsPublished = serializers.BooleanField(
        source="mobile_is_published", required=False
    )
    webIsPublished = serializers.BooleanField(source="web_is_published", required=False)
    info = InfoSerializer(source="*")
    parent: serializers.PrimaryKeyRelatedField = serializers.PrimaryKeyRelatedField(  # type: ignore[assignment]  # DRF has a "parent", too
        queryset=Buddy.objects.all(),
        pk_field=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        allow_null=True,
        required=False,
    )
    position = serializers.IntegerField(read_only=True)

    class Meta:
        model = Buddy
        fields = (
            "id",
            "parent",
            "position",
            "address",
            "serverAddress",
            "type",
            "mobileIsPublished",
            "webIsPublished",
            "info",
        )
