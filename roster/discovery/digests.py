"""Keyed digests: a number at rest is an HMAC-SHA-256 under a key that is not in the
database.
"""

import hashlib
import hmac
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings

from roster.models import Account
from roster.msisdn import Number

# A number without these digits is its prefix, which 10,000 numbers share.
LINE_DIGITS = 4


class Key(NamedTuple):
    """``name`` is stored beside each digest, ``secret`` nowhere."""

    name: str
    secret: bytes

    def digest(self, text: str) -> bytes:
        return hmac.digest(self.secret, text.encode(), "sha256")


def keys() -> tuple[Key, ...]:
    """The keys of ADDRESS_BOOK_KEY and ADDRESS_BOOK_OLD_KEYS, the newest first."""
    return _keys(tuple(settings.ADDRESS_BOOK_KEYS))


@lru_cache(maxsize=8)
def _keys(secrets: tuple[str, ...]) -> tuple[Key, ...]:
    encoded = [secret.encode() for secret in secrets]
    return tuple(
        Key(hashlib.sha256(secret).hexdigest()[:8], secret) for secret in encoded
    )


def digests(contact: str) -> list[bytes]:
    """The digest of a contact key under each key, the newest first."""
    return [key.digest(contact) for key in keys()]


def prefix_of(owner: Account, number: Number) -> int:
    """15 bits that the owner's numbers of one block share."""
    block = keys()[0].digest(f"{owner.pk} {number[:-LINE_DIGITS]}")
    return int.from_bytes(block[:2]) & 0x7FFF
