"""Which addresses the XMPP server has lately called absent: for minutes, in memory.

An address is kept as a keyed digest. Not in Django's cache, which spends five times as
long on each address.
"""

import hashlib
import time
from collections.abc import Iterable
from functools import lru_cache
from threading import Lock

from django.conf import settings

MAX_ADDRESSES = 200_000

_until: dict[bytes, float] = {}  # digest → end of validity; the oldest first
_lock = Lock()


def remember(jids: Iterable[str]) -> None:
    """Call these absent for ACCOUNT_ABSENT_SECONDS."""
    now = time.monotonic()
    with _lock:
        for digest in map(_digest, jids):
            _until.pop(digest, None)
            _until[digest] = now + settings.ACCOUNT_ABSENT_SECONDS
        while _until and (
            len(_until) > MAX_ADDRESSES or next(iter(_until.values())) < now
        ):
            del _until[next(iter(_until))]


def among(jids: Iterable[str]) -> set[str]:
    """Those of ``jids`` that were called absent."""
    now = time.monotonic()
    return {jid for jid in jids if _until.get(_digest(jid), 0.0) > now}


def forget() -> None:
    """Ask about all addresses again."""
    with _lock:
        _until.clear()


def _digest(jid: str) -> bytes:
    return hashlib.blake2b(jid.encode(), key=_key(), digest_size=16).digest()


@lru_cache
def _key() -> bytes:
    return hashlib.sha256(f"roster.directory {settings.SECRET_KEY}".encode()).digest()
