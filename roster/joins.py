"""Late joiners: who has a new user's number gets the roster item verified.

An account that becomes visible is announced: a row for each owner in whose address
book it is. The rows are worked off some owners a second, so that the XMPP server and
everybody else go on as ever; a row is gone when that roster is right. Only what
exists on a roster is touched, and only where the owner's discovery budget covers the
question: the group tells as much as a search.

Source: contract, 3 (AddressBook, for late joiners).
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from roster import ledger, msisdn, rules
from roster.addressbook import AT_ONCE, AddressBook, digests, in_parts
from roster.models import Account, AddressBookEntry, LateJoin
from roster.rules import Contact, RosterItem
from xmppservice import stanzas
from xmppservice.rosters import MISSING, PERMANENT, Change, Refused, Rosters

logger = logging.getLogger(__name__)

# Claimed while somebody works rows off: two of them would be twice as fast as allowed.
# No owner has that name.
WORKER = "late joins"
CHUNK = 100  # rosters in one crossing
DEADLINE = 20  # seconds that questions of a chunk share
ATTEMPTS = 8
BUSY = timedelta(seconds=1)

_VISIBLE = Q(gone_at=None, enabled=True, discoverable=True)


def waiting() -> bool:
    """Whether somebody is to be announced, or a roster to be looked at."""
    due = LateJoin.objects.filter(not_before__lte=timezone.now())
    return due.exists() or _unannounced().exists()


def _unannounced() -> QuerySet[Account]:
    return Account.objects.filter(_VISIBLE, announced=False).order_by("pk")


# --- Who holds the number -------------------------------------------------------------


def announce(most: int = AT_ONCE) -> int:
    """Queue all holders of up to ``most`` new users; return how many users."""
    accounts = list(_unannounced()[:most])
    keys = {
        digest: account for account in accounts for digest in digests(_contact(account))
    }
    places: Counter[int] = Counter()
    for part in in_parts(keys, AT_ONCE):
        holders = AddressBookEntry.objects.filter(digest__in=part)
        found = holders.values_list("digest", "owner").iterator()
        for rows in in_parts(found, AT_ONCE):
            _queue([(keys[bytes(digest)], owner) for digest, owner in rows], places)
    # Killed before this, all are queued again: a roster that is right stays as it is.
    Account.objects.filter(pk__in=[one.pk for one in accounts]).update(announced=True)
    return len(accounts)


def _contact(account: Account) -> str:
    return msisdn.contact_key(account.jid, stanzas.domain(account.jid))


def _queue(rows: Iterable[tuple[Account, int]], places: Counter[int]) -> None:
    joins = []
    for joined, owner in rows:
        if owner != joined.pk:
            joins.append(
                LateJoin(joined=joined, owner_id=owner, place=places[joined.pk])
            )
            places[joined.pk] += 1
    LateJoin.objects.bulk_create(joins, ignore_conflicts=True)


# --- Their rosters ----------------------------------------------------------------


@dataclass(slots=True)
class Visit:
    """An owner's roster, and who of it has joined: contact key → row."""

    owner: Account
    joins: dict[str, LateJoin]
    book: AddressBook
    covered: set[str] = field(default_factory=set)
    changes: list[RosterItem] = field(default_factory=list)
    failed: str = ""

    @property
    def domain(self) -> str:
        return stanzas.domain(self.owner.jid)


def run(rosters: Rosters, until: float) -> bool:
    """Announce, and work rows off, until ``until`` as of ``time.monotonic()``.

    At most LATE_JOINS_PER_SECOND owners a second. Returns whether some are left.
    Raises gateway.Down and gateway.Late.
    """
    mine = ledger.hold([WORKER])
    try:
        while mine and time.monotonic() < until:
            began = time.monotonic()
            announced, looked_at = announce(), _work_off(rosters)
            if not announced and not looked_at:
                return False
            pause = looked_at / max(1, settings.LATE_JOINS_PER_SECOND)
            time.sleep(max(0.0, began + pause - time.monotonic()))
        return bool(mine)
    finally:
        ledger.let_go(mine, {})


def _work_off(rosters: Rosters) -> int:
    """Look at the next few rosters; return how many."""
    rows = _next(min(CHUNK, max(1, settings.LATE_JOINS_PER_SECOND)))
    claims = ledger.hold({row.owner.jid for row in rows})
    free = {claim.owner for claim in claims}
    _postpone([row for row in rows if row.owner.jid not in free])
    effects = {}
    try:
        visits = _visits([row for row in rows if row.owner.jid in free])
        _look(visits, rosters, time.time() + DEADLINE)
        effects = {visit.owner.jid: partial(_settle, visit) for visit in visits}
    finally:
        ledger.let_go(claims, effects)
    return len(claims)


def _next(most: int) -> list[LateJoin]:
    due = LateJoin.objects.filter(not_before__lte=timezone.now())
    return list(due.select_related("owner", "joined").order_by("place", "id")[:most])


def _postpone(rows: Sequence[LateJoin]) -> None:
    """Their owners' commands run just now."""
    busy = LateJoin.objects.filter(pk__in=[row.pk for row in rows])
    busy.update(not_before=timezone.now() + BUSY)


def _visits(rows: Sequence[LateJoin]) -> list[Visit]:
    joins: dict[Account, dict[str, LateJoin]] = {}
    for row in rows:
        joins.setdefault(row.owner, {})[_contact(row.joined)] = row
    now = timezone.now()
    return [Visit(o, rows, AddressBook(o, rows, now)) for o, rows in joins.items()]


def _look(visits: Sequence[Visit], rosters: Rosters, deadline: float) -> None:
    for visit in visits:
        visit.covered = visit.book.covered(_told(visit))
        visit.book.hits |= visit.covered
    wanted = [visit for visit in visits if visit.covered]
    read = rosters.read([visit.owner.jid for visit in wanted], deadline)
    for visit, items in zip(wanted, read, strict=True):
        if isinstance(items, Refused):
            visit.failed = f"roster not read: {items}"
        else:
            visit.changes = _changes(visit, items)
    changes = [(visit, item) for visit in wanted for item in visit.changes]
    asked = [Change(visit.owner.jid, item) for visit, item in changes]
    for (visit, _), condition in zip(
        changes, rosters.write(asked, deadline), strict=True
    ):
        if condition and condition not in (MISSING, *PERMANENT):
            visit.failed = f"roster not written: {condition}"


def _told(visit: Visit) -> list[str]:
    """Contacts whom this owner is told about, should the budget cover it."""
    if not (visit.owner.enabled and visit.owner.gone_at is None):
        return []
    return [
        contact
        for contact, row in visit.joins.items()
        if row.joined.visible
        and stanzas.domain(row.joined.jid) == visit.domain
        and contact in visit.book.stored
    ]


def _changes(visit: Visit, items: Iterable[RosterItem]) -> list[RosterItem]:
    groups = rules.Groups(settings.ROSTER_GROUP_OTHERS, settings.ROSTER_GROUP_VERIFIED)
    changes = []
    for item in items:
        contact = msisdn.contact_key(item.jid, visit.domain)
        if contact in visit.covered:
            # No name was received: the one that is there stays.
            wanted = Contact(item.jid, item.jid, "", verified=True)
            changes.append(rules.decide(item, wanted, groups))
    return [item for item in changes if item is not None]


def _settle(visit: Visit) -> None:
    visit.book.save(sent=False)
    rows = LateJoin.objects.filter(pk__in=[row.pk for row in visit.joins.values()])
    attempts = 1 + max(row.attempts for row in visit.joins.values())
    if not visit.failed or attempts >= ATTEMPTS:
        rows.delete()
    else:
        again = timezone.now() + timedelta(seconds=2**attempts)
        rows.update(attempts=attempts, not_before=again)
    if visit.failed:
        who = stanzas.alias(visit.owner.jid)
        logger.warning("a late join of %s: %s", who, visit.failed)
