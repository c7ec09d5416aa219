from rest_framework import serializers

from roster.models import Account


class AccountSerializer(serializers.ModelSerializer):
    """An account; ``msisdn`` is E.164, or empty for a JID that is no number."""

    lastSeen = serializers.DateTimeField(source="last_seen", read_only=True)

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
        )
        read_only_fields = ("msisdn",)
