"""Ownership of the stream: the file lock and the database lock.

tests/slow/failures tests with real processes that a standby takes over.
"""

import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from xmppservice.connection.models import StreamStatus
from xmppservice.connection.status import process_name
from xmppservice.service import standby
from xmppservice.service.standby import DatabaseLock, FileLock, Lock

on_sqlite = connection.vendor != "postgresql"
on_postgresql = pytest.mark.skipif(on_sqlite, reason="needs PostgreSQL's lock")


def check_one_holder(first: Lock, second: Lock) -> None:
    assert first.take() is True
    assert second.take() is False
    assert process_name() in second.holder()
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


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_the_database_lock_has_one_holder():
    check_one_holder(DatabaseLock(), DatabaseLock())


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_session_that_no_longer_has_the_lock_is_noticed():
    """As behind a pool: the connection works, but its session is another one."""
    first, second = DatabaseLock(), DatabaseLock()
    try:
        assert first.take() is True
        with first._connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")
        assert second.take() is True
        assert first.take() is False

        with second._connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock_all()")
        assert second.take() is True, "free, so it takes it again"
        assert first.take() is False
    finally:
        first.close()
        second.close()


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_sessions_of_a_direct_connection_are_not_shared():
    standby.refuse_shared_sessions()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("silent_for", "warns"),
    [(None, True), (timedelta(minutes=1), True), (timedelta(), False)],
)
def test_a_standby_of_a_silent_stream_names_the_holder(
    settings, tmp_path, caplog, silent_for, warns
):
    settings.VAR_DIR = tmp_path
    lock = FileLock()
    lock.take()
    if silent_for is not None:
        seen_at = timezone.now() - silent_for
        StreamStatus.objects.create(jid=settings.XMPP_JID, seen_at=seen_at)

    standby._warn_of_silence(lock)

    warning = (
        f"nothing is heard of the stream, and its lock is held by {process_name()}"
    )
    assert (warning in caplog.text) == warns
    lock.close()
