"""The locks of those who write the command queue.

SQLite has one writer at a time. On PostgreSQL, intake, workers and outbox write beside
each other. No two of them wait for each other, because rows are locked in this order:
claims by owner, accounts by JID, commands by key; claiming skips commands that are
locked. What is rare, and locks in any order, has the queue for itself.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import Enum

from django.db import connection, transaction
from django.utils import timezone

from roster.models import Command

# PostgreSQL's advisory locks, which all processes share.
_QUEUE = 0x6C6564676572


class Step(Enum):
    """What only one process does at a time: the value is the key of its lock."""

    # Two would not see each other's new rows, and a repeat would be refused.
    INTAKE = _QUEUE + 1
    # Two would choose the same owners, because neither sees the other's claims.
    CLAIM = _QUEUE + 2


@contextmanager
def exclusive() -> Iterator[datetime]:
    """A transaction in which nobody else writes the queue; yields the time."""
    with transaction.atomic():
        _lock("pg_advisory_xact_lock", _QUEUE)
        yield timezone.now()


@contextmanager
def shared() -> Iterator[datetime]:
    """A transaction beside those of others, in the order above; yields the time."""
    with transaction.atomic():
        _lock("pg_advisory_xact_lock_shared", _QUEUE)
        yield timezone.now()


def begin(step: Step) -> None:
    """Wait until no other process is at this step, and keep them off until the end.

    Within :func:`shared`.
    """
    _lock("pg_advisory_xact_lock", step.value)


def lock_commands(pks: Collection[int]) -> None:
    """Lock commands in the order of their keys, before they are written together."""
    if connection.features.has_select_for_update:
        rows = Command.objects.filter(pk__in=pks).order_by("pk").select_for_update()
        list(rows.values_list("pk"))


def _lock(function: str, key: int) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {function}(%s)", [key])
