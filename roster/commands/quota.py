"""How much an owner may have stored: commands that wait, and answers that are kept."""

import time
from collections import Counter
from collections.abc import Iterable
from functools import reduce
from operator import or_

from django.conf import settings
from django.db.models import Q, Sum
from django.db.models.functions import Length

from roster.models import Command
from xmppservice.protocol.jids import domain_of

ROW_BYTES = 500  # of a command besides what the client sent and its answer
SMALLEST_BYTES = 2 * ROW_BYTES  # of a command that is worth another look
RETRY_SECONDS = 60
MAX_OWNERS = 100_000  # remembered at a time
STRANGERS = ""  # one owner for all domains that are not served: names cost them nothing


class StorageQuota:
    """Admits an owner's commands up to OWNER_STORAGE_BYTES.

    The table is asked only after each eighth of that: most owners send far less. For
    one thread.
    """

    def __init__(self) -> None:
        self._room: dict[str, float] = {}  # what fits before the table is asked
        self._full_until: dict[str, float] = {}
        self._unstored: Counter[str] = Counter()

    def begin(self) -> None:
        """All admitted commands are stored: the next batch begins."""
        self._unstored.clear()

    def admits(self, owner: str, size: int) -> bool:
        """Whether a command of ``size`` bytes may be stored."""
        if domain_of(owner) not in settings.XMPP_DOMAINS:
            owner = STRANGERS
        now = time.monotonic()
        if self._full_until.get(owner, now) > now:
            return False
        part = settings.OWNER_STORAGE_BYTES // 8
        room = self._room.get(owner, part)
        if size > room:
            used = _stored(owner) + self._unstored[owner]
            free = settings.OWNER_STORAGE_BYTES - used
            if free < SMALLEST_BYTES:
                self._remember(self._full_until, owner, now + RETRY_SECONDS)
            if size > free:
                return False
            room = min(free, max(part, size))
        self._remember(self._room, owner, room - size)
        self._unstored[owner] += size
        return True

    def _remember(self, values: dict[str, float], owner: str, value: float) -> None:
        if len(values) >= MAX_OWNERS:
            values.clear()
        values[owner] = value


def _stored(owner: str) -> int:
    """About how many bytes of an owner's commands are stored."""
    rows = Command.objects.order_by()
    if owner == STRANGERS:
        ends = (Q(owner__endswith=f"@{domain}") for domain in settings.XMPP_DOMAINS)
        rows = rows.exclude(reduce(or_, ends))
    else:
        rows = rows.filter(owner=owner)
    sums = rows.aggregate(sizes=Sum("size"), answers=Sum(Length("answer")))
    return int((sums["sizes"] or 0) + (sums["answers"] or 0))


def size_of(texts: Iterable[str]) -> int:
    """About how many bytes a command takes, whose row has these texts."""
    return ROW_BYTES + len("".join(texts).encode())
