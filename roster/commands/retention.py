"""Deletes answered commands: nothing is kept for longer than it is needed."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from roster.commands.lock import exclusive
from roster.models import Command

State = Command.State
BATCH_SIZE = 1000  # rows in one transaction
CLEANUP_SECONDS, PAUSE_SECONDS = 30, 0.05


class Cleaned(NamedTuple):
    """How many answered commands, and payloads of dead ones, were deleted."""

    deleted: int
    cleared: int


def clean_up(seconds: float = CLEANUP_SECONDS) -> Cleaned:
    """Delete commands answered long ago; of a dead command, its payload.

    In batches, so that others need not wait; what remains after ``seconds`` is left to
    the next call. Source: contract, 3: numbers of people who never registered are not
    readable at rest after seven days.
    """
    end = time.monotonic() + seconds
    cleaned = Cleaned(_batches(_delete_sent, end), _batches(_clear_dead, end))
    if any(cleaned):
        transaction.on_commit(empty_log)
    return cleaned


def _batches(batch: Callable[[datetime], int], end: float) -> int:
    days = timedelta(days=settings.PAYLOAD_DAYS)
    count = done = batch(timezone.now() - days)
    while done == BATCH_SIZE and time.monotonic() < end:
        # A lock is not fair: without a pause the same thread takes it again.
        time.sleep(PAUSE_SECONDS)
        done = batch(timezone.now() - days)
        count += done
    return count


def _delete_sent(before: datetime) -> int:
    # Not by the state: nearly all are sent, and sent_at has an index of its own.
    sent = Command.objects.filter(sent_at__lt=before).exclude(state=State.DEAD)
    with exclusive():
        pks = list(sent.order_by("sent_at").values_list("pk", flat=True)[:BATCH_SIZE])
        # Filtered again: on PostgreSQL a repeat may reopen one in between.
        deleted, _ = sent.filter(pk__in=pks).delete()
    return deleted


def _clear_dead(before: datetime) -> int:
    dead = Command.objects.filter(state=State.DEAD, done_at__lt=before)
    with exclusive():
        kept = dead.exclude(payload="").order_by()
        pks = list(kept.values_list("pk", flat=True)[:BATCH_SIZE])
        return dead.filter(pk__in=pks).update(payload="")


def empty_log() -> None:
    """Empty SQLite's write-ahead log, where deleted data stays readable."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
