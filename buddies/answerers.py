"""Channels that nobody answers: their messages go to an address without an account.

Only the XMPP server knows the accounts of the served domains. What it said is kept, and
asked again from time to time; nothing is hidden because of it.
"""

import logging
import time
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import lru_cache

from django.conf import settings
from django.utils import timezone

from buddies.document.shape import destination
from buddies.models import Answerer, Buddy
from xmppservice.connection import gateway
from xmppservice.protocol.jids import bare_jid, domain_of, local_of
from xmppservice.rosters.interface import RosterError, Rosters
from xmppservice.runtime.queries import batches

logger = logging.getLogger(__name__)

FIELDS = ("type", "address", "server_address")
MAX_ASKED = 500  # addresses in one request
MAX_ROWS = 500  # in one statement


def is_checked() -> bool:
    """Whether the service asks at all: see CHANNEL_ACCOUNT_CHECK_SECONDS."""
    return settings.CHANNEL_ACCOUNT_CHECK_SECONDS > 0


def jids_of(buddy: Buddy) -> tuple[str, ...]:
    """Return the bare JIDs on served domains to which a channel's messages may go.

    A client sends to a plain localpart at its own domain, so there is one for each.
    None at all if the messages go to another domain, or nowhere.

    Source: contract, 1, Routing.
    """
    if buddy.type != Buddy.Type.CHANNEL:
        return ()
    return _jids(buddy.server_address or buddy.address, tuple(settings.XMPP_DOMAINS))


@lru_cache(2**15)
def _jids(address: str, served: tuple[str, ...]) -> tuple[str, ...]:
    to = destination(address)
    if to and "@" not in to:
        return tuple(f"{to}@{domain}" for domain in served)
    jid = bare_jid(to) or ""
    return (jid,) if local_of(jid) and domain_of(jid) in served else ()


def unanswered(buddies: Iterable[Buddy]) -> dict[int, str]:
    """Return the channels that nobody answers, and the first address without account.

    A channel whose addresses were not asked about yet is not among them.
    """
    if not is_checked():
        return {}
    absent = Answerer.objects.filter(has_account=False).values_list("jid", flat=True)
    missing = frozenset(absent)
    if not missing:
        return {}
    found = {buddy.pk: jids_of(buddy) for buddy in buddies}
    return {pk: jids[0] for pk, jids in found.items() if jids and missing >= {*jids}}


def check(jids: Collection[str], rosters: Rosters, deadline: float) -> bool:
    """Ask the XMPP server about addresses, and keep its answers; return whether it did.

    ``deadline`` is a time as in ``time.time()``.
    """
    try:
        for part in batches(sorted(jids), MAX_ASKED):
            answers = rosters.exist(part, deadline)
            _keep(dict(zip(part, answers, strict=True)))
    except (RosterError, gateway.Down, gateway.Late) as error:
        logger.info("Accounts of channels not checked: %s", type(error).__name__)
        return False
    return True


def _keep(answers: dict[str, bool]) -> None:
    now = timezone.now()
    rows = [Answerer(jid=j, has_account=a, checked_at=now) for j, a in answers.items()]
    Answerer.objects.bulk_create(
        rows,
        MAX_ROWS,
        update_conflicts=True,
        unique_fields=["jid"],
        update_fields=["has_account", "checked_at"],
    )


def refresh(rosters: Rosters, seconds: float) -> None:
    """Ask about new addresses of the tree, and again about those asked long ago.

    Takes about ``seconds`` at most. Forgets the addresses that no channel has.
    """
    if not is_checked() or not rosters.ready():
        return
    used = {jid for buddy in Buddy.objects.only(*FIELDS) for jid in jids_of(buddy)}
    known = {row.jid: row for row in Answerer.objects.all()}
    for part in batches(known.keys() - used, MAX_ROWS):
        Answerer.objects.filter(jid__in=part).delete()
    now = timezone.now()
    due = {jid for jid in used if jid not in known or _is_due(known[jid], now)}
    if due:
        check(due, rosters, time.time() + seconds)


def _is_due(row: Answerer, now: datetime) -> bool:
    pause = timedelta(seconds=settings.CHANNEL_ACCOUNT_CHECK_SECONDS)
    # An account that is missing is probably being made.
    return now - row.checked_at >= (pause if row.has_account else pause / 10)


def known_addresses(limit: int = 200) -> list[str]:
    """Return the addresses that answer in channels already, to choose from."""
    named = Buddy.objects.exclude(server_address="").order_by("server_address")
    return list(named.values_list("server_address", flat=True).distinct()[:limit])
