"""The lock that all writers of the command queue share."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection, transaction
from django.utils import timezone

# A PostgreSQL lock for the writers of all processes. Without it, writers that lock the
# same rows in different orders deadlock (a repeat that meets its answer).
_LOCK_KEY = 0x6C6564676572


@contextmanager
def exclusive() -> Iterator[datetime]:
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK_KEY])
        yield timezone.now()
