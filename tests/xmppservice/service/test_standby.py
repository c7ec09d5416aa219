"""Who may own the stream: the lock of a file, and that of a database.

That a standby takes over is tried with real processes in tests/slow/failures.
"""

import time

import pytest
from django.db import connection

from xmppservice.service.standby import DatabaseLock, FileLock, Lock


def one_after_the_other(first: Lock, second: Lock) -> None:
    assert first.take() is True
    assert second.take() is False
    assert first.take() is True, "it is still held"

    first.close()

    # PostgreSQL lets go of it when it has seen the connection end.
    patience = time.monotonic() + 10
    while not second.take():
        assert time.monotonic() < patience
    assert first.take() is False
    for lock in (first, second):
        lock.close()


def test_a_file_has_one_holder(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    one_after_the_other(FileLock(), FileLock())


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's lock")
@pytest.mark.django_db(transaction=True)
def test_a_database_has_one_holder():
    one_after_the_other(DatabaseLock(), DatabaseLock())
