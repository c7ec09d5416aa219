"""Who may own the stream: the lock of a file, and that of a database.

That a standby takes over is tried with real processes in tests/failures.
"""

import time

import pytest
from django.db import connection

from tests.servers import INITDB, passed_on
from xmppservice.standby import DatabaseLock, FileLock, Lock


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


if connection.vendor == "postgresql":

    @pytest.mark.django_db(transaction=True)
    def test_a_database_has_one_holder():
        one_after_the_other(DatabaseLock(), DatabaseLock())

elif INITDB:

    def test_the_same_on_postgresql(postgresql):
        assert passed_on(postgresql, __file__, "a_database_has") == 1
