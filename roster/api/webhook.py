"""Signed notices from a provisioning system: accounts registered or unregistered.

Source: Standard Webhooks 1.0.0, "Webhook Headers" and "Signature scheme".
"""

import base64
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from roster.accounts import directory
from roster.models import MAX_JID_LENGTH
from roster.privacy import holders
from xmppservice.api import problems
from xmppservice.protocol.jids import bare_jid, domain_of, local_of

REGISTERED, UNREGISTERED = "account.registered", "account.unregistered"
PREFIX = "whsec_"
TOLERANCE_SECONDS = 300  # between the sender's clock and ours
MAX_JIDS = 10_000  # accounts in one notice


class JidsSerializer(serializers.Serializer):
    jids = serializers.ListField(
        child=serializers.CharField(max_length=MAX_JID_LENGTH),
        min_length=1,
        max_length=MAX_JIDS,
    )
    reassigned = serializers.BooleanField(default=False)


class NoticeSerializer(serializers.Serializer):
    """A notice about accounts from a provisioning system."""

    type = serializers.ChoiceField(choices=(REGISTERED, UNREGISTERED))
    timestamp = serializers.DateTimeField()
    data: serializers.Serializer = JidsSerializer()  # type: ignore[assignment]  # DRF has "data", too


class AccountEvents(APIView):
    """Report accounts that have registered or unregistered on the XMPP server.

    The body has ``type``, ``timestamp`` (when it happened, ISO 8601), and ``data``
    with ``jids``, a list of bare JIDs of served domains. With ``account.registered``,
    ``"reassigned": true`` says that the numbers have other holders: nothing that is
    stored from before concerns them. ``account.unregistered`` deletes what the users
    have stored. A notice never overrides
    newer information, so notices may arrive twice and in any order. Returns 204;
    403 for a wrong or old signature, 404 if ACCOUNT_WEBHOOK_SECRET is not set.
    """

    authentication_classes: Sequence[type[BaseAuthentication]] = ()
    permission_classes = (AllowAny,)

    @extend_schema(request=NoticeSerializer, responses={HTTPStatus.NO_CONTENT: None})
    def post(self, request: Request) -> Response:
        _check_signature(request)
        apply, jids, at = _parse(request.data)
        apply(jids, at)
        return Response(status=HTTPStatus.NO_CONTENT)


def _check_signature(request: Request) -> None:
    if not settings.ACCOUNT_WEBHOOK_SECRET:
        raise NotFound("The webhook is not in use: ACCOUNT_WEBHOOK_SECRET is not set.")
    headers = request.headers
    id, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    try:
        body = request.body
    except RequestDataTooBig:
        raise problems.TooLarge from None
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


Apply = Callable[[Sequence[str], datetime], None]
NOTICES: Mapping[tuple[str, bool], Apply] = {
    (REGISTERED, False): _registered,
    (REGISTERED, True): holders.reassigned,
    (UNREGISTERED, False): holders.deleted,
}


def _parse(notice: Any) -> tuple[Apply, list[str], datetime]:
    if not isinstance(notice, Mapping):
        raise ValidationError("Must be an object.")
    if notice.get("type") not in (REGISTERED, UNREGISTERED):
        raise ValidationError({"type": f"Must be {REGISTERED} or {UNREGISTERED}."})
    data = notice.get("data")
    data = data if isinstance(data, Mapping) else {}
    apply = NOTICES.get((notice["type"], data.get("reassigned", False)))
    if apply is None:
        text = f"Must be true or false, and true only with {REGISTERED}."
        raise ValidationError({"data.reassigned": text})
    jids = data.get("jids")
    if not isinstance(jids, list) or not 0 < len(jids) <= MAX_JIDS:
        raise ValidationError({"data.jids": f"Must be a list of 1 to {MAX_JIDS} JIDs."})
    for place, jid in enumerate(jids):
        _check_jid(jid, f"data.jids[{place}]")
    return apply, jids, _timestamp(notice.get("timestamp"))


def _check_jid(jid: object, place: str) -> None:
    if not isinstance(jid, str) or len(jid) > MAX_JID_LENGTH:
        raise ValidationError({place: "Must be a bare JID."})
    if bare_jid(jid) != jid or not local_of(jid):
        raise ValidationError({place: "Must be a bare JID."})
    if domain_of(jid) not in settings.XMPP_DOMAINS:
        raise ValidationError({place: "Must be in a served domain (XMPP_DOMAINS)."})


def _timestamp(text: object) -> datetime:
    try:
        at = parse_datetime(text) if isinstance(text, str) else None
        if at is not None and timezone.is_aware(at):
            # A clock that is ahead must not override what we learn meanwhile.
            return min(at.astimezone(UTC), timezone.now())
    except (ValueError, OverflowError):
        pass
    raise ValidationError({"timestamp": "Must be a date and time with a time zone."})
