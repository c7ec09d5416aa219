"""The users of the served domains: what we know, and what the XMPP server reports.

The table of accounts answers first. If the XMPP server can list its accounts, a listing
is trusted until the next one. Otherwise the server is asked about contacts that the
table does not have. The results are kept: users as accounts, all others for minutes, in
memory.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, OuterRef, Q, Subquery
from django.utils import timezone

from roster import msisdn
from roster.accounts import absent
from roster.models import Account, AddressBookEntry, Command, Listing
from xmppservice.protocol.jids import domain_of, local_of
from xmppservice.runtime import wakeups
from xmppservice.runtime.queries import MAX_PARAMETERS, batches, in_order

# Up to this many contacts missing from a listing are looked up all the same: they may
# have registered since.
MAX_SINGLE_LOOKUPS = 200
LISTING_INTERVAL = timedelta(hours=1)
# A listing older than this is no longer trusted.
LISTING_VALIDITY = timedelta(hours=6)
# Users who come back sooner keep the budget that was left, a flag and staff's switches.
GONE_RETENTION = timedelta(days=90)
# This many accounts may disappear at once, or half of all.
MAX_GONE_PER_LISTING = 100


class BrokenListing(Exception):
    """A listing cannot be trusted; the message says why."""


Exist = Callable[[Sequence[str]], Sequence[bool]]


def owners_of(jids: Iterable[str]) -> dict[str, Account]:
    """Return the owners' accounts by JID, on served domains only; create new ones."""
    served = [jid for jid in jids if _is_served(jid)]
    result = _accounts_of(served)
    missing = [
        jid for jid in served if jid not in result or result[jid].gone_at is not None
    ]
    if missing:
        _mark_registered(missing)
        result |= _accounts_of(missing)
    return result


def _is_served(jid: str) -> bool:
    return domain_of(jid) in settings.XMPP_DOMAINS and bool(local_of(jid))


def _accounts_of(jids: Sequence[str]) -> dict[str, Account]:
    return {row.jid: row for row in Account.objects.filter(jid__in=jids).order_by()}


def mark_gone(accounts: Iterable[Account], at: datetime | None = None) -> None:
    """Note that the XMPP server no longer had these accounts at the time ``at``.

    Newer information is kept.
    """
    at = at or timezone.now()
    for part in batches((account.pk for account in accounts), MAX_PARAMETERS):
        with transaction.atomic():
            # The same order everywhere, so that concurrent writers do not deadlock.
            rows = Account.objects.filter(pk__in=part).exclude(checked_at__gt=at)
            locked = rows.order_by(in_order("jid")).select_for_update(no_key=True)
            pks = [row.pk for row in locked]
            registered = Account.objects.filter(pk__in=pks)
            registered.filter(gone_at=None).update(gone_at=at, announced=False)
            registered.update(checked_at=at)


def apply_notices(jids: Mapping[str, bool], at: datetime) -> None:
    """Note which JIDs have registered (True) or unregistered, as of ``at``.

    Newer information is kept.
    """
    _mark_registered([jid for jid, is_registered in jids.items() if is_registered], at)
    unregistered = [jid for jid, is_registered in jids.items() if not is_registered]
    # Also for unknown accounts: an older notice about them may still arrive.
    Account.objects.bulk_create(
        (_account(jid, at, gone_at=at) for jid in sorted(unregistered)),
        MAX_PARAMETERS,
        ignore_conflicts=True,
    )
    mark_gone(Account.objects.filter(jid__in=unregistered), at)


# --- Users --------------------------------------------------------------------


class AccountLookup:
    """What we know about contacts of a domain: read once for many owners.

    With ``trust_listing``, a recent listing of all accounts answers for many contacts
    that it lacks, even if some have registered since.
    """

    def __init__(
        self, contacts: Mapping[str, str], domain: str, *, trust_listing: bool = True
    ) -> None:
        self._known, self._domain = accounts(contacts, domain), domain
        self._trust_listing = trust_listing

    @cached_property
    def is_listed(self) -> bool:
        return self._trust_listing and is_listed(self._domain)

    def ask(self, books: Iterable[Mapping[str, str]], exist: Exist) -> None:
        """Ask the XMPP server about the contacts in ``books`` that we do not know."""
        known = self._known
        unknown: dict[str, str] = {}
        for contacts in books:
            unknown |= self._unknown(contacts)
        # Keep the results of each part, in case the next raises Late.
        for part in batches(unknown.items(), MAX_PARAMETERS):
            at = timezone.now()
            lookups = _ask(dict(part), exist)
            _remove_hidden(lookups, known)
            _store_results(lookups, known, at)

    def users(self, contacts: Iterable[str]) -> dict[str, str]:
        """Return those contacts who are users: see :func:`users`."""
        known = ((key, self._known[key]) for key in contacts if key in self._known)
        return {key: account.jid for key, account in known if account.visible}

    def _unknown(self, contacts: Mapping[str, str]) -> dict[str, str]:
        """The contacts to ask the XMPP server about: key → JID."""
        before = timezone.now() - timedelta(days=settings.ACCOUNT_PRESENT_DAYS)
        unseen, old = {}, {}
        for key, jid in contacts.items():
            if domain_of(jid) != self._domain:
                continue
            account = self._known.get(key)
            if account is None or account.gone_at is not None:
                unseen[key] = jid
            elif not account.visible:
                # An answer that does not wait for the XMPP server would distinguish
                # hidden users from absent ones.
                unseen[key] = account.jid
            elif _is_old(account, before):
                old[key] = account.jid
        if not (unseen or old) or not self.is_listed:
            return unseen | old
        return unseen if len(unseen) <= MAX_SINGLE_LOOKUPS else {}


def users(contacts: Mapping[str, str], domain: str, exist: Exist) -> dict[str, str]:
    """Those contacts who are registered, enabled and discoverable: key → JID.

    ``contacts`` maps contact keys to the JID each would have. ``exist`` asks
    the XMPP server about bare JIDs; its exceptions propagate.
    """
    lookup = AccountLookup(contacts, domain)
    lookup.ask([contacts], exist)
    return lookup.users(contacts)


def accounts(contacts: Mapping[str, str], domain: str) -> dict[str, Account]:
    """The known accounts of contacts, users or not: key → account."""
    known: dict[str, Account] = {}
    keys = {jid: key for key, jid in contacts.items() if domain_of(jid) == domain}
    for part in batches(keys, MAX_PARAMETERS):
        # By SQL, because a filter takes most of its time to look at each JID.
        places = ", ".join(["%s"] * len(part))
        for row in Account.objects.raw(_BY_JID.format(places), part):
            known[keys[row.jid]] = row
    return known


_BY_JID = f"SELECT * FROM {Account._meta.db_table} WHERE jid IN ({{}})"  # noqa: S608  (nothing in it is from outside)


def registered(jids: Iterable[str]) -> set[str]:
    """Those of ``jids`` that are known accounts, users or not."""
    found: set[str] = set()
    for part in batches(jids, MAX_PARAMETERS):
        rows = Account.objects.filter(jid__in=part, gone_at=None).order_by()
        found.update(rows.values_list("jid", flat=True))
    return found


def _is_registered(key: str, known: Mapping[str, Account]) -> bool:
    return key in known and known[key].gone_at is None


def _is_old(account: Account, before: datetime) -> bool:
    return account.checked_at is not None and account.checked_at < before


def _ask(unknown: Mapping[str, str], exist: Exist) -> dict[str, tuple[str, bool]]:
    known_absent = absent.among(unknown.values())
    requests = {key: jid for key, jid in unknown.items() if jid not in known_absent}
    result = exist(list(requests.values()))
    return {
        k: (j, exists) for (k, j), exists in zip(requests.items(), result, strict=True)
    }


def _remove_hidden(
    lookups: dict[str, tuple[str, bool]], known: Mapping[str, Account]
) -> None:
    """Remove hidden users from ``lookups``; cache them as long as absent ones."""
    hidden = [
        key
        for key, (_, exists) in lookups.items()
        if exists and _is_registered(key, known) and not known[key].visible
    ]
    absent.remember([lookups.pop(key)[0] for key in hidden])


def _store_results(
    lookups: Mapping[str, tuple[str, bool]], known: dict[str, Account], at: datetime
) -> None:
    """Store the XMPP server's answers in ``known`` and in the table.

    ``at`` is when it was asked.
    """
    missing = {key: jid for key, (jid, exists) in lookups.items() if not exists}
    absent.remember(missing.values())
    mark_gone([known.pop(key) for key in missing if key in known], at)
    registered = {jid: key for key, (jid, exists) in lookups.items() if exists}
    if registered:
        _mark_registered(registered, at)
        for row in Account.objects.filter(jid__in=list(registered)):
            known[registered[row.jid]] = row


def _mark_registered(jids: Collection[str], at: datetime | None = None) -> None:
    """Note that these accounts existed at the time ``at``.

    What staff has set and newer information are kept.
    """
    at = at or timezone.now()
    later = Account.objects.filter(jid__in=jids, checked_at__gte=at)
    known = set(later.values_list("jid", flat=True))
    registered = sorted(jid for jid in jids if jid not in known)
    note_returned(registered, at)
    Account.objects.bulk_create(
        # The same order everywhere, so that concurrent writers do not deadlock.
        (_account(jid, at) for jid in registered),
        MAX_PARAMETERS,
        update_conflicts=True,
        unique_fields=["jid"],
        update_fields=["checked_at", "gone_at"],
    )


@transaction.atomic
def note_returned(jids: Collection[str], at: datetime) -> None:
    """Note which of ``jids``, registered at the time ``at``, were gone before.

    Their former commands are deleted, and contacts that are due to be: the new holder
    of a number gets nothing of the former one's.
    """
    gone = Account.objects.filter(jid__in=jids).exclude(gone_at=None)
    rows = list(gone.order_by(in_order("jid")).select_for_update(no_key=True))
    if not rows:
        return
    due = at - timedelta(days=settings.ACCOUNT_GONE_DAYS)
    left = [row for row in rows if row.gone_at is not None and row.gone_at <= due]
    AddressBookEntry.objects.filter(owner__in=left).delete()
    forget_commands([row.jid for row in rows])
    Account.objects.filter(pk__in=[row.pk for row in rows]).update(
        returned_at=at, purged=False
    )


def forget_commands(jids: Collection[str]) -> None:
    """Delete what gone accounts had sent before they left. Within a transaction."""
    gone_at = Account.objects.filter(jid=OuterRef("owner")).values("gone_at")
    commands = Command.objects.filter(owner__in=jids)
    sent_before = commands.annotate(gone_at=Subquery(gone_at)).filter(
        received_at__lte=F("gone_at")
    )
    # The same order everywhere, so that concurrent writers do not deadlock.
    rows = sent_before.order_by("pk").select_for_update()
    pks = list(rows.values_list("pk", flat=True))
    for part in batches(pks, MAX_PARAMETERS):
        Command.objects.filter(pk__in=part).order_by().delete()


def _account(jid: str, at: datetime, gone_at: datetime | None = None) -> Account:
    number = msisdn.of_account(jid) or ""
    return Account(jid=jid, msisdn=number, checked_at=at, gone_at=gone_at)


# --- Following the XMPP server --------------------------------------------------------


def is_listed(domain: str) -> bool:
    """Whether the XMPP server has recently listed all accounts of a domain."""
    since = timezone.now() - LISTING_VALIDITY
    return Listing.objects.filter(domain=domain, listed_at__gt=since).exists()


def is_due(domain: str) -> bool:
    """Whether it is time to have the accounts of a domain listed again."""
    since = timezone.now() - LISTING_INTERVAL
    fresh = Q(renew_at=None) | Q(renew_at__lte=F("listed_at"))
    return not Listing.objects.filter(
        fresh, domain=domain, listed_at__gt=since
    ).exists()


def renew() -> None:
    """Start checking again all that was learnt from the XMPP server."""
    for domain in settings.XMPP_DOMAINS:
        now = {"renew_at": timezone.now()}
        Listing.objects.update_or_create(domain=domain, defaults=now)
    wakeups.wake_worker(wakeups.REFRESH_ACCOUNTS)


def apply_listing(domain: str, jids: Iterable[str], at: datetime) -> tuple[int, int]:
    """Apply a listing of all accounts of a domain, requested at the time ``at``.

    Writes only what differs; accounts added or seen since then stay. Returns how many
    are new, and how many are gone. Raises BrokenListing if so many are gone at once
    that the listing is probably broken.
    """
    listed = set(jids)
    accounts = Account.objects.filter(jid__endswith=f"@{domain}")
    registered = set(
        accounts.filter(gone_at=None).values_list("jid", flat=True).iterator()
    )
    new = listed - registered
    for part in batches(sorted(new), MAX_PARAMETERS):
        _mark_registered(part, at)
    gone = registered - listed
    if len(gone) > max(MAX_GONE_PER_LISTING, len(registered) // 2):
        raise BrokenListing(
            f"the XMPP server lists {len(listed)} accounts, of {len(registered)}"
        )
    for part in batches(sorted(gone), MAX_PARAMETERS):
        mark_gone(Account.objects.filter(jid__in=part), at)
    Listing.objects.update_or_create(domain=domain, defaults={"listed_at": at})
    return len(new), len(gone)


def refresh(domain: str, exist: Exist, limit: int = MAX_PARAMETERS) -> int:
    """Check the accounts of a domain that were checked longest ago, or never.

    Returns how many were checked: 0 if all were checked recently.
    """
    before = timezone.now() - timedelta(days=settings.ACCOUNT_PRESENT_DAYS)
    renewed = Listing.objects.aggregate(at=Max("renew_at"))["at"]
    before = max(before, renewed or before)
    stale = Account.objects.filter(
        Q(checked_at=None) | Q(checked_at__lt=before), gone_at=None
    )
    oldest = stale.filter(jid__endswith=f"@{domain}").order_by(
        F("checked_at").asc(nulls_first=True)
    )[:limit]
    rows = {row.jid: row for row in oldest}
    at = timezone.now()
    answers = zip(rows, exist(list(rows)), strict=True)
    _store_results({jid: (jid, exists) for jid, exists in answers}, dict(rows), at)
    return len(rows)


def forget_gone() -> int:
    """Delete accounts gone for GONE_RETENTION; return how many."""
    gone = Account.objects.filter(gone_at__lt=timezone.now() - GONE_RETENTION)
    count = 0
    while pks := list(gone.values_list("pk", flat=True)[:MAX_PARAMETERS]):
        count += len(pks)
        Account.objects.filter(pk__in=pks).delete()
    return count
