"""API tokens: creation, lookup and authentication.

The database stores a digest only. The secret has 256 random bits and cannot be
guessed, so a plain SHA-256 is enough to look up its row.
"""

import hashlib
import secrets
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, transaction
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import get_authorization_header as header_of
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from xmppservice.api.models import Token

PREFIX = "xs_"  # lets scanners recognise leaked secrets
SHOWN_LENGTH = len(PREFIX) + 6  # characters shown to distinguish tokens
USE_RESOLUTION = timedelta(hours=1)
SCHEMES = (b"bearer", b"token")


def make(
    user: Any, name: str, scopes: Iterable[str], expires_at: datetime | None
) -> tuple[Token, str]:
    """Store a token; return it with its secret, which cannot be read later."""
    token = Token(user=user, name=name, scopes=list(scopes), expires_at=expires_at)
    secret = set_new_secret(token)
    token.save()
    return token, secret


def set_new_secret(token: Token) -> str:
    """Give a token a new secret and return the secret; do not save the token."""
    secret = PREFIX + secrets.token_urlsafe(32)
    token.digest, token.start = digest(secret), secret[:SHOWN_LENGTH]
    return secret


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def find(secret: str) -> Token | None:
    """Return the token with this secret, unless it expired or its user is inactive."""
    result = Token.objects.select_related("user").filter(digest=digest(secret)).first()
    if result is None or result.expired or not result.user.is_active:
        return None
    return result


def record_use(token: Token) -> None:
    """Record that a token is used now, at most once an hour."""
    now = timezone.now()
    last = max(
        filter(None, (token.used_at, _recorded_uses.get(token.digest))), default=None
    )
    if last is not None and last > now - USE_RESOLUTION:
        return
    # Set before the update: a slow or read-only database delays one request only.
    _recorded_uses[token.digest] = now
    with suppress(DatabaseError), transaction.atomic():
        unlocked = Token.objects.select_for_update(skip_locked=True).filter(pk=token.pk)
        if unlocked.first() is not None:
            Token.objects.filter(pk=token.pk).update(used_at=now)


_recorded_uses: dict[str, datetime] = {}


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer SECRET`` (RFC 6750, 2.1); ``Token`` works, too."""

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        scheme, _, secret = header_of(request).partition(b" ")
        if scheme.lower() not in SCHEMES:
            return None
        token = find(secret.strip().decode("latin-1"))
        if token is None:
            text = "The token is unknown or has expired. Use a valid one."
            raise AuthenticationFailed(text)
        record_use(token)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
