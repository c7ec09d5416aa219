"""Helpers for the tests of accounts."""

from datetime import datetime, timedelta

from django.utils import timezone

from roster.models import Account

NUMBER = "+393471111111"


def long_ago(days: int = 30) -> datetime:
    return timezone.now() - timedelta(days=days)


def jids() -> set[str]:
    return set(Account.objects.values_list("jid", flat=True))


def visible() -> set[str]:
    return {account.jid for account in Account.objects.all() if account.visible}
