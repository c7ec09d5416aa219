"""Late joins: verifies new users on the rosters of owners who hold their numbers.

An account that becomes visible is announced: a row for each owner who looked it up in
vain. The rows of a limited number of owners are processed a second, so that nothing
else slows down; a row is deleted when that roster is right. Only items that exist on a
roster are changed, and only contacts that the owner's discovery budget was charged for:
the group reveals as much as a search.

Source: contract, 3 (AddressBook, for late joiners).
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from roster import msisdn
from roster.accounts import directory
from roster.commands import claims, rules, writing
from roster.commands.contacts import by_contact, other_spellings
from roster.commands.rules import Contact, Groups
from roster.discovery.digests import digests
from roster.models import Account, AddressBookEntry, LateJoin
from xmppservice.connection.gateway import Down
from xmppservice.protocol import redaction
from xmppservice.protocol.jids import domain_of
from xmppservice.protocol.roster import Roster, RosterItem
from xmppservice.rosters.interface import (
    MISSING,
    PERMANENT,
    NoAccount,
    Rosters,
    RosterWrite,
)
from xmppservice.runtime.queries import MAX_PARAMETERS

logger = logging.getLogger(__name__)

# Claimed while a worker processes rows: two workers would be twice as fast as allowed.
# No owner has that name.
WORKER = "late joins"
# Rosters in one round trip: few, because what is read is written a moment later.
ROSTER_BATCH_SIZE = 25
DEADLINE_SECONDS = 20  # shared by the requests of a batch
MAX_ATTEMPTS = 8
BUSY_DELAY = timedelta(seconds=1)

_VISIBLE = Q(gone_at=None, enabled=True, discoverable=True)


def waiting() -> bool:
    """Whether there is an account to announce or a roster to check."""
    due = LateJoin.objects.filter(not_before__lte=timezone.now())
    return due.exists() or _unannounced().exists()


def _unannounced() -> QuerySet[Account]:
    return Account.objects.filter(_VISIBLE, announced=False).order_by("pk")


# --- Holders of a number --------------------------------------------------------------


def announce(until: float, renew: Callable[[], None]) -> int:
    """Queue the holders of new users' numbers; return how many users.

    Stops at ``until`` and calls ``renew`` now and then.
    """
    count = 0
    for account in _unannounced()[:MAX_PARAMETERS]:
        _queue_holders(account, renew)
        # If it is killed before this, all are queued again: correct rosters stay.
        # An account that is gone meanwhile is announced when it comes back.
        still_visible = Account.objects.filter(_VISIBLE, pk=account.pk)
        still_visible.update(announced=True)
        count += 1
        if time.monotonic() > until:
            break
    return count


def _queue_holders(account: Account, renew: Callable[[], None]) -> None:
    holders = AddressBookEntry.objects.filter(
        digest__in=digests(_contact(account)), asked_at__isnull=False, hit=False
    ).exclude(owner=account)
    last = place = 0
    # Page by page: an open cursor would keep SQLite from writing.
    while page := list(
        holders.filter(pk__gt=last)
        .order_by("pk")
        .values_list("pk", "owner")[:MAX_PARAMETERS]
    ):
        last = page[-1][0]
        rows = [
            LateJoin(joined=account, owner_id=owner, place=place + n)
            for n, (_, owner) in enumerate(page)
        ]
        place += len(page)
        # An existing row is renewed, so that a visit in progress does not delete it.
        LateJoin.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["owner", "joined"],
            update_fields=["not_before", "place"],
        )
        renew()


def _contact(account: Account) -> str:
    return msisdn.account_key(account.jid)


# --- Their rosters ----------------------------------------------------------------


@dataclass(slots=True)
class RosterVisit:
    """An owner's roster, and its contacts that have joined: contact key → row."""

    owner: Account
    joins: dict[str, LateJoin]
    failure: str = ""

    @property
    def contacts(self) -> set[str]:
        """Contacts to verify for this owner."""
        if not self.owner.enabled or self.owner.gone_at is not None:
            return set()
        domain = domain_of(self.owner.jid)
        return {
            contact
            for contact, row in self.joins.items()
            if row.joined.visible and domain_of(row.joined.jid) == domain
        }


def run(rosters: Rosters, until: float) -> bool:
    """Announce and process rows until ``until`` (as of ``time.monotonic()``).

    At most LATE_JOINS_PER_SECOND owners a second. Returns whether any are left.
    Raises gateway.Down.
    """
    worker_claims = claims.claim_owners([WORKER])
    renew = partial(claims.renew, worker_claims)
    try:
        while worker_claims and time.monotonic() < until:
            started = time.monotonic()
            announced, visited = announce(until, renew), _process_rows(rosters)
            if not announced and not visited:
                return False
            renew()
            pause = visited / max(1, settings.LATE_JOINS_PER_SECOND)
            time.sleep(max(0.0, started + pause - time.monotonic()))
        return bool(worker_claims)
    finally:
        claims.release(worker_claims, {})


def _process_rows(rosters: Rosters) -> int:
    """Check the next few rosters; return how many."""
    rows = _next(min(ROSTER_BATCH_SIZE, max(1, settings.LATE_JOINS_PER_SECOND)))
    claimed = claims.claim_owners({row.owner.jid for row in rows})
    free = {claim.owner for claim in claimed}
    _postpone([row for row in rows if row.owner.jid not in free])
    visits = _visits([row for row in rows if row.owner.jid in free])
    effects = {}
    try:
        _visit_or_fail(visits, rosters)
        effects = {visit.owner.jid: partial(_settle, visit) for visit in visits}
    finally:
        claims.release(claimed, effects)
    return len(claimed)


def _next(limit: int) -> list[LateJoin]:
    """Rows that are due; one that has failed before comes alone, to fail alone."""
    due = LateJoin.objects.filter(not_before__lte=timezone.now())
    rows = due.select_related("owner", "joined").order_by("place", "id")[:limit]
    fresh = [row for row in rows if not row.attempts]
    return fresh or list(rows[:1])


def _postpone(rows: Sequence[LateJoin]) -> None:
    """Postpone rows whose owners' commands are running."""
    busy = LateJoin.objects.filter(pk__in=[row.pk for row in rows])
    busy.update(not_before=timezone.now() + BUSY_DELAY)


def _visits(rows: Sequence[LateJoin]) -> list[RosterVisit]:
    joins: dict[Account, dict[str, LateJoin]] = {}
    for row in rows:
        joins.setdefault(row.owner, {})[_contact(row.joined)] = row
    return [RosterVisit(owner, rows) for owner, rows in joins.items()]


def _visit_or_fail(visits: Sequence[RosterVisit], rosters: Rosters) -> None:
    try:
        _visit(visits, rosters, time.time() + DEADLINE_SECONDS)
    except Down:
        raise
    except Exception as error:
        # Late, or any other error: one roster must not block the others for ever.
        for visit in visits:
            visit.failure = f"roster not checked: {type(error).__name__}"


def _visit(visits: Sequence[RosterVisit], rosters: Rosters, deadline: float) -> None:
    due = [visit for visit in visits if visit.contacts]
    read = rosters.read([visit.owner.jid for visit in due], deadline)
    writes: dict[str, RosterWrite] = {}
    for visit, result in zip(due, read, strict=True):
        if isinstance(result, Roster):
            if changes := _changes(visit, result.items):
                jid, size = visit.owner.jid, len(result.items)
                writes[jid] = RosterWrite(jid, changes, result.version, size)
        elif not isinstance(result, NoAccount):
            visit.failure = f"roster not read: {result}"
    conditions: dict[str, list[str]] = {}
    for part in writing.one_after_another(writes.values(), rosters):
        for write, written in zip(part, rosters.write(part, deadline), strict=True):
            conditions[write.owner] = written.conditions
    for visit in due:
        for condition in conditions.get(visit.owner.jid, ()):
            if condition and condition not in (MISSING, *PERMANENT):
                visit.failure = f"roster not written: {condition}"


def _changes(visit: RosterVisit, items: Sequence[RosterItem]) -> list[RosterItem]:
    groups = Groups(settings.ROSTER_GROUP_OTHERS, settings.ROSTER_GROUP_VERIFIED)
    domain, contacts = domain_of(visit.owner.jid), visit.contacts
    changes = []
    accounts = directory.registered(other_spellings(items, domain))
    for key, item in by_contact(items, domain, accounts).items():
        if key in contacts:
            # No name was received: the present one stays.
            contact = Contact(item.jid, item.jid, "", verified=True)
            changes.append(rules.decide(item, contact, groups))
    return [item for item in changes if item is not None]


def _settle(visit: RosterVisit) -> None:
    rows = visit.joins.values()
    if not visit.failure:
        hit_digests = [
            digest for contact in visit.contacts for digest in digests(contact)
        ]
        entries = AddressBookEntry.objects.filter(
            owner=visit.owner, digest__in=hit_digests
        )
        entries.update(hit=True)
    else:
        owner = redaction.alias(visit.owner.jid)
        logger.warning("a late join of %s: %s", owner, visit.failure)
    for row in rows:
        # A row that was announced again meanwhile stays.
        unchanged = LateJoin.objects.filter(pk=row.pk, not_before=row.not_before)
        attempts = row.attempts + 1
        if not visit.failure or attempts >= MAX_ATTEMPTS:
            unchanged.delete()
        else:
            not_before = timezone.now() + timedelta(seconds=2**attempts)
            unchanged.update(attempts=attempts, not_before=not_before)
