"""An owner's discovery budget: how much is left, and whether a flag blocks it.

Source: contract, 3 ("Every received contact is remembered …").
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import NamedTuple

from django.conf import settings

from roster.discovery import detector
from roster.discovery.digests import prefix_of
from roster.discovery.hit_rate import count_by, usual_hit_rate
from roster.models import Account, AddressBookEntry, Flag
from roster.msisdn import Number
from xmppservice.runtime.queries import MAX_PARAMETERS, batches

YEAR_SECONDS = timedelta(days=365).total_seconds()
# A flagged owner may retry after a day; staff should have looked by then.
FLAGGED_RETRY_SECONDS = int(timedelta(days=1).total_seconds())


class Stored(NamedTuple):
    """A known contact. Not a model, because a batch reads a thousand of them."""

    pk: int
    key: str
    is_asked: bool
    hit: bool
    is_unseen: bool  # for CONTACT_SEEN_INTERVAL


class Budget:
    """How many new contacts ``owner`` may ask about, during one batch.

    ``stored`` has the known contacts of the batch. An owner has one batch at a time,
    so the budget is exact.
    """

    def __init__(
        self,
        owner: Account,
        now: datetime,
        stored: Mapping[str, Stored],
        *,
        is_flagged: bool,
    ) -> None:
        self.owner = owner
        self.is_flagged = is_flagged
        self.left = budget_of(owner, now)
        self.charged: set[str] = set()
        self.reasons: list[detector.Reason] = []
        today = now.astimezone(UTC).date()
        used = owner.foreign_added if owner.foreign_on == today else 0
        self.foreign_left = settings.FOREIGN_CONTACTS_PER_DAY - used
        self.foreign: set[str] = set()
        self._stored = stored
        self._history: _LookupHistory | None = None

    def covers(self, contacts: Iterable[str]) -> bool:
        """Charge for all of ``contacts`` or none; those asked about before are free."""
        new = self._new(contacts)
        if self._is_blocked(new) or len(new) > self.left:
            return False
        self._charge(new)
        return True

    def covered(self, contacts: Iterable[str]) -> set[str]:
        """Charge for ``contacts`` as far as the budget goes; return those covered."""
        contacts = list(contacts)
        new = self._new(contacts)
        affordable = new[: int(self.left)]
        if self._is_blocked(affordable):
            return set()
        self._charge(affordable)
        return set(contacts) - set(new[len(affordable) :])

    def free(self, contacts: Iterable[str]) -> set[str]:
        """Those of ``contacts`` that were asked about before."""
        contacts = set() if self.is_flagged else set(contacts)
        return contacts - set(self._new(contacts))

    def retry_after(self, contacts: Iterable[str]) -> int:
        """Seconds until the budget covers ``contacts``."""
        if self.is_flagged:
            return FLAGGED_RETRY_SECONDS
        missing = len(self._new(contacts)) - self.left
        return max(
            1, ceil(missing * YEAR_SECONDS / max(1, settings.DISCOVERY_PER_YEAR))
        )

    def take_foreign(self, contact: str) -> bool:
        """Whether a contact of a domain that is not served may be added today."""
        if contact in self._stored or contact in self.foreign:
            return True
        if self.foreign_left <= 0:
            return False
        self.foreign_left -= 1
        self.foreign.add(contact)
        return True

    def _new(self, contacts: Iterable[str]) -> list[str]:
        return [
            contact
            for contact in dict.fromkeys(contacts)
            if contact not in self.charged and not self.was_asked(contact)
        ]

    def was_asked(self, contact: str) -> bool:
        """Whether the owner asked about a contact in an earlier batch."""
        return contact in self._stored and self._stored[contact].is_asked

    def _charge(self, contacts: Sequence[str]) -> None:
        self.charged.update(contacts)
        self.left -= len(contacts)
        if self._history is not None:
            self._history.crowds.update(self._prefixes_of(contacts).values())

    def _is_blocked(self, new: Sequence[str]) -> bool:
        """Whether the owner is flagged; ``new`` contacts may be what raises the flag.

        Nothing is answered to a flagged owner, known contacts neither: a previous
        holder of the number may have asked about them (contract, 4).
        """
        if new and not self.is_flagged:
            self._history = self._history or _LookupHistory(self.owner)
            numbers = self._prefixes_of(new)
            self.reasons = detector.flag_reasons(
                self._history.charged_numbers, numbers, usual_hit_rate()
            )
            self.is_flagged = bool(self.reasons)
        return self.is_flagged

    def _prefixes_of(self, new: Iterable[str]) -> dict[Number, int]:
        """Numbers with their prefixes, except those added before a flag was cleared."""
        assert self._history is not None, "no new contact has been checked yet"
        numbers = [contact for contact in new if isinstance(contact, Number)]
        pks = {one: self._stored[one].pk for one in numbers if one in self._stored}
        released = self._history.released(pks.values())
        return {
            number: prefix_of(self.owner, number)
            for number in numbers
            if pks.get(number) not in released
        }


def budget_of(owner: Account, now: datetime) -> float:
    """How many new contacts an owner may ask about at this moment."""
    burst = float(settings.DISCOVERY_BURST)
    if owner.budget is None or owner.budget_at is None:
        return burst
    seconds = (now - owner.budget_at).total_seconds()
    return min(
        burst, owner.budget + seconds * settings.DISCOVERY_PER_YEAR / YEAR_SECONDS
    )


class _LookupHistory:
    """What the detector knows about an owner: read at the first new contact."""

    def __init__(self, owner: Account) -> None:
        flag = Flag.objects.filter(owner=owner).order_by("-raised_at").first()
        rows = AddressBookEntry.objects.filter(owner=owner, prefix__isnull=False)
        self._released_at = flag.released_at if flag is not None else None
        charged = rows.exclude(asked_at=None)
        if self._released_at:
            charged = charged.filter(added_at__gt=self._released_at)
        counted = count_by(charged, "prefix")
        self.crowds: Counter[int] = Counter()
        self._hits = 0
        for prefix, count, hits in counted:
            self.crowds[prefix] += count
            self._hits += hits

    def released(self, pks: Iterable[int]) -> set[int]:
        """Those entries that were added before staff cleared the owner's flag."""
        found: set[int] = set()
        if self._released_at is not None:
            for part in batches(pks, MAX_PARAMETERS):
                rows = AddressBookEntry.objects.filter(pk__in=part)
                old = rows.filter(added_at__lte=self._released_at)
                found.update(old.values_list("pk", flat=True))
        return found

    @property
    def charged_numbers(self) -> detector.ChargedNumbers:
        return detector.ChargedNumbers(self.crowds, self._hits)
