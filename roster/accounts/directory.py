"""Who is a user of a served domain: what we know, and what the XMPP server tells.

The table of accounts answers first. An XMPP server that tells all its accounts is
believed until it tells them again; another is asked about whom the table does not
know, and remembered: users as accounts, everybody else for minutes, in memory.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property, lru_cache, reduce
from operator import or_

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import F, Max, Q
from django.utils import timezone

from roster import msisdn
from roster.models import Account, Flag, Listing, Subscriber
from xmppservice.protocol.jids import domain_of, local_of
from xmppservice.runtime import wakeups
from xmppservice.runtime.queries import MAX_PARAMETERS, batches

# Of those whom a listing does not have, so few are asked about all the same: they
# may have registered since.
MAX_SINGLE_LOOKUPS = 200
LISTED_EVERY = timedelta(hours=1)
# A listing that has failed for so long is believed no more.
LISTING_HOLDS = timedelta(hours=6)
# Whoever comes back sooner has the budget that was left.
GONE_FOR, GONE_FOR_MOST = timedelta(days=90), timedelta(days=3650)
YEAR = timedelta(days=365)
# So few may leave at once, or half of all.
BROKEN = 100


class Broken(Exception):
    """A listing that cannot be believed; the message is why."""


Exist = Callable[[Sequence[str]], Sequence[bool]]


def owners_of(jids: Iterable[str]) -> dict[str, Account]:
    """The accounts that own commands, by JID; without whom no served domain has."""
    served = [jid for jid in jids if _is_served(jid)]
    result = _accounts_of(served)
    lost = [
        jid for jid in served if jid not in result or result[jid].gone_at is not None
    ]
    if lost:
        _keep(lost)
        result |= _accounts_of(lost)
    return result


def _is_served(jid: str) -> bool:
    return domain_of(jid) in settings.XMPP_DOMAINS and bool(local_of(jid))


def _accounts_of(jids: Sequence[str]) -> dict[str, Account]:
    return {row.jid: row for row in Account.objects.filter(jid__in=jids).order_by()}


def gone(accounts: Iterable[Account], at: datetime | None = None) -> None:
    """Note that the XMPP server had these accounts no more, ``at`` that moment.

    What we know from later on is not undone.
    """
    at = at or timezone.now()
    for part in batches((account.pk for account in accounts), MAX_PARAMETERS):
        with transaction.atomic():
            # In one order everywhere: two who note the same ones do not deadlock.
            rows = Account.objects.filter(pk__in=part).exclude(checked_at__gt=at)
            pks = [row.pk for row in rows.order_by("jid").select_for_update()]
            here = Account.objects.filter(pk__in=pks)
            here.filter(gone_at=None).update(gone_at=at, announced=False)
            here.update(checked_at=at)


def apply_notices(jids: Mapping[str, bool], at: datetime) -> None:
    """Note who has registered (True) or unregistered, as of ``at``.

    What we know from later on is not undone.
    """
    _keep([jid for jid, here in jids.items() if here], at)
    left = [jid for jid, here in jids.items() if not here]
    # Also of whom we did not know: a notice from before may still be on its way.
    Account.objects.bulk_create(
        (_account(jid, at, gone_at=at) for jid in sorted(left)),
        MAX_PARAMETERS,
        ignore_conflicts=True,
    )
    gone(Account.objects.filter(jid__in=left), at)


# --- Users --------------------------------------------------------------------


class AccountLookup:
    """What we know of contacts of a domain: read once, for many who ask about them."""

    def __init__(self, contacts: Mapping[str, str], domain: str) -> None:
        self._known, self._domain = accounts(contacts, domain), domain

    @cached_property
    def is_listed(self) -> bool:
        return is_listed(self._domain)

    def ask(self, books: Iterable[Mapping[str, str]], exist: Exist) -> None:
        """Have the XMPP server tell what we do not know of books of contacts."""
        known = self._known
        unknown: dict[str, str] = {}
        for contacts in books:
            unknown |= self._unknown(contacts)
        # What one part has told is kept, should the next be Late.
        for part in batches(unknown.items(), MAX_PARAMETERS):
            at = timezone.now()
            lookups = _ask(dict(part), exist)
            _hide(lookups, known)
            _learn(lookups, known, at)

    def users(self, contacts: Iterable[str]) -> dict[str, str]:
        """Who of the contacts are users: see :func:`users`."""
        known = ((key, self._known[key]) for key in contacts if key in self._known)
        return {key: account.jid for key, account in known if account.visible}

    def _unknown(self, contacts: Mapping[str, str]) -> dict[str, str]:
        """Whom the XMPP server has to be asked about: key → JID."""
        known, at = self._known, self._domain
        mine = {key: jid for key, jid in contacts.items() if domain_of(jid) == at}
        absent = {key: jid for key, jid in mine.items() if not _is_here(key, known)}
        here = {key: known[key] for key in mine if key not in absent}
        # Also whom nobody may find: an answer that does not wait for the XMPP server
        # would tell them from the absent ones.
        absent |= {key: one.jid for key, one in here.items() if not one.visible}
        before = timezone.now() - timedelta(days=settings.ACCOUNT_PRESENT_DAYS)
        old = {key: one.jid for key, one in here.items() if _is_old(one, before)}
        if not (absent or old) or not self.is_listed:
            return absent | old
        return absent if len(absent) <= MAX_SINGLE_LOOKUPS else {}


def users(contacts: Mapping[str, str], domain: str, exist: Exist) -> dict[str, str]:
    """Those contacts who are registered, enabled and discoverable: key → JID.

    ``contacts`` maps contact keys to the JID each would have. ``exist`` asks
    the XMPP server about bare JIDs; what it raises passes through.
    """
    look = AccountLookup(contacts, domain)
    look.ask([contacts], exist)
    return look.users(contacts)


def accounts(contacts: Mapping[str, str], domain: str) -> dict[str, Account]:
    """The accounts that we know of contacts, users or not: key → account."""
    known: dict[str, Account] = {}
    for part in batches(contacts.items(), MAX_PARAMETERS):
        # Unordered: SQLite would read all accounts in the order of their JIDs instead.
        for row in Account.objects.filter(_among(dict(part))).order_by():
            key = msisdn.contact_key(row.jid, domain)
            if domain_of(row.jid) == domain and key in contacts:
                # Two spellings of a number may both have been accounts.
                known[key] = max(row, known.get(key, row), key=_standing)
    return known


def _standing(account: Account) -> tuple[bool, bool, str]:
    return account.visible, account.gone_at is None, account.jid


def _among(contacts: Mapping[str, str]) -> Q:
    """One index or the other: together they cost PostgreSQL a scan of each."""
    numbers = [key for key in contacts if key.startswith("+")]
    names = [jid for key, jid in contacts.items() if not key.startswith("+")]
    if not names:
        return Q(msisdn__in=numbers)
    return Q(jid__in=names) | Q(msisdn__in=numbers) if numbers else Q(jid__in=names)


def _is_here(key: str, known: Mapping[str, Account]) -> bool:
    return key in known and known[key].gone_at is None


def _is_old(account: Account, before: datetime) -> bool:
    return account.checked_at is not None and account.checked_at < before


def _ask(unknown: Mapping[str, str], exist: Exist) -> dict[str, tuple[str, bool]]:
    marks = {_absent(jid): key for key, jid in unknown.items()}
    absent = {marks[mark] for mark in cache.get_many(marks)}
    requests = {key: jid for key, jid in unknown.items() if key not in absent}
    result = exist(list(requests.values()))
    return {k: (j, yes) for (k, j), yes in zip(requests.items(), result, strict=True)}


def _hide(lookups: dict[str, tuple[str, bool]], known: Mapping[str, Account]) -> None:
    """Take out whom nobody may find, remembered as long as an absent one is."""
    hidden = [
        key
        for key, (_, there) in lookups.items()
        if there and _is_here(key, known) and not known[key].visible
    ]
    marks = {_absent(lookups.pop(key)[0]): True for key in hidden}
    cache.set_many(marks, settings.ACCOUNT_ABSENT_SECONDS)


def _learn(
    lookups: Mapping[str, tuple[str, bool]], known: dict[str, Account], at: datetime
) -> None:
    """Keep what the XMPP server told, in ``known`` and in the table.

    It was asked ``at`` that moment.
    """
    absent = [key for key, (_, there) in lookups.items() if not there]
    cache.set_many(
        {_absent(lookups[key][0]): True for key in absent},
        settings.ACCOUNT_ABSENT_SECONDS,
    )
    gone([known.pop(key) for key in absent if key in known], at)
    there = {jid: key for key, (jid, yes) in lookups.items() if yes}
    if there:
        _keep(there, at)
        for row in Account.objects.filter(jid__in=list(there)):
            known[there[row.jid]] = row


def _keep(jids: Collection[str], at: datetime | None = None) -> None:
    """Note that these accounts existed ``at`` that moment.

    What staff has set stays as it is; what we know from later on, too.
    """
    at = at or timezone.now()
    later = Account.objects.filter(jid__in=jids, checked_at__gte=at)
    known = set(later.values_list("jid", flat=True))
    Account.objects.bulk_create(
        # In one order everywhere: two who keep the same ones do not deadlock.
        (_account(jid, at) for jid in sorted(jids) if jid not in known),
        MAX_PARAMETERS,
        update_conflicts=True,
        unique_fields=["jid"],
        update_fields=["checked_at", "gone_at"],
    )


def _account(jid: str, at: datetime, gone_at: datetime | None = None) -> Account:
    number = msisdn.of_jid(jid) or ""
    return Account(jid=jid, msisdn=number, checked_at=at, gone_at=gone_at)


def _absent(jid: str) -> str:
    return f"absent:{hmac.digest(_key(), jid.encode(), 'sha256').hex()[:32]}"


@lru_cache
def _key() -> bytes:
    return hashlib.sha256(f"roster.directory {settings.SECRET_KEY}".encode()).digest()


# --- Following the XMPP server --------------------------------------------------------


def is_listed(domain: str) -> bool:
    """Whether the XMPP server has told all accounts of a domain lately."""
    since = timezone.now() - LISTING_HOLDS
    return Listing.objects.filter(domain=domain, listed_at__gt=since).exists()


def is_due(domain: str) -> bool:
    """Whether it is time to have the accounts of a domain listed again."""
    since = timezone.now() - LISTED_EVERY
    fresh = Q(renew_at=None) | Q(renew_at__lte=F("listed_at"))
    return not Listing.objects.filter(
        fresh, domain=domain, listed_at__gt=since
    ).exists()


def renew() -> None:
    """Have all that was learnt from the XMPP server learnt anew, now."""
    for domain in settings.XMPP_DOMAINS:
        now = {"renew_at": timezone.now()}
        Listing.objects.update_or_create(domain=domain, defaults=now)
    wakeups.wake_worker(wakeups.REFRESH_ACCOUNTS)


def listed(domain: str, jids: Iterable[str], at: datetime) -> tuple[int, int]:
    """Follow a listing of all accounts of a domain, asked for at the time ``at``.

    Writes only what differs; who has come or been seen since stays. Returns how many
    have come, and how many are gone. Raises Broken when so many are gone at once
    that the listing is rather broken.
    """
    there = set(jids)
    ours = Account.objects.filter(jid__endswith=f"@{domain}")
    here = set(ours.filter(gone_at=None).values_list("jid", flat=True).iterator())
    new = there - here
    for part in batches(sorted(new), MAX_PARAMETERS):
        _keep(part, at)
    left = here - there
    if len(left) > max(BROKEN, len(here) // 2):
        raise Broken(f"the XMPP server lists {len(there)} accounts, of {len(here)}")
    for part in batches(sorted(left), MAX_PARAMETERS):
        gone(Account.objects.filter(jid__in=part), at)
    Listing.objects.update_or_create(domain=domain, defaults={"listed_at": at})
    return len(new), len(left)


def refresh(exist: Exist, most: int = MAX_PARAMETERS) -> int:
    """Ask about the accounts that were checked longest ago, or never.

    Returns how many were asked about: none, when all were checked lately.
    """
    before = timezone.now() - timedelta(days=settings.ACCOUNT_PRESENT_DAYS)
    renewed = Listing.objects.aggregate(at=Max("renew_at"))["at"]
    before = max(before, renewed or before)
    stale = Account.objects.filter(
        Q(checked_at=None) | Q(checked_at__lt=before), gone_at=None
    )
    served = (Q(jid__endswith=f"@{domain}") for domain in settings.XMPP_DOMAINS)
    stale = stale.filter(reduce(or_, served))
    oldest = stale.order_by(F("checked_at").asc(nulls_first=True))[:most]
    rows = {row.jid: row for row in oldest}
    at = timezone.now()
    answers = zip(rows, exist(list(rows)), strict=True)
    _learn({jid: (jid, there) for jid, there in answers}, dict(rows), at)
    return len(rows)


def forget_gone() -> int:
    """Delete accounts gone for long, but for what staff has switched off or flagged.

    By then their discovery budget is full again.
    """
    refill = YEAR * settings.DISCOVERY_BURST / max(1, settings.DISCOVERY_PER_YEAR)
    before = timezone.now() - min(max(GONE_FOR, refill), GONE_FOR_MOST)
    untouched = Account.objects.filter(enabled=True, discoverable=True)
    untouched = untouched.exclude(flag__in=Flag.objects.filter(released_at=None))
    count = 0
    while pks := list(
        untouched.filter(gone_at__lt=before).values_list("pk", flat=True)[
            :MAX_PARAMETERS
        ]
    ):
        count += len(pks)
        left = Account.objects.filter(pk__in=pks)
        Subscriber.objects.filter(jid__in=left.values("jid")).delete()
        left.delete()
    return count
