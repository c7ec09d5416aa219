"""The tasks: a poison command fails only itself, and nothing runs without a stream."""

import json
import logging
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery.signals import before_task_publish
from django.db import DatabaseError
from django.utils import timezone

from roster import tasks
from roster.commands import claims, intake, outbox, results
from roster.commands.results import MAX_ATTEMPTS, Settled
from roster.models import Account, AddressBookEntry, Command
from tests.roster.conftest import (
    ADD,
    JULIET,
    MARIO,
    ROMEO,
    SEARCH,
    groups_of,
    message,
    numbers,
    users,
)
from xmppservice.connection.gateway import Broke, Down, Late
from xmppservice.rosters.interface import RosterError
from xmppservice.runtime import wakeups

pytestmark = pytest.mark.django_db

POISON = "poison@elsewhere.example"


def run_due(rosters, attempts: int = 1) -> None:
    """Run due commands, once the backoff after ``attempts`` attempts is over."""
    Command.objects.filter(attempts=attempts).update(not_before=timezone.now())
    tasks._run_all(rosters)


def by_id(id: str) -> Command:
    return Command.objects.get(stanza_id=id)


def test_the_wake_up_names_this_task():
    assert tasks.run_commands.name == wakeups.RUN_COMMANDS


def test_a_poison_command_fails_only_itself(rosters):
    rosters.raises[POISON] = RuntimeError("+393471111111 broke it")
    intake.receive(
        [
            message(id="before", payload=users(("Liam", "liam"))),
            message(id="poison", payload=users(("P", POISON))),
            message(SEARCH, numbers("+393471111111"), id="after"),
            message(owner=JULIET, id="juliet", payload=users(("Liam", "liam"))),
        ]
    )

    for _ in range(4):
        run_due(rosters)

    good = [by_id(id) for id in ("before", "after", "juliet")]
    assert [row.state for row in good] == ["done"] * 3
    assert [json.loads(row.answer)["status"] for row in good] == [0] * 3
    poison = by_id("poison")
    assert (poison.state, poison.attempts) == ("received", 2)
    assert poison.error.startswith("RuntimeError in tests.roster.conftest._break_at:")
    # Juliet's command was not counted against, nor did it wait.
    assert by_id("juliet").attempts == 0
    assert set(groups_of(rosters)) == {"liam@localhost", "00393471111111@localhost"}


def test_a_poison_command_dies_after_its_attempts(rosters):
    rosters.raises[POISON] = RuntimeError()
    intake.receive([message(id="poison", payload=users(("P", POISON)))])

    for attempts in range(MAX_ATTEMPTS):
        run_due(rosters, attempts)

    assert by_id("poison").state == "dead"
    assert len(outbox.unsent(9, ())) == 1


def test_an_owner_with_a_poison_roster_does_not_stop_others(rosters):
    rosters.raises[ROMEO] = RuntimeError()
    liam = users(("Liam", "liam"))
    intake.receive([message(id=o, owner=o, payload=liam) for o in (ROMEO, JULIET)])

    for _ in range(3):
        run_due(rosters)

    assert by_id(ROMEO).error.startswith("RuntimeError in tests.")
    assert by_id(JULIET).state == "done"


def test_the_log_shows_where_it_failed_but_no_data(rosters, caplog):
    rosters.raises[POISON] = RuntimeError("+393471111111 broke it")
    intake.receive([message(payload=users(("P", POISON)))])

    with caplog.at_level(logging.ERROR):
        tasks._run_all(rosters)

    assert "RuntimeError in tests.roster.conftest._break_at:" in caplog.text
    assert "39347" not in caplog.text
    assert POISON not in caplog.text


@pytest.mark.parametrize(
    ("error", "attempts"),
    [
        (Down("away"), 0),
        (Broke("in flight"), 1),
        (Late("late"), 1),
        (DatabaseError(), 1),
    ],
)
def test_an_attempt_is_counted_unless_there_was_no_stream(rosters, error, attempts):
    rosters.raises[ROMEO] = error
    intake.receive([message(id="it", payload=users(("Liam", "liam")), owner=ROMEO)])

    tasks._run_all(rosters)

    row = by_id("it")
    assert (row.state, row.attempts, row.claim) == ("received", attempts, None)
    assert not claims.claim()


def test_a_command_that_failed_before_is_claimed_alone():
    intake.receive([message(id=id) for id in ("first", "second")])
    intake.receive([message(id="juliet", owner=JULIET)])
    Command.objects.filter(stanza_id="first").update(attempts=1)

    def claimed() -> list[str]:
        return [row.stanza_id for work in claims.claim() for row in work.commands]

    assert claimed() == ["juliet"]
    assert claimed() == ["first"]
    assert claimed() == []


def test_without_a_stream_nothing_is_claimed_or_looked_up():
    intake.receive([message(ADD)])
    Account.objects.create(jid=ROMEO, checked_at=timezone.now() - timedelta(days=99))
    before = Command.objects.values().get()

    tasks.run_commands()
    tasks.refresh_accounts()

    assert Command.objects.values().get() == before
    assert Account.objects.filter(jid=ROMEO).exists()


def test_the_cleanup_deletes_commands_answered_long_ago(caplog):
    caplog.set_level(logging.INFO)
    intake.receive([message(id="old"), message(id="new")])
    (work,) = claims.claim()
    answers = {row.pk: ("{}", True) for row in work.commands}
    results.finish([Settled(work, answers)], "{}")
    outbox.confirm(outbox.unsent(9, ()))
    past = timezone.now() - timedelta(days=99)
    Command.objects.filter(stanza_id="old").update(sent_at=past)

    tasks.clean_up()

    assert [row.stanza_id for row in Command.objects.all()] == ["new"]
    assert "deleted 1 commands, and 0 payloads of dead ones" in caplog.text
    caplog.clear()
    tasks.clean_up()
    assert caplog.text == ""


# --- Accounts, late joins, contacts ---------------------------------------------------


def visible() -> set[str]:
    return {account.jid for account in Account.objects.all() if account.visible}


def test_accounts_follow_the_listing_of_a_server_that_lists(rosters, caplog):
    caplog.set_level(logging.INFO)
    rosters.lists = True
    Account.objects.create(jid="left@localhost")

    tasks._refresh(rosters)

    assert visible() == {ROMEO, JULIET, MARIO}
    assert rosters.asked == []
    assert "3 accounts of localhost: 3 new, 1 gone" in caplog.text
    caplog.clear()
    rosters.register("later@localhost")
    tasks._refresh(rosters)
    assert caplog.text == ""


def test_each_account_is_checked_if_the_server_does_not_list(rosters, monkeypatch):
    monkeypatch.setattr(tasks, "PROBE_PAUSE_SECONDS", 0)
    for jid in (ROMEO, "left@localhost"):
        Account.objects.create(jid=jid)

    tasks._refresh(rosters)

    assert visible() == {ROMEO}
    assert sorted(rosters.asked) == ["left@localhost", ROMEO]


def test_checking_many_accounts_wakes_another_task(
    rosters, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(tasks, "SLICE_SECONDS", 0)
    monkeypatch.setattr(tasks, "PROBE_PAUSE_SECONDS", 0)
    Account.objects.create(jid=ROMEO)
    with django_capture_on_commit_callbacks() as callbacks:
        tasks._refresh(rosters)
    assert wakeups.REFRESH_ACCOUNTS in str(callbacks)


@pytest.mark.parametrize(
    "error", [Down("gone"), Late("older than its deadline"), RosterError("forbidden")]
)
def test_a_listing_that_fails_is_repeated_the_next_time(rosters, caplog, error):
    rosters.lists = True
    rosters.raises["localhost"] = error
    Account.objects.create(jid="left@localhost")

    tasks._refresh(rosters)

    assert f"accounts are not refreshed: {error}" in caplog.text
    assert visible() == {"left@localhost"}


def test_a_domain_that_fails_to_list_does_not_stop_the_others(
    rosters, settings, caplog
):
    settings.XMPP_DOMAINS = ["mantua.example", "localhost"]
    rosters.lists = True
    rosters.raises["mantua.example"] = RosterError("400")
    tasks._refresh(rosters)
    assert visible() == {ROMEO, JULIET, MARIO}
    assert "accounts are not refreshed: 400" in caplog.text


@pytest.mark.parametrize("error", [RosterError("forbidden"), Late("late")])
def test_a_domain_without_rights_does_not_stop_the_checks_of_others(
    rosters, settings, monkeypatch, caplog, error
):
    monkeypatch.setattr(tasks, "PROBE_PAUSE_SECONDS", 0)
    settings.XMPP_DOMAINS = ["mantua.example", "localhost"]
    rosters.raises["nurse@mantua.example"] = error
    for jid in ("nurse@mantua.example", "left@localhost", ROMEO):
        Account.objects.create(jid=jid)

    tasks._refresh(rosters)

    assert visible() == {"nurse@mantua.example", ROMEO}
    assert f"accounts are not refreshed: {error}" in caplog.text


@pytest.mark.parametrize("task", [tasks.refresh_accounts, tasks.expire_contacts])
def test_long_tasks_run_one_after_the_other(rosters, monkeypatch, task):
    monkeypatch.setattr(tasks, "driver", lambda: rosters)
    sent: list[float] = []

    def note(sender: str, headers: dict[str, Any], **rest: Any) -> None:
        assert sender == task.name
        eta = datetime.fromisoformat(headers["eta"])
        sent.append((eta - timezone.now()).total_seconds())

    before_task_publish.connect(note)
    try:
        with tasks._accounts_lock:
            task()
    finally:
        before_task_publish.disconnect(note)

    assert [round(seconds) for seconds in sent] == [tasks.SLICE_SECONDS]


def test_expiry_wakes_another_task_if_rows_are_left(
    rosters, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(tasks, "SLICE_SECONDS", 0)
    with django_capture_on_commit_callbacks() as callbacks:
        tasks.expire_contacts()
    assert wakeups.EXPIRE_CONTACTS in str(callbacks)


def test_late_joins_are_deferred_while_the_server_is_away(rosters, caplog):
    late = "00393479999999@localhost"
    intake.receive([message(payload=users(("Late", late)))])
    run_due(rosters, attempts=0)
    rosters.register(late)
    Account.objects.create(jid=late, msisdn="+393479999999")
    rosters.raises[ROMEO] = Down("gone")

    tasks._join(rosters)
    assert "late joins rest: gone" in caplog.text
    rosters.raises.clear()
    tasks._join(rosters)

    assert groups_of(rosters)[late] == ("verified",)


def test_contacts_that_are_no_longer_sent_expire(rosters, caplog):
    caplog.set_level(logging.INFO)
    intake.receive([message(payload=users(("Liam", "liam")))])
    run_due(rosters, attempts=0)
    AddressBookEntry.objects.update(seen_at=timezone.now() - timedelta(days=999))

    with tasks._accounts_lock:  # a listing is in progress
        tasks.expire_contacts()
    assert AddressBookEntry.objects.exists()
    tasks.expire_contacts()

    assert not AddressBookEntry.objects.exists()
    assert "deleted 1 expired contacts, 0 of dropped keys" in caplog.text
    caplog.clear()
    tasks.expire_contacts()
    assert caplog.text == ""
