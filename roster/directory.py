"""Who is a user of a served domain: what we know, and what the XMPP server tells.

The table of accounts answers first. An XMPP server that tells all its accounts is
believed until it tells them again; another is asked about whom the table does not
know, and remembered: users as accounts, everybody else for minutes, in memory.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.core.cache import cache
from django.db.models import F, Max, Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from roster import msisdn
from roster.addressbook import AT_ONCE, in_parts
from roster.models import Account, Listing
from xmppservice import bells, stanzas

# Of those whom a listing does not have, so few are asked about all the same: they
# may have registered since.
FEW = 200
LISTED_EVERY = timedelta(hours=1)
# A listing that has failed for so long is believed no more.
LISTING_HOLDS = timedelta(hours=6)
# Whoever comes back sooner has the budget that was left: in 73 days it is full.
GONE_FOR = timedelta(days=90)

Exist = Callable[[Sequence[str]], Sequence[bool]]


def owner_of(jid: str) -> Account | None:
    """The account that owns a command; None when no served domain is its home.

    Whoever sends a command has an account: it is made when it is not known.
    """
    if stanzas.domain(jid) not in settings.XMPP_DOMAINS or not stanzas.local(jid):
        return None
    made = {"msisdn": msisdn.of_jid(jid) or "", "checked_at": timezone.now()}
    account = Account.objects.get_or_create(jid=jid, defaults=made)[0]
    if account.gone_at is not None:
        _keep([jid])
        account.refresh_from_db()
    return account


def gone(accounts: Iterable[Account], at: datetime | None = None) -> None:
    """Note that the XMPP server has these accounts no more."""
    at = at or timezone.now()
    for part in in_parts((account.pk for account in accounts), AT_ONCE):
        here = Account.objects.filter(pk__in=part, gone_at=None)
        here.update(gone_at=at, checked_at=at, announced=False)


def told(jids: Mapping[str, bool], at: datetime) -> None:
    """Note who has registered (True) or unregistered, as of ``at``.

    What we know from later on is not undone.
    """
    known = Account.objects.filter(jid__in=jids)
    later = set(known.filter(checked_at__gt=at).values_list("jid", flat=True))
    news = {jid: here for jid, here in jids.items() if jid not in later}
    _keep([jid for jid, here in news.items() if here], at)
    gone(known.filter(jid__in=[jid for jid, here in news.items() if not here]), at)


# --- Users --------------------------------------------------------------------


def users(contacts: Mapping[str, str], domain: str, exist: Exist) -> dict[str, str]:
    """Those contacts who are registered, enabled and discoverable: key → JID.

    ``contacts`` maps contact keys to the JID each would have. ``exist`` asks
    the XMPP server about bare JIDs; what it raises passes through.
    """
    known = accounts(contacts, domain)
    unknown = _unknown(contacts, known, domain)
    # What one part has told is kept, should the next be Late.
    for part in in_parts(unknown.items(), AT_ONCE):
        _learn(_ask(dict(part), exist), known)
    return {key: account.jid for key, account in known.items() if account.visible}


def accounts(contacts: Mapping[str, str], domain: str) -> dict[str, Account]:
    """The accounts that we know of contacts, users or not: key → account."""
    known = {}
    for part in in_parts(contacts.items(), AT_ONCE):
        for row in Account.objects.filter(_among(dict(part))):
            key = msisdn.contact_key(row.jid, domain)
            if stanzas.domain(row.jid) == domain and key in contacts:
                known[key] = row
    return known


def _among(contacts: Mapping[str, str]) -> Q:
    """One index or the other: together they cost PostgreSQL a scan of each."""
    numbers = [key for key in contacts if key.startswith("+")]
    names = [jid for key, jid in contacts.items() if not key.startswith("+")]
    if not names:
        return Q(msisdn__in=numbers)
    return Q(jid__in=names) | Q(msisdn__in=numbers) if numbers else Q(jid__in=names)


def _unknown(
    contacts: Mapping[str, str], known: Mapping[str, Account], domain: str
) -> dict[str, str]:
    """Whom the XMPP server has to be asked about: key → JID."""
    mine = {key: jid for key, jid in contacts.items() if stanzas.domain(jid) == domain}
    absent = {key: jid for key, jid in mine.items() if not _is_here(key, known)}
    before = timezone.now() - timedelta(days=settings.ACCOUNT_PRESENT_DAYS)
    old = {
        key: known[key].jid
        for key in mine.keys() - absent.keys()
        if _is_old(known[key], before)
    }
    if not (absent or old) or not is_listed(domain):
        return absent | old
    return absent if len(absent) <= FEW else {}


def _is_here(key: str, known: Mapping[str, Account]) -> bool:
    return key in known and known[key].gone_at is None


def _is_old(account: Account, before: datetime) -> bool:
    return account.checked_at is not None and account.checked_at < before


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
    gone([known.pop(key) for key in absent if key in known])
    there = {jid: key for key, (jid, yes) in told.items() if yes}
    if there:
        _keep(there)
        for row in Account.objects.filter(jid__in=list(there)):
            known[there[row.jid]] = row


def _keep(jids: Iterable[str], now: datetime | None = None) -> None:
    """Note that these accounts exist; what staff has set stays as it is."""
    now = now or timezone.now()
    rows = [
        Account(jid=jid, msisdn=msisdn.of_jid(jid) or "", checked_at=now)
        # In one order everywhere: two who keep the same ones do not deadlock.
        for jid in sorted(jids)
    ]
    Account.objects.bulk_create(
        rows,
        AT_ONCE,
        update_conflicts=True,
        unique_fields=["jid"],
        update_fields=["checked_at", "gone_at"],
    )


def _absent(jid: str) -> str:
    return f"absent:{salted_hmac('roster.directory', jid).hexdigest()}"


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
    bells.worker(bells.REFRESH_ACCOUNTS)


def listed(domain: str, jids: Iterable[str], at: datetime) -> tuple[int, int]:
    """Follow a listing of all accounts of a domain, asked for at the time ``at``.

    Writes only what differs; who has come or been seen since stays. Returns how many
    have come, and how many are gone.
    """
    there = set(jids)
    ours = Account.objects.filter(jid__endswith=f"@{domain}")
    here = set(ours.filter(gone_at=None).values_list("jid", flat=True).iterator())
    new = there - here
    for part in in_parts(sorted(new), AT_ONCE):
        _keep(part, at)
    left = here - there
    for part in in_parts(sorted(left), AT_ONCE):
        unseen = Q(checked_at=None) | Q(checked_at__lt=at)
        gone(Account.objects.filter(unseen, jid__in=part))
    Listing.objects.update_or_create(domain=domain, defaults={"listed_at": at})
    return len(new), len(left)


def refresh(exist: Exist, most: int = AT_ONCE) -> int:
    """Ask about the accounts that were checked longest ago, or never.

    Returns how many were asked about: none, when all were checked lately.
    """
    before = timezone.now() - timedelta(days=settings.ACCOUNT_PRESENT_DAYS)
    renewed = Listing.objects.aggregate(at=Max("renew_at"))["at"]
    before = max(before, renewed or before)
    stale = Account.objects.filter(
        Q(checked_at=None) | Q(checked_at__lt=before), gone_at=None
    )
    oldest = stale.order_by(F("checked_at").asc(nulls_first=True))[:most]
    rows = {row.jid: row for row in oldest}
    told = zip(rows, exist(list(rows)), strict=True)
    _learn({jid: (jid, there) for jid, there in told}, dict(rows))
    return len(rows)


def forget_gone() -> int:
    """Delete accounts gone for long, but for what staff has switched off."""
    before = timezone.now() - GONE_FOR
    untouched = Account.objects.filter(enabled=True, discoverable=True)
    count = 0
    while pks := list(
        untouched.filter(gone_at__lt=before).values_list("pk", flat=True)[:AT_ONCE]
    ):
        count += len(pks)
        Account.objects.filter(pk__in=pks).delete()
    return count
