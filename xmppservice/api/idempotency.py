"""Idempotent writes: a repeated request gets the response to the first one.

Source: draft-ietf-httpapi-idempotency-key-header, "The Idempotency-Key HTTP Request
Header Field".
"""

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from xmppservice.api import problems, representation
from xmppservice.api.models import IdempotentRequest, Token
from xmppservice.api.views import WRITES, Described

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255  # characters
RETENTION = timedelta(days=1)


class Idempotent(Described):
    """A view whose writes can be repeated under a key that the client chooses.

    A write and the record of its response share one transaction. Refused requests
    are not recorded, so a repeat is processed anew.
    """

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        # First authenticate the client, check its permissions and throttle it.
        super().initial(request, *args, **kwargs)
        key = request.headers.get(HEADER)
        method = str(request.method).lower()
        if key is None or request.method not in WRITES or not hasattr(self, method):
            return
        if not 0 < len(key) <= MAX_KEY_LENGTH:
            raise ValidationError(
                {HEADER: f"Must have 1 to {MAX_KEY_LENGTH} characters."}
            )
        record = IdempotentRequest(
            key=_key_digest(request, key), request=_request_digest(request)
        )
        setattr(self, method, partial(_write_once, record, getattr(self, method)))


def forget_old() -> int:
    """Delete responses that are too old to be repeated; return how many."""
    old = timezone.now() - RETENTION
    return IdempotentRequest.objects.filter(made_at__lt=old).delete()[0]


def _key_digest(request: Request, key: str) -> str:
    token = request.auth
    owner = f"token {token.pk}" if isinstance(token, Token) else f"{request.user.pk}"
    return _digest(owner, key)


def _request_digest(request: Request) -> str:
    text = f"Too large for an {HEADER}. Send less, or leave out the header."
    body = representation.whole_body(request, text)
    return _digest(str(request.method), request.get_full_path(), body)


def _digest(*parts: str | bytes) -> str:
    result = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        result.update(len(data).to_bytes(8) + data)
    return result.hexdigest()


@transaction.atomic
def _write_once(
    record: IdempotentRequest,
    write: Callable[..., Response],
    request: Request,
    *args: Any,
    **kwargs: Any,
) -> Response:
    old = timezone.now() - RETENTION
    IdempotentRequest.objects.filter(key=record.key, made_at__lt=old).delete()
    # Of two simultaneous requests, the second waits here until the first ends.
    row, is_new = IdempotentRequest.objects.get_or_create(
        key=record.key, defaults={"request": record.request}
    )
    if not is_new:
        return _replay(row, record)
    response = write(request, *args, **kwargs)
    row.status = response.status_code
    row.body = JSONRenderer().render(response.data).decode()
    row.save(update_fields=["status", "body"])
    return response


def _replay(row: IdempotentRequest, request: IdempotentRequest) -> Response:
    if row.request != request.request:
        raise problems.KeyReused
    data = json.loads(row.body) if row.body else None
    return Response(data, row.status, headers={"Idempotency-Replayed": "true"})
