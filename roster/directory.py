"""Who is a user, who asked about whom, and how much asking is left.

The table of accounts answers first; what it does not know is asked of the XMPP
server and remembered: users as accounts, everybody else for minutes, in memory.
"""

import hashlib
import hmac
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import datetime, timedelta
from itertools import islice
from math import ceil

from django.conf import settings
from django.core.cache import cache
from django.db.models import Q
from django.utils import timezone

from roster import msisdn
from roster.models import Account, AddressBookEntry
from xmppservice import stanzas

ASKED_AT_ONCE = 1_000
SEEN_EVERY = timedelta(hours=1)
YEAR = timedelta(days=365).total_seconds()

Exist = Callable[[Sequence[str]], Sequence[bool]]


def owner_of(jid: str) -> Account | None:
    """The account that owns a command; None when no served domain is its home.

    Whoever sends a command has an account: it is made when it is not known.
    """
    if stanzas.domain(jid) not in settings.XMPP_DOMAINS or not stanzas.local(jid):
        return None
    made = {"msisdn": msisdn.of_jid(jid) or "", "checked_at": timezone.now()}
    return Account.objects.get_or_create(jid=jid, defaults=made)[0]


def gone(account: Account) -> None:
    """Forget an account that the XMPP server has no more; a given one stays."""
    Account.objects.filter(pk=account.pk).exclude(checked_at=None).delete()


# --- Users --------------------------------------------------------------------


def users(contacts: Mapping[str, str], domain: str, exist: Exist) -> dict[str, str]:
    """Those contacts who are registered, enabled and discoverable: key → JID.

    ``contacts`` maps contact keys to the JID each would have. ``exist`` asks
    the XMPP server about bare JIDs; what it raises passes through.
    """
    known = _known(contacts, domain)
    unknown = {
        key: known[key].jid if key in known else jid
        for key, jid in contacts.items()
        if stanzas.domain(jid) == domain and _is_open(key, known)
    }
    # What one part has told is kept, should the next be Late.
    for part in _parts(unknown, ASKED_AT_ONCE):
        _learn(_ask(part, exist), known)
    return {
        key: account.jid
        for key, account in known.items()
        if account.enabled and account.discoverable
    }


def _known(contacts: Mapping[str, str], domain: str) -> dict[str, Account]:
    known = {}
    for part in _parts(contacts, ASKED_AT_ONCE):
        numbers = [key for key in part if key.startswith("+")]
        rows = Account.objects.filter(
            Q(jid__in=list(part.values())) | Q(msisdn__in=numbers)
        )
        for row in rows:
            key = msisdn.contact_key(row.jid, domain)
            if stanzas.domain(row.jid) == domain and key in part:
                known[key] = row
    return known


def _parts(contacts: Mapping[str, str], size: int) -> Iterator[dict[str, str]]:
    """Parts that a database takes as parameters of one query, and a server at once."""
    waiting = iter(contacts.items())
    while part := dict(islice(waiting, size)):
        yield part


def _is_open(key: str, known: Mapping[str, Account]) -> bool:
    if key not in known:
        return True
    checked = known[key].checked_at
    days = timedelta(days=settings.ACCOUNT_PRESENT_DAYS)
    return checked is not None and checked < timezone.now() - days


def _ask(unknown: Mapping[str, str], exist: Exist) -> dict[str, tuple[str, bool]]:
    marks = {_absent(jid): key for key, jid in unknown.items()}
    absent = {marks[mark] for mark in cache.get_many(marks)}
    asked = {key: jid for key, jid in unknown.items() if key not in absent}
    found = exist(list(asked.values()))
    return {k: (j, yes) for (k, j), yes in zip(asked.items(), found, strict=True)}


def _learn(told: Mapping[str, tuple[str, bool]], known: dict[str, Account]) -> None:
    """Keep what the XMPP server told, in ``known`` and in the table."""
    absent = [key for key, (_, there) in told.items() if not there]
    cache.set_many(
        {_absent(told[key][0]): True for key in absent}, settings.ACCOUNT_ABSENT_SECONDS
    )
    stale = [known.pop(key).pk for key in absent if key in known]
    if stale:
        # What staff has switched off stays off, should the account come back.
        untouched = Account.objects.filter(enabled=True, discoverable=True)
        untouched.filter(pk__in=stale).delete()
    there = [jid for jid, yes in told.values() if yes]
    if there:
        _keep(there)
        jids = {jid: key for key, (jid, yes) in told.items() if yes}
        for row in Account.objects.filter(jid__in=there):
            known[jids[row.jid]] = row


def _keep(jids: Iterable[str]) -> None:
    now = timezone.now()
    rows = [
        Account(jid=jid, msisdn=msisdn.of_jid(jid) or "", checked_at=now)
        # In one order everywhere: two who keep the same ones do not deadlock.
        for jid in sorted(jids)
    ]
    Account.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["jid"], update_fields=["checked_at"]
    )


def _absent(jid: str) -> str:
    return f"absent:{digest(jid)}"


def refresh(exist: Exist, most: int = 1000) -> int:
    """Ask again about accounts that the XMPP server told us of long ago.

    Deletes those that are gone; returns how many were asked about.
    """
    before = timezone.now() - timedelta(days=settings.ACCOUNT_PRESENT_DAYS)
    stale = Account.objects.filter(checked_at__lt=before).order_by("checked_at")
    rows = {row.jid: row for row in stale[:most]}
    told = zip(rows, exist(list(rows)), strict=True)
    _learn({jid: (jid, there) for jid, there in told}, dict(rows))
    return len(rows)


# --- Address book and budget ----------------------------------------------------


def digest(key: str) -> str:
    """Keyed digest of a contact: no number is readable at rest."""
    secret = settings.ADDRESS_BOOK_KEY.encode()
    return hmac.new(secret, key.encode(), hashlib.sha256).hexdigest()


class AddressBook:
    """An owner's contacts, and the right to ask about them, during one turn.

    Nothing is stored before :meth:`save`. An owner has one turn at a time, so
    the budget is exact.
    """

    def __init__(self, owner: Account, keys: Collection[str], now: datetime) -> None:
        self.owner, self.now = owner, now
        self.digests = {key: digest(key) for key in keys}
        self.mine = AddressBookEntry.objects.filter(owner=owner.jid)
        self.stored = {
            digest: asked
            for part in _parts(self.digests, ASKED_AT_ONCE)
            for digest, asked in self.mine.filter(
                digest__in=list(part.values())
            ).values_list("digest", "asked")
        }
        self.left = self._budget()
        self.charged: set[str] = set()

    def covers(self, keys: Iterable[str]) -> bool:
        """Charge for all of ``keys``, or for none; those asked before are free."""
        new = self._new(keys)
        if len(new) > self.left:
            return False
        self._charge(new)
        return True

    def covered(self, keys: Iterable[str]) -> set[str]:
        """Charge for ``keys`` as far as the budget goes; return those covered."""
        keys = list(keys)
        new = self._new(keys)
        affordable = new[: int(self.left)]
        self._charge(affordable)
        return set(keys) - set(new[len(affordable) :])

    def free(self, keys: Iterable[str]) -> set[str]:
        """Those of ``keys`` that were asked about before."""
        keys = set(keys)
        return keys - set(self._new(keys))

    def retry_after(self, keys: Iterable[str]) -> int:
        """Seconds until the budget covers ``keys``."""
        missing = len(self._new(keys)) - self.left
        return max(1, ceil(missing * YEAR / max(1, settings.DISCOVERY_PER_YEAR)))

    def save(self) -> None:
        """Store the contacts, and what was charged."""
        charged = {self.digests[key] for key in self.charged}
        AddressBookEntry.objects.bulk_create(
            (
                AddressBookEntry(owner=self.owner.jid, digest=one, asked=one in charged)
                for one in self.digests.values()
                if one not in self.stored
            ),
            ignore_conflicts=True,
        )
        again = {one: one for one in charged if one in self.stored}
        for part in _parts(again, ASKED_AT_ONCE):
            self.mine.filter(digest__in=list(part)).update(asked=True)
        self._save_owner()

    def _save_owner(self) -> None:
        seen = self.owner.last_seen
        if self.charged or seen is None or seen < self.now - SEEN_EVERY:
            Account.objects.filter(pk=self.owner.pk).update(
                budget=self.left,
                budget_at=self.now,
                last_seen=self.now,
                # Prosody has just stamped the owner's JID on a stanza.
                checked_at=self.owner.checked_at and self.now,
            )

    def _budget(self) -> float:
        burst = float(settings.DISCOVERY_BURST)
        if self.owner.budget is None or self.owner.budget_at is None:
            return burst
        seconds = (self.now - self.owner.budget_at).total_seconds()
        refill = seconds * settings.DISCOVERY_PER_YEAR / YEAR
        return min(burst, self.owner.budget + refill)

    def _new(self, keys: Iterable[str]) -> list[str]:
        return [
            key
            for key in dict.fromkeys(keys)
            if key not in self.charged and not self.stored.get(self.digests[key])
        ]

    def _charge(self, keys: Sequence[str]) -> None:
        self.charged.update(keys)
        self.left -= len(keys)
