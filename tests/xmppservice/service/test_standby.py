"""Ownership of the stream: the file lock and the database lock.

tests/slow/failures tests with real processes that a standby takes over.
"""

import time

import pytest
from django.db import connection

from xmppservice.service.standby import DatabaseLock, FileLock, Lock


def check_one_holder(first: Lock, second: Lock) -> None:
    assert first.take() is True
    assert second.take() is False
    assert first.take() is True, "it is still held"

    first.close()

    # PostgreSQL releases the lock when it notices that the connection ended.
    patience = time.monotonic() + 10
    while not second.take():
        assert time.monotonic() < patience
    assert first.take() is False
    for lock in (first, second):
        lock.close()


def test_the_file_lock_has_one_holder(settings, tmp_path):
    settings.VAR_DIR = tmp_path / "var"
    check_one_holder(FileLock(), FileLock())


@pytest.mark.skipif(connection.vendor != "postgresql", reason="needs PostgreSQL's lock")
@pytest.mark.django_db(transaction=True)
def test_the_database_lock_has_one_holder():
    check_one_holder(DatabaseLock(), DatabaseLock())
