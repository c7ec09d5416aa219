from rest_framework import serializers

from roster.models import BARE_JID, Account


class AccountSerializer(serializers.ModelSerializer):
    """An account; ``msisdn`` is E.164, or empty for a JID that is no number."""

    # The model normalises it before it judges.
    jid = serializers.CharField(max_length=BARE_JID)
    lastSeen = serializers.DateTimeField(source="last_seen", read_only=True)
    goneSince = serializers.DateTimeField(source="gone_at", read_only=True)

    class Meta:
        model = Account
        fields = (
            "id",
            "jid",
            "msisdn",
            "name",
            "enabled",
            "discoverable",
            "lastSeen",
            "goneSince",
        )
        read_only_fields = ("msisdn",)
