"""Statistics for monitoring, cheap for any number of commands."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from roster import statistics
from roster.commands import intake
from roster.models import Command
from tests.roster.conftest import message

pytestmark = pytest.mark.django_db


def commands(*states: str, seconds: float = 0) -> None:
    """Create commands in these states that arrived some seconds ago."""
    came = timezone.now() - timedelta(seconds=seconds)
    for state in states:
        known = set(Command.objects.values_list("pk", flat=True))
        intake.receive([message()])
        sent_at = timezone.now() if state == "sent" else None
        Command.objects.exclude(pk__in=known).update(
            state=state, received_at=came, sent_at=sent_at
        )


def test_open_and_dead_commands_are_counted_but_not_sent_ones():
    assert statistics.by_state() == {"received": 0, "running": 0, "done": 0, "dead": 0}
    commands("received", "received", "done", "dead", "sent", "sent")
    assert statistics.by_state() == {"received": 2, "running": 0, "done": 1, "dead": 1}


@pytest.mark.usefixtures("stopped_clock")
def test_the_longest_wait_is_that_of_the_oldest_open_command():
    assert statistics.longest_wait() == 0
    commands("sent", seconds=900)
    assert statistics.longest_wait() == 0
    for state, seconds in (("received", 20), ("running", 40), ("done", 60)):
        commands(state, seconds=seconds)
        assert statistics.longest_wait() == seconds


def test_commands_waiting_after_a_failure_are_not_counted():
    commands("received", seconds=100)
    Command.objects.update(attempts=1)
    assert statistics.longest_wait() == 0


@pytest.mark.usefixtures("stopped_clock")
def test_latencies_are_those_of_recently_sent_answers(monkeypatch):
    commands("sent", seconds=9)
    commands("sent", seconds=3)
    commands("sent", seconds=600)
    Command.objects.filter(pk=Command.objects.latest("pk").pk).update(
        sent_at=timezone.now() - timedelta(minutes=6)
    )
    commands("done", seconds=60)

    assert [round(seconds) for seconds in statistics.latencies()] == [3, 9]

    monkeypatch.setattr(statistics, "MAX_ANSWERS", 1)
    assert len(statistics.latencies()) == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads SQLite's query plan")
@pytest.mark.parametrize(
    "read", [statistics.by_state, statistics.longest_wait, statistics.latencies]
)
def test_no_statistic_reads_the_whole_table(read):
    with CaptureQueriesContext(connection) as captured:
        read()

    for query in captured.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            steps = [step[-1] for step in cursor.fetchall()]
        assert all("INDEX command_" in step or "TEMP" in step for step in steps), steps
