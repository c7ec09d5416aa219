"""Numbers that change hands: what the one who left has stored is never the next one's.

Data is deleted at once when somebody who knows says that the account was deleted, or
that its number has another holder. When the XMPP server merely has no such account, the
account is not served, and its data is deleted after ACCOUNT_GONE_DAYS: a server can be
wrong for an hour. What is used of the discovery budget, an open flag and what staff
switched off outlive the data, so that registering anew gives nobody a fresh budget.

Source: contract, 3 ("When an account is gone …").
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from roster.accounts import directory
from roster.commands.claims import CLAIM_DURATION
from roster.commands.lock import exclusive
from roster.commands.retention import empty_log
from roster.models import (
    Account,
    AddressBookEntry,
    Claim,
    Command,
    Flag,
    LateJoin,
    Subscriber,
)
from xmppservice.runtime.queries import MAX_PARAMETERS, batches, in_order

BATCH_SIZE = 10  # accounts in one transaction; each may have thousands of contacts


def deleted(jids: Collection[str], at: datetime) -> None:
    """The accounts were deleted on the XMPP server at the time ``at``.

    Deletes what was stored until then. Newer information is kept.
    """
    directory.apply_notices(dict.fromkeys(jids, False), at)
    for part in batches(sorted(jids), BATCH_SIZE):
        with exclusive():
            _purge(_locked(part), at)
    transaction.on_commit(empty_log)


def reassigned(jids: Collection[str], at: datetime) -> None:
    """The accounts have other holders since the time ``at``.

    Deletes what was stored until then, as :func:`deleted` does, and what outlives it.
    """
    directory.apply_notices(dict.fromkeys(jids, True), at)
    for part in batches(sorted(jids), BATCH_SIZE):
        with exclusive():
            accounts = _locked(part)
            _purge(accounts, at)
            for account in accounts:
                # A notice that arrives twice must not free the next holder.
                if account.holder_since is None or account.holder_since < at:
                    _free(account, at)
    transaction.on_commit(empty_log)


def purge_gone() -> int:
    """Delete the data of accounts gone for ACCOUNT_GONE_DAYS; return how many."""
    before = timezone.now() - timedelta(days=settings.ACCOUNT_GONE_DAYS)
    due = Account.objects.filter(gone_at__lte=before, purged=False).order_by("gone_at")
    rows = due.values_list("gone_at", "jid")[:MAX_PARAMETERS]
    left = [(gone_at, jid) for gone_at, jid in rows if gone_at is not None]
    for at, same in groupby(left, key=itemgetter(0)):
        for part in batches(sorted(jid for _, jid in same), BATCH_SIZE):
            with exclusive():
                # Some may have returned since.
                _purge([one for one in _locked(part) if one.gone_at == at], at)
    if left:
        transaction.on_commit(empty_log)
    return len(left)


def _locked(jids: Iterable[str]) -> list[Account]:
    # The same order everywhere, so that concurrent writers do not deadlock.
    rows = Account.objects.filter(jid__in=jids).order_by(in_order("jid"))
    return list(rows.select_for_update())


def _purge(accounts: Collection[Account], at: datetime) -> None:
    """Delete what was stored of accounts until ``at``.

    Work that runs for them loses its claim first, so that it stores and writes no more.
    """
    jids = [account.jid for account in accounts]
    gone = [account.pk for account in accounts if account.gone_at is not None]
    Claim.objects.filter(owner__in=jids, expires_at__lte=at + CLAIM_DURATION).delete()
    Command.objects.filter(owner__in=jids, received_at__lte=at).delete()
    AddressBookEntry.objects.filter(owner__in=accounts, added_at__lte=at).delete()
    Flag.objects.filter(owner__in=accounts, released_at__lte=at).delete()
    LateJoin.objects.filter(owner__in=accounts).delete()
    Account.objects.filter(pk__in=[a.pk for a in accounts], last_seen__lte=at).update(
        last_seen=None
    )
    left = Account.objects.filter(pk__in=gone)
    Subscriber.objects.filter(jid__in=left.values("jid")).delete()
    left.update(name="", purged=True)


def _free(account: Account, at: datetime) -> None:
    """Take from an account what outlives its former holder."""
    Subscriber.objects.filter(jid=account.jid).delete()
    Flag.objects.filter(owner=account, raised_at__lte=at).delete()
    entries = AddressBookEntry.objects.filter(owner=account, asked_at__gt=at)
    account.budget = settings.DISCOVERY_BURST - entries.count()
    account.budget_at = timezone.now()
    account.name, account.enabled, account.discoverable = "", True, True
    account.announced, account.returned_at, account.holder_since = False, None, at
    account.save(
        update_fields=[
            "budget",
            "budget_at",
            "name",
            "enabled",
            "discoverable",
            "announced",
            "returned_at",
            "holder_since",
        ]
    )
