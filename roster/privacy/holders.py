"""Numbers that change hands: what the one who left has stored is never the next one's.

Data is deleted at once when somebody who knows says that the account was deleted, or
that its number has another holder. When the XMPP server merely has no such account, the
account is not served, and its data is deleted after ACCOUNT_GONE_DAYS: a server can be
wrong for an hour. What is used of the discovery budget, an open flag and what staff
switched off outlive the data, so that registering anew gives nobody a fresh budget.

Source: contract, 3 ("When an account is gone …").
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from roster.accounts import directory
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
from xmppservice.runtime.queries import MAX_PARAMETERS, batches

BATCH_SIZE = 100  # accounts; each may have thousands of contacts


def deleted(jids: Collection[str], at: datetime) -> None:
    """The accounts were deleted on the XMPP server at the time ``at``.

    Deletes what was stored until then. Newer information is kept.
    """
    directory.apply_notices(dict.fromkeys(jids, False), at)
    _purge(jids, at)


def reassigned(jids: Collection[str], at: datetime) -> None:
    """The accounts have other holders since the time ``at``.

    Deletes what was stored until then, as :func:`deleted` does, and what outlives it.
    """
    directory.apply_notices(dict.fromkeys(jids, True), at)
    _purge(jids, at)
    for part in batches(sorted(jids), MAX_PARAMETERS):
        with transaction.atomic():
            _free(Account.objects.filter(jid__in=part), at)


def _free(accounts: QuerySet[Account], at: datetime) -> None:
    # A notice that arrives twice must not free the next holder's flag.
    earlier = accounts.filter(Q(holder_since=None) | Q(holder_since__lt=at))
    pks = [row.pk for row in earlier.order_by("jid").select_for_update()]
    Flag.objects.filter(owner__in=pks, raised_at__lte=at).delete()
    rows = Account.objects.filter(pk__in=pks)
    rows.filter(budget_at__lte=at).update(budget=None, budget_at=None)
    rows.update(
        name="",
        enabled=True,
        discoverable=True,
        announced=False,
        returned_at=None,
        holder_since=at,
    )


def purge_gone() -> int:
    """Delete the data of accounts gone for ACCOUNT_GONE_DAYS; return how many."""
    now = timezone.now()
    before = now - timedelta(days=settings.ACCOUNT_GONE_DAYS)
    due = Account.objects.filter(gone_at__lte=before, purged=False).order_by("gone_at")
    jids = list(due.values_list("jid", flat=True)[:MAX_PARAMETERS])
    _purge(jids, now)
    return len(jids)


def _purge(jids: Collection[str], at: datetime) -> None:
    """Delete what was stored of accounts until ``at``."""
    for part in batches(sorted(jids), BATCH_SIZE):
        accounts = Account.objects.filter(jid__in=part)
        gone = accounts.exclude(gone_at=None)
        AddressBookEntry.objects.filter(owner__in=accounts, added_at__lte=at).delete()
        Flag.objects.filter(owner__in=accounts, released_at__lte=at).delete()
        LateJoin.objects.filter(owner__in=accounts, not_before__lte=at).delete()
        Subscriber.objects.filter(jid__in=part).delete()
        with exclusive():
            Claim.objects.filter(owner__in=gone.values("jid")).delete()
            Command.objects.filter(owner__in=part, received_at__lte=at).delete()
        gone.update(name="", last_seen=None, purged=True)
    transaction.on_commit(empty_log)
