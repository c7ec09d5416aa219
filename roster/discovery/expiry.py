"""Deletes contacts that their owners have not sent for a long time."""

import time
from collections.abc import Mapping
from datetime import timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from roster.discovery.digests import keys
from roster.models import AddressBookEntry

BATCH_SIZE, PAUSE_SECONDS = 1_000, 0.05  # rows, seconds


def expire(seconds: float) -> Mapping[str, int]:
    """Delete contacts not sent for a long time, and those under a dropped key.

    In batches, until ``seconds`` have passed; returns how many of each.
    """
    end = time.monotonic() + seconds
    before = timezone.now() - timedelta(days=settings.ADDRESS_BOOK_DAYS)
    listed = {key.name for key in keys()}
    expired = [Q(key=name, seen_at__lt=before) for name in listed]
    dropped = [Q(key=name) for name in _names() if name not in listed]
    return {
        "expired": sum(_delete(which, end) for which in expired),
        "dropped": sum(_delete(which, end) for which in dropped),
    }


def _names() -> list[str]:
    """Names of all keys in use, with one index lookup for each."""
    names = [""]
    rows = AddressBookEntry.objects.order_by("key").values_list("key", flat=True)
    while (name := rows.filter(key__gt=names[-1]).first()) is not None:
        names.append(name)
    return names[1:]


def _delete(which: Q, end: float) -> int:
    count = 0
    rows = (
        AddressBookEntry.objects.filter(which).order_by().values_list("pk", flat=True)
    )
    while pks := list(rows[:BATCH_SIZE]):
        count += AddressBookEntry.objects.filter(pk__in=pks).delete()[0]
        if time.monotonic() > end:
            break
        time.sleep(PAUSE_SECONDS)
    return count
