"""Accounts and commands as JSON."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from rest_framework import serializers

from roster.models import MAX_JID_LENGTH, Account, Command
from xmppservice.api.serializers import (
    MAX_NAMED,
    BoundedList,
    ModelSerializer,
    Serializer,
)

MAX_ROWS = 10_000


class AccountSerializer(ModelSerializer):
    """An account. ``msisdn`` is E.164, or empty if the JID is not a number."""

    # The model normalises it before validating it.
    jid = serializers.CharField(max_length=MAX_JID_LENGTH)
    lastSeen = serializers.DateTimeField(
        source="last_seen", read_only=True, allow_null=True
    )
    goneSince = serializers.DateTimeField(
        source="gone_at", read_only=True, allow_null=True
    )

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


class RowSerializer(Serializer):
    """An account, by bare JID or phone number. Omitted fields stay unchanged."""

    account = serializers.CharField(max_length=MAX_JID_LENGTH)
    name = serializers.CharField(max_length=255, allow_blank=True, required=False)
    enabled = serializers.BooleanField(required=False)
    discoverable = serializers.BooleanField(required=False)


class Rows(BoundedList):
    """Rows that have no unknown column. Their values are validated later.

    A wrong value concerns its own row; a column that nobody reads, what all are for.
    """

    child: RowSerializer

    def run_child_validation(self, data: Iterable[Any]) -> list[Any]:
        rows, errors = list(data), dict[Any, Any]()
        for place, row in enumerate(rows):
            if not isinstance(row, Mapping):
                errors[place] = ["Must be an object."]
            elif unknown := self.child.unknown(row):
                errors[place] = unknown
            if len(errors) == MAX_NAMED:
                break
        if errors:
            raise serializers.ValidationError(errors)
        return rows


class BulkSerializer(Serializer):
    """Accounts to add or change. Each row is validated on its own."""

    accounts = Rows(child=RowSerializer(), min_length=1, max_length=MAX_ROWS)


class RowError(Serializer):
    """An error in a row, with the JSON Pointer to it."""

    pointer = serializers.CharField()
    detail = serializers.CharField()


class StoredSerializer(Serializer):
    """How many accounts were created, changed or left unchanged, and the errors."""

    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    errors: serializers.ListSerializer = RowError(many=True)  # type: ignore[assignment]  # DRF has "errors", too


class CommandSerializer(ModelSerializer):
    """A client's command and its state."""

    stanzaId = serializers.CharField(source="stanza_id")
    receivedAt = serializers.DateTimeField(source="received_at")
    doneAt = serializers.DateTimeField(source="done_at", allow_null=True)
    sentAt = serializers.DateTimeField(source="sent_at", allow_null=True)

    class Meta:
        model = Command
        fields: tuple[str, ...] = (
            "id",
            "state",
            "command",
            "owner",
            "stanzaId",
            "attempts",
            "error",
            "receivedAt",
            "doneAt",
            "sentAt",
        )
        read_only_fields = fields


class WholeCommandSerializer(CommandSerializer):
    """A client's command, its state and its answer.

    ``payload`` and ``answer`` contain other people's numbers: null without the
    permission to read them.
    """

    status = serializers.SerializerMethodField()
    errorCode = serializers.SerializerMethodField()
    payload = serializers.SerializerMethodField()
    answer = serializers.SerializerMethodField()

    class Meta(CommandSerializer.Meta):
        fields = (
            *CommandSerializer.Meta.fields,
            "status",
            "errorCode",
            "payload",
            "answer",
        )
        read_only_fields = fields

    def get_status(self, command: Command) -> int | None:
        return _answer(command).get("status")

    def get_errorCode(self, command: Command) -> str | None:
        return _answer(command).get("errorCode")

    def get_payload(self, command: Command) -> str | None:
        return command.payload if self._may_read else None

    def get_answer(self, command: Command) -> str | None:
        return command.answer if self._may_read else None

    @property
    def _may_read(self) -> bool:
        may: bool = self.context["request"].user.has_perm("roster.view_payload")
        return may


def _answer(command: Command) -> dict[str, Any]:
    # Our answers are JSON objects.
    result: dict[str, Any] = json.loads(command.answer) if command.answer else {}
    return result
