"""What is cleaned up, and when a wait starts over."""

from datetime import timedelta

import pytest
from django.utils import timezone

from roster import statistics
from roster.commands import intake, outbox, retention
from roster.commands.claims import State
from roster.models import Command
from tests.roster.commands.rows import SQL_ERROR, kill, row, run_to
from tests.roster.conftest import message

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("state", "days", "deleted"),
    [("sent", 8, 1), ("sent", 6, 0), ("done", 8, 0), ("received", 8, 0)],
)
def test_an_answered_command_is_deleted_after_its_retention(
    settings, state, days, deleted
):
    settings.PAYLOAD_DAYS = 7
    intake.receive([message(id="one", payload='{"userList": []}')])
    run_to(state)
    past = timezone.now() - timedelta(days=days)
    Command.objects.update(received_at=past, done_at=past)
    Command.objects.exclude(sent_at=None).update(sent_at=past)

    assert retention.clean_up() == (deleted, 0)
    assert Command.objects.count() == 1 - deleted
    assert retention.clean_up() == (0, 0)


def test_a_dead_command_stays_without_its_payload():
    intake.receive([message()])
    kill()
    outbox.confirm(outbox.unsent(9, ()))
    past = timezone.now() - timedelta(days=400)
    Command.objects.update(done_at=past, sent_at=past)

    assert retention.clean_up() == (0, 1)

    assert (row().state, row().payload, row().answer) == ("dead", "", SQL_ERROR)
    assert retention.clean_up() == (0, 0)


def test_a_repeat_of_a_deleted_command_runs_again():
    intake.receive([message(id="one")])
    run_to("sent")
    Command.objects.update(sent_at=timezone.now() - timedelta(days=400))
    retention.clean_up()

    intake.receive([message(id="one")])

    assert outbox.has_work()
    assert row().state == State.RECEIVED


def test_many_commands_are_deleted_in_several_transactions(monkeypatch):
    monkeypatch.setattr(retention, "BATCH_SIZE", 3)
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0)
    intake.receive([message() for _ in range(8)])
    past = timezone.now() - timedelta(days=400)
    Command.objects.update(state="sent", sent_at=past)

    assert retention.clean_up(seconds=0).deleted == 3
    assert retention.clean_up().deleted == 5


@pytest.mark.parametrize("final", [True, False])
def test_after_an_answered_command_is_repeated_its_wait_starts_over(final):
    intake.receive([message(id="one")])
    run_to("sent", final=final)
    Command.objects.update(received_at=timezone.now() - timedelta(days=2))

    intake.receive([message(id="one")])

    assert statistics.longest_wait() < 5


def test_after_a_retry_the_wait_starts_over():
    intake.receive([message(id="one")])
    kill()
    Command.objects.update(received_at=timezone.now() - timedelta(days=2))

    intake.retry([row().pk])

    assert statistics.longest_wait() < 5
