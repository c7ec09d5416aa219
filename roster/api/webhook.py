"""Signed notices from a provisioning system: accounts registered or unregistered.

Source: Standard Webhooks 1.0.0, "Webhook Headers" and "Signature scheme".
"""

import base64
import hmac
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from roster.accounts import directory
from roster.models import MAX_JID_LENGTH
from roster.privacy import holders
from xmppservice.api import representation
from xmppservice.api.serializers import BoundedList, Serializer
from xmppservice.api.views import Described
from xmppservice.protocol.jids import bare_jid, domain_of, local_of

REGISTERED, UNREGISTERED = "account.registered", "account.unregistered"
PREFIX = "whsec_"
TOLERANCE_SECONDS = 300  # between the sender's clock and ours
MAX_JIDS = 10_000  # accounts in one notice


class JidField(serializers.CharField):
    """A bare JID of a served domain."""

    def to_internal_value(self, data: Any) -> str:
        jid: str = super().to_internal_value(data)
        if len(jid) > MAX_JID_LENGTH or bare_jid(jid) != jid or not local_of(jid):
            raise ValidationError("Must be a bare JID.")
        if domain_of(jid) not in settings.XMPP_DOMAINS:
            raise ValidationError("Must be in a served domain (XMPP_DOMAINS).")
        return jid


class TimeField(serializers.DateTimeField):
    """A moment, with its time zone."""

    def to_internal_value(self, value: Any) -> datetime:
        try:
            at = parse_datetime(value) if isinstance(value, str) else None
            if at is not None and timezone.is_aware(at):
                # A clock that is ahead must not override what we learn meanwhile.
                return min(at.astimezone(UTC), timezone.now())
        except (ValueError, OverflowError):
            pass
        raise ValidationError("Must be a date and time with a time zone.")


class TrueOrFalse(serializers.BooleanField):
    """Nothing that merely resembles it: ``true`` deletes what users have stored."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise ValidationError("Must be true or false.")
        return data


class JidsSerializer(Serializer):
    """The accounts of a notice. ``reassigned``: they have other holders now."""

    jids = BoundedList(
        child=JidField(max_length=MAX_JID_LENGTH, trim_whitespace=False),
        min_length=1,
        max_length=MAX_JIDS,
    )
    reassigned = TrueOrFalse(default=False)


class NoticeSerializer(Serializer):
    """A notice about accounts from a provisioning system."""

    type = serializers.ChoiceField(choices=(REGISTERED, UNREGISTERED))
    timestamp = TimeField()
    data: serializers.Serializer = JidsSerializer()  # type: ignore[assignment]  # DRF has "data", too

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["data"]["reassigned"] and attrs["type"] != REGISTERED:
            text = f"Only numbers that are {REGISTERED} have other holders."
            raise ValidationError({"data": {"reassigned": text}})
        return attrs


class AccountEvents(Described):
    """Report accounts that have registered or unregistered on the XMPP server.

    The body has ``type``, ``timestamp`` (when it happened, ISO 8601), and ``data``
    with ``jids``, a list of bare JIDs of served domains. With ``account.registered``,
    ``"reassigned": true`` says that the numbers have other holders: nothing that is
    stored from before concerns them. ``account.unregistered`` deletes what the users
    have stored. A notice never overrides newer information, so notices may arrive
    twice and in any order. Returns 204; 403 for a wrong or old signature, 404 if
    ACCOUNT_WEBHOOK_SECRET is not set.
    """

    authentication_classes: Sequence[type[BaseAuthentication]] = ()
    permission_classes = (AllowAny,)

    @extend_schema(request=NoticeSerializer, responses={HTTPStatus.NO_CONTENT: None})
    def post(self, request: Request) -> Response:
        _check_signature(request)
        serializer = NoticeSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        notice = serializer.validated_data
        apply = _apply(notice["type"], notice["data"]["reassigned"])
        apply(notice["data"]["jids"], notice["timestamp"])
        return Response(status=HTTPStatus.NO_CONTENT)


def _check_signature(request: Request) -> None:
    if not settings.ACCOUNT_WEBHOOK_SECRET:
        raise NotFound("The webhook is not in use: ACCOUNT_WEBHOOK_SECRET is not set.")
    headers = request.headers
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    body = representation.whole_body(request)
    expected = signature(settings.ACCOUNT_WEBHOOK_SECRET, id, timestamp, body)
    signatures = headers.get("webhook-signature", "").split()
    if not any(
        hmac.compare_digest(given.encode(), expected.encode()) for given in signatures
    ):
        raise PermissionDenied("The signature is invalid.")
    if (
        not timestamp.isdecimal()
        or abs(time.time() - int(timestamp)) > TOLERANCE_SECONDS
    ):
        raise PermissionDenied("The notice is too old, or a clock is wrong.")


def signature(secret: str, id: str, timestamp: str, body: bytes) -> str:
    """Return what ``webhook-signature`` must contain for a notice."""
    key = base64.b64decode(secret.removeprefix(PREFIX))
    mac = hmac.digest(key, f"{id}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(mac).decode()


def _registered(jids: Sequence[str], at: datetime) -> None:
    directory.apply_notices(dict.fromkeys(jids, True), at)


def _apply(type: str, reassigned: bool) -> Callable[[Sequence[str], datetime], None]:
    if reassigned:
        return holders.reassigned
    return _registered if type == REGISTERED else holders.deleted
