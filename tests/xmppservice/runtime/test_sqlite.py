"""Writers of one process wait in a queue for SQLite."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    connection,
    connections,
    transaction,
)

from roster.models import Account
from xmppservice.runtime.sqlite import base

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'sqlite'", reason="SQLite's queue"),
]


def elsewhere(function: Callable[[], object]) -> threading.Thread:
    """Call a function in another thread, which closes its connection."""

    def call() -> None:
        try:
            function()
        finally:
            connections.close_all()

    thread = threading.Thread(target=call)
    thread.start()
    return thread


def write(jid: str) -> None:
    with transaction.atomic():
        Account.objects.create(jid=jid)


def test_a_writer_waits_for_the_one_before_it():
    began, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            began.set()
            assert may_end.wait(10)

    first = elsewhere(hold)
    assert began.wait(10)
    second = elsewhere(lambda: write("juliet@localhost"))
    assert not Account.objects.exists()
    may_end.set()
    first.join(10)
    second.join(10)

    assert Account.objects.get().jid == "juliet@localhost"


def test_a_single_statement_takes_the_lock():
    seen: list[tuple[str, bool]] = []

    def look(
        execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any
    ) -> Any:
        seen.append((sql.partition(" ")[0], base._write_lock.locked()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        Account.objects.create(jid="juliet@localhost")
        Account.objects.update(name="Juliet")
        assert Account.objects.exists()

    assert seen == [("INSERT", True), ("UPDATE", True), ("SELECT", False)]
    assert not base._write_lock.locked()


def test_waiting_too_long_raises_an_error(monkeypatch):
    monkeypatch.setitem(connection.settings_dict["OPTIONS"], "timeout", 0.01)
    said: list[str] = []

    def try_to() -> None:
        try:
            write("juliet@localhost")
        except OperationalError as error:
            said.append(str(error))

    with transaction.atomic():
        elsewhere(try_to).join(10)

    assert said == ["database is locked"]
    assert not Account.objects.exists()


def fail() -> None:
    write("romeo@localhost")
    write("romeo@localhost")


def fail_by_itself() -> None:
    write("romeo@localhost")
    Account.objects.create(jid="romeo@localhost")


def break_off() -> None:
    with transaction.atomic():
        connection.close()
        Account.objects.exists()


def refuse() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("PRAGMA query_only = ON")
        write("romeo@localhost")


def test_an_interrupted_commit_releases_the_lock(monkeypatch):
    def interrupt(self: base.DatabaseWrapper) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(base.DatabaseWrapper, "_commit", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write("romeo@localhost")

    assert not base._write_lock.locked()


@pytest.mark.parametrize(
    ("breaks", "error"),
    [
        (fail, IntegrityError),
        (fail_by_itself, IntegrityError),
        (break_off, DatabaseError),
        (refuse, OperationalError),
    ],
)
def test_every_failure_releases_the_lock(breaks, error):
    with pytest.raises(error):
        breaks()
    connection.close()

    assert not base._write_lock.locked()
    elsewhere(lambda: write("juliet@localhost")).join(10)
    assert Account.objects.filter(jid="juliet@localhost").exists()
