"""Owners are claimed, each with the oldest commands."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from roster.commands import claims, intake, outbox, results
from roster.commands.claims import MAX_COMMANDS_OF_OWNER, MAX_OWNERS, State
from roster.commands.results import Settled
from roster.models import AddressBookEntry, Claim, Command
from tests.roster.commands.rows import (
    OK,
    SQL_ERROR,
    answered,
    finish,
    owners,
    remember,
    states,
)
from tests.roster.conftest import JULIET, MARIO, ROMEO, make_due, message
from xmppservice.runtime import wakeups

pytestmark = pytest.mark.django_db

BACKLOG = 1_000


def test_a_batch_takes_the_owners_that_have_waited_longest():
    jids = [f"owner-{number:02}@localhost" for number in range(MAX_OWNERS - 1)]
    intake.receive([message(owner=jid) for _ in range(3) for jid in jids])

    work = claims.claim()

    whole, rest = divmod(claims.BATCH_SIZE, 3)
    assert [one.owner for one in work] == jids[: whole + 1]
    assert [len(one.commands) for one in work] == [3] * whole + [rest]
    for one in work:
        oldest = Command.objects.filter(owner=one.owner).order_by("pk")
        assert list(oldest[: len(one.commands)]) == one.commands
        running = Command.objects.filter(claim=one.claim, state=State.RUNNING)
        assert list(running.order_by("pk")) == one.commands
    assert states() == {
        State.RUNNING: claims.BATCH_SIZE,
        State.RECEIVED: 3 * len(jids) - claims.BATCH_SIZE,
    }
    # An owner with commands left comes after those who had none in the batch.
    assert next(iter(finish(*map(answered, work)))).owner == jids[whole + 1]


def test_the_number_of_owners_in_a_batch_is_limited():
    jids = [f"owner-{number:03}@localhost" for number in range(MAX_OWNERS + 1)]
    intake.receive([message(owner=jid) for jid in jids])

    assert [one.owner for one in claims.claim()] == jids[:MAX_OWNERS]


def test_an_owners_share_of_a_batch_is_limited():
    intake.receive([message() for _ in range(MAX_COMMANDS_OF_OWNER + 1)])

    (work,) = claims.claim()

    assert len(work.commands) == MAX_COMMANDS_OF_OWNER


def test_a_flood_of_one_owner_does_not_hide_others(monkeypatch):
    monkeypatch.setattr(claims, "WINDOW_SIZE", 10)
    intake.receive([message(owner=ROMEO) for _ in range(30)])
    intake.receive([message(owner=JULIET)])

    assert owners(claims.claim()) == [JULIET, ROMEO]


@pytest.fixture
def flood(monkeypatch, clock) -> None:
    """A flood of Romeo's, behind which a claim has found nobody."""
    monkeypatch.setattr(claims, "WINDOW_SIZE", 2 * MAX_COMMANDS_OF_OWNER)
    monkeypatch.setattr(claims, "BATCH_SIZE", MAX_COMMANDS_OF_OWNER)
    monkeypatch.setattr(claims, "_lookout", claims.Lookout(clock))
    intake.receive([message(owner=ROMEO) for _ in range(9 * MAX_COMMANDS_OF_OWNER)])
    assert take_turn() == [ROMEO]


def take_turn() -> list[str]:
    """Claim and answer one batch; return its owners."""
    work = claims.claim()
    results.finish([*map(answered, work)], SQL_ERROR, claim_more=False)
    return owners(work)


def test_after_a_look_behind_a_flood_in_vain_the_next_is_later(flood, clock):
    intake.receive([message(owner=JULIET)])
    # The first turn is his, because he has waited for longer.
    assert [take_turn(), take_turn()] == [[ROMEO], [ROMEO]]
    clock.now += claims.LOOK_SECONDS
    assert take_turn() == [JULIET, ROMEO]


def test_claims_look_behind_a_flood_as_long_as_they_find_others(flood, clock):
    for owner in (MARIO, JULIET):
        intake.receive([message(owner=owner) for _ in range(MAX_COMMANDS_OF_OWNER)])
    clock.now += claims.LOOK_SECONDS
    assert [take_turn(), take_turn(), take_turn()] == [[ROMEO], [MARIO], [JULIET]]


def test_what_a_claim_takes_is_read_by_key_alone():
    # With a state, PostgreSQL read the whole backlog until its statistics knew of it.
    intake.receive([message()])

    with CaptureQueriesContext(connection) as queries:
        claims.claim()

    (condition,) = (
        query["sql"].partition(" WHERE ")[2]
        for query in queries
        if '"payload"' in query["sql"]
    )
    assert '"id" IN' in condition
    assert '"state"' not in condition


def test_commands_that_do_not_fit_into_a_batch_keep_their_order():
    large = " " * claims.MAX_CHARACTERS
    payloads = ("{}", "{}" + large, "{}")
    intake.receive([message(owner=ROMEO, payload=one) for one in payloads])
    intake.receive([message(owner=JULIET)])

    work = {one.owner: len(one.commands) for one in claims.claim()}

    # Not Romeo's third, though it is small: the second comes first.
    assert work == {ROMEO: 1, JULIET: 1}


def test_a_failed_command_runs_alone_and_before_later_ones():
    intake.receive([message(owner=ROMEO), message(owner=ROMEO), message(owner=JULIET)])
    first = Command.objects.filter(owner=ROMEO).order_by("pk").first()
    Command.objects.filter(pk=first.pk).update(attempts=1)

    assert owners(claims.claim()) == [JULIET]
    (work,) = claims.claim()
    assert work.commands == [first]


def failed_before(*jids: str) -> None:
    intake.receive([message(owner=jid) for jid in jids])
    Command.objects.filter(owner__in=jids).update(attempts=1)


def test_failed_commands_are_retried_however_many_new_ones_arrive():
    failed_before(ROMEO, MARIO)
    intake.receive([message(owner="0@localhost")])
    claimed, work = [], claims.claim()
    for number in range(1, 6):
        intake.receive([message(owner=f"{number}@localhost")])
        claimed += owners(work)
        work = finish(*map(answered, work))

    # They alternate with others: after a retry, a worker takes new commands first.
    others = [f"{number}@localhost" for number in range(5)]
    assert claimed == [others[0], ROMEO, *others[1:3], MARIO, *others[3:]]


def test_one_failed_command_at_a_time_is_retried_while_others_wait():
    failed_before(ROMEO, MARIO)
    intake.receive([message(owner="0@localhost")])
    one = claims.claim()
    intake.receive([message(owner="1@localhost")])
    other = claims.claim()
    intake.receive([message(owner="2@localhost")])

    assert owners(finish(*map(answered, one))) == [ROMEO]
    assert owners(finish(*map(answered, other))) == ["2@localhost"]
    assert owners(claims.claim()) == [MARIO]  # no other owner waits


def test_failed_commands_do_not_hide_others(monkeypatch):
    monkeypatch.setattr(claims, "WINDOW_SIZE", 2 * MAX_OWNERS)
    failed_before(*(f"{number}@localhost" for number in range(3 * MAX_OWNERS)))
    intake.receive([message(owner=JULIET)])
    assert owners(claims.claim()) == [JULIET]


LONG = "{}" + " " * claims.MAX_CHARACTERS


@pytest.mark.parametrize("length", [1, 25])
def test_long_commands_of_one_owner_leave_a_batch_to_others(length):
    payload = LONG[: len(LONG) // length]
    intake.receive([message(owner=ROMEO, payload=payload) for _ in range(60)])
    intake.receive([message(owner=JULIET)])
    claimed = [claims.claim()]
    while JULIET not in owners(claimed[-1]):
        claimed.append(finish(*map(answered, claimed[-1])))
    assert len(claimed) <= 2


def test_long_commands_of_some_owners_leave_a_batch_to_others():
    floods = [f"{number}@localhost" for number in range(4)]
    intake.receive([message(owner=jid, payload=LONG) for jid in floods * 10])
    intake.receive([message(owner=JULIET)])
    workers = [claims.claim() for _ in range(3)]
    claimed = 3
    while not any(JULIET in owners(work) for work in workers):
        workers.append(finish(*map(answered, workers.pop(0))))
        claimed += 1
    # Each of them once, then Juliet.
    assert claimed <= len(floods) + 1


def test_commands_that_do_not_fit_wake_another_worker(monkeypatch):
    intake.receive([message(owner=ROMEO, payload=LONG), message(owner=JULIET)])
    woken: list[str] = []
    monkeypatch.setattr(wakeups, "wake_worker", woken.append)
    claims.claim()
    assert woken == [wakeups.RUN_COMMANDS]


def test_an_owner_has_one_claim_at_a_time():
    intake.receive([message(owner=owner) for owner in (ROMEO, ROMEO, JULIET)])
    first = claims.claim()
    intake.receive([message(owner=owner) for owner in (ROMEO, MARIO)])

    second = claims.claim()

    assert owners(first) == [JULIET, ROMEO]
    assert owners(second) == [MARIO]
    assert claims.claim() == []


def test_owners_with_a_running_claim_take_no_place_in_a_batch():
    busy = [f"owner-{number}@localhost" for number in range(MAX_OWNERS)]
    intake.receive([message(owner=jid) for jid in busy])
    claims.claim()
    intake.receive([message(owner=jid) for jid in (*busy, MARIO)])

    assert owners(claims.claim()) == [MARIO]


@pytest.mark.django_db(transaction=True)
def test_concurrent_workers_share_no_command():
    jids = [f"owner-{number}@localhost" for number in range(20)]
    intake.receive([message(owner=jid) for jid in jids for _ in range(2)])

    def claim(_: int) -> list[int]:
        try:
            return [row.pk for work in claims.claim() for row in work.commands]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as workers:
        taken = [pk for pks in workers.map(claim, range(5)) for pk in pks]

    assert sorted(taken) == sorted(Command.objects.values_list("pk", flat=True))


def test_a_deferred_command_is_not_claimed_before_its_time():
    intake.receive([message()])
    Command.objects.update(not_before=timezone.now() + timedelta(minutes=1))

    assert claims.claim() == []
    assert not outbox.has_work()
    make_due()
    assert outbox.has_work()
    assert len(claims.claim()) == 1


def test_an_expired_claim_is_released_and_its_old_holder_cannot_finish():
    intake.receive([message(), message(owner=JULIET)])
    slow = claims.claim()
    assert not outbox.has_work()
    Claim.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert outbox.has_work()

    quick = claims.claim()
    finish(*(answered(work, "late") for work in slow))

    assert owners(quick) == [JULIET, ROMEO]
    assert states() == {State.RUNNING: 2}
    finish(*(answered(work) for work in quick))
    assert set(Command.objects.values_list("answer", flat=True)) == {OK}


def test_the_effects_of_a_lost_claim_are_not_stored():
    intake.receive([message()])
    (slow,) = claims.claim()
    claims.clear_claims()

    finish(Settled(slow, effects=[remember("lost")]))

    assert not AddressBookEntry.objects.exists()


def test_a_claim_reads_neither_sent_commands_nor_their_keys():
    # PostgreSQL, once it knew of a backlog, read the whole table in the order of keys,
    # because it took every fifth row for one that waits.
    store_rows(4 * BACKLOG, State.SENT)
    store_rows(BACKLOG, State.RECEIVED)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")

    with CaptureQueriesContext(connection) as queries:
        claims.claim()

    read = next(query["sql"] for query in queries if '"not_before" <=' in query["sql"])
    # SQLite takes the other one, which is as good: it reads no more than that.
    indexes = {"postgresql": "command_received", "sqlite": "command_by_state"}
    assert indexes[connection.vendor] in plan(read)


def store_rows(count: int, state: State) -> None:
    Command.objects.bulk_create(
        Command(key=uuid.uuid4().hex, owner=f"{number % 50}@localhost", state=state)
        for number in range(count)
    )


def plan(sql: str) -> str:
    explain = {"sqlite": "EXPLAIN QUERY PLAN", "postgresql": "EXPLAIN"}
    with connection.cursor() as cursor:
        cursor.execute(f"{explain[connection.vendor]} {sql}")
        return str(cursor.fetchall())
