"""A command's life as a row: nothing lost, nothing done twice, nobody starved."""

import json
import logging
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import connections
from django.utils import timezone

from roster import statistics
from roster.commands import claims, intake, outbox, results, retention
from roster.commands.claims import MAX_COMMANDS_OF_OWNER, MAX_OWNERS, State
from roster.commands.results import MAX_ATTEMPTS, Settled
from roster.models import Account, AddressBookEntry, Claim, Command
from tests.roster.conftest import JULIET, MARIO, ROMEO, make_due, message
from xmppservice.runtime import wakeups

pytestmark = pytest.mark.django_db

SQL_ERROR = '{"status":1}'
OK = '{"status":0}'


def row() -> Command:
    return Command.objects.get()


def states() -> Counter:
    return Counter(Command.objects.values_list("state", flat=True))


def owners(work: list[claims.ClaimedWork]) -> list[str]:
    return sorted(one.owner for one in work)


def answered(
    work: claims.ClaimedWork, answer: str = OK, *, final: bool = True
) -> Settled:
    return Settled(work, {row.pk: (answer, final) for row in work.commands})


def failed(work: claims.ClaimedWork, why: str = "roster not read") -> Settled:
    return Settled(work, failed={row.pk: why for row in work.commands})


def finish(*settled: Settled) -> list[claims.ClaimedWork]:
    return results.finish(settled, SQL_ERROR)


def run_to(state: str, *, final: bool = True) -> None:
    """Bring the only command to a state of its life."""
    if state == "received":
        return
    (work,) = claims.claim()
    if state == "running":
        return
    finish(answered(work, final=final))
    if state == "sent":
        outbox.confirm(outbox.unsent(9, ()))


def kill() -> None:
    """Let the only command fail for the last time."""
    for _ in range(MAX_ATTEMPTS):
        make_due()
        (work,) = claims.claim()
        finish(failed(work))


# --- In ---------------------------------------------------------------------------


def test_a_command_is_written_down_with_all_that_an_answer_needs():
    sent = message(payload="{}", id="one")

    intake.receive([sent])

    (command,) = Command.objects.all()
    kept = {"owner", "sender", "thread", "message_type", "namespace", "envelope_type"}
    kept |= {"envelope_action", "command", "payload"}
    assert {name: getattr(command, name) for name in kept} == {
        name: sent[name] for name in kept
    }
    assert command.stanza_id == "one"
    assert command.state == State.RECEIVED


def test_a_batch_is_kept_in_its_order():
    intake.receive([message(id=f"{number}") for number in range(20)])
    ids = Command.objects.order_by("pk").values_list("stanza_id", flat=True)
    assert list(ids) == [f"{number}" for number in range(20)]


def test_nothing_received_writes_nothing():
    intake.receive([])
    assert not Command.objects.exists()


def test_a_repeat_in_the_same_batch_is_one_row_for_the_latest_resource():
    intake.receive([message(id="one", resource=r) for r in ("phone", "tablet")])
    assert row().sender == f"{ROMEO}/tablet"


@pytest.mark.parametrize(
    "other",
    [
        message(id="two", payload="{}"),
        message(id="one", payload="[]"),
        message(id="one", payload="{}", owner=JULIET),
        message("cmd_search_users", "{}", id="one"),
    ],
    ids=["id", "payload", "owner", "command"],
)
def test_owner_command_id_and_payload_together_make_a_repeat(other):
    intake.receive([message(id="one", payload="{}")])
    intake.receive([other])
    assert Command.objects.count() == 2


def test_without_an_id_each_command_is_new():
    intake.receive([message(id=""), message(id="")])
    intake.receive([message(id="")])
    assert Command.objects.count() == 3


@pytest.mark.parametrize("state", ["received", "running"])
def test_a_repeat_before_there_is_an_answer_changes_the_addressee_alone(state):
    intake.receive([message(id="one")])
    run_to(state)
    before = Command.objects.values().get()

    intake.receive([message(id="one", resource="tablet")])

    assert Command.objects.values().get() == {**before, "sender": f"{ROMEO}/tablet"}


def test_a_repeat_of_a_sent_command_is_answered_again_with_the_first_answer():
    intake.receive([message(id="one")])
    run_to("sent")
    assert outbox.unsent(9, ()) == []

    intake.receive([message(id="one", resource="tablet")])

    (answer,) = outbox.unsent(9, ())
    assert (answer["to"], answer["payload"]) == (f"{ROMEO}/tablet", OK)
    assert not outbox.has_work()


def test_a_repeat_of_an_answer_that_is_not_final_runs_again():
    intake.receive([message(id="one", payload="{}")])
    run_to("sent", final=False)
    Command.objects.update(payload="")  # as the sweep does

    intake.receive([message(id="one", payload="{}")])

    (work,) = claims.claim()
    assert work.commands == [row()]
    assert work.commands[0].payload == "{}"
    assert outbox.unsent(9, ()) == []
    finish(answered(work))
    intake.receive([message(id="one", payload="{}")])
    assert not outbox.has_work()


@pytest.mark.parametrize("confirmed", [False, True], ids=["unsent", "sent"])
def test_a_repeat_of_a_dead_command_gets_another_set_of_attempts(confirmed):
    intake.receive([message(id="one")])
    kill()
    if confirmed:
        outbox.confirm(outbox.unsent(9, ()))

    intake.receive([message(id="one")])

    assert (row().state, row().attempts) == (State.RECEIVED, 0)
    assert outbox.unsent(9, ()) == []
    kill()
    assert row().state == State.DEAD


# --- Claim ------------------------------------------------------------------------


def test_a_turn_takes_who_has_waited_longest_with_what_he_asks():
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
    # Who is left with some is behind those who had nothing.
    assert next(iter(finish(*map(answered, work)))).owner == jids[whole + 1]


def test_a_turn_is_of_so_many_owners():
    jids = [f"owner-{number:03}@localhost" for number in range(MAX_OWNERS + 1)]
    intake.receive([message(owner=jid) for jid in jids])

    assert [one.owner for one in claims.claim()] == jids[:MAX_OWNERS]


def test_an_owner_has_so_much_of_a_turn_at_most():
    intake.receive([message() for _ in range(MAX_COMMANDS_OF_OWNER + 1)])

    (work,) = claims.claim()

    assert len(work.commands) == MAX_COMMANDS_OF_OWNER


def test_a_flood_of_one_owner_hides_nobody(monkeypatch):
    monkeypatch.setattr(claims, "WINDOW_SIZE", 10)
    intake.receive([message(owner=ROMEO) for _ in range(30)])
    intake.receive([message(owner=JULIET)])

    assert owners(claims.claim()) == [JULIET, ROMEO]


def test_what_a_turn_has_no_room_for_keeps_its_order():
    large = " " * claims.MAX_CHARACTERS
    payloads = ("{}", "{}" + large, "{}")
    intake.receive([message(owner=ROMEO, payload=one) for one in payloads])
    intake.receive([message(owner=JULIET)])

    work = {one.owner: len(one.commands) for one in claims.claim()}

    # Not Romeo's third, small as it is: his second comes first.
    assert work == {ROMEO: 1, JULIET: 1}


def test_a_command_that_failed_has_a_turn_of_its_own_and_none_behind_it_theirs():
    intake.receive([message(owner=ROMEO), message(owner=ROMEO), message(owner=JULIET)])
    first = Command.objects.filter(owner=ROMEO).order_by("pk").first()
    Command.objects.filter(pk=first.pk).update(attempts=1)

    assert owners(claims.claim()) == [JULIET]
    (work,) = claims.claim()
    assert work.commands == [first]


def failed_before(*jids: str) -> None:
    intake.receive([message(owner=jid) for jid in jids])
    Command.objects.filter(owner__in=jids).update(attempts=1)


def test_who_failed_before_is_tried_again_however_many_come():
    failed_before(ROMEO, MARIO)
    intake.receive([message(owner="0@localhost")])
    claimed, work = [], claims.claim()
    for number in range(1, 6):
        intake.receive([message(owner=f"{number}@localhost")])
        claimed += owners(work)
        work = finish(*map(answered, work))

    # In turn with the others: a worker that has tried one lets others go first.
    others = [f"{number}@localhost" for number in range(5)]
    assert claimed == [others[0], ROMEO, *others[1:3], MARIO, *others[3:]]


def test_one_at_a_time_of_those_who_failed_is_tried_while_others_wait():
    failed_before(ROMEO, MARIO)
    intake.receive([message(owner="0@localhost")])
    one = claims.claim()
    intake.receive([message(owner="1@localhost")])
    other = claims.claim()
    intake.receive([message(owner="2@localhost")])

    assert owners(finish(*map(answered, one))) == [ROMEO]
    assert owners(finish(*map(answered, other))) == ["2@localhost"]
    assert owners(claims.claim()) == [MARIO]  # nobody else waits


def test_those_who_failed_hide_nobody(monkeypatch):
    monkeypatch.setattr(claims, "WINDOW_SIZE", 2 * MAX_OWNERS)
    failed_before(*(f"{number}@localhost" for number in range(3 * MAX_OWNERS)))
    intake.receive([message(owner=JULIET)])
    assert owners(claims.claim()) == [JULIET]


LONG = "{}" + " " * claims.MAX_CHARACTERS


@pytest.mark.parametrize("length", [1, 25])
def test_long_commands_of_one_owner_leave_a_turn_to_others(length):
    payload = LONG[: len(LONG) // length]
    intake.receive([message(owner=ROMEO, payload=payload) for _ in range(60)])
    intake.receive([message(owner=JULIET)])
    claimed = [claims.claim()]
    while JULIET not in owners(claimed[-1]):
        claimed.append(finish(*map(answered, claimed[-1])))
    assert len(claimed) <= 2


def test_long_commands_of_some_owners_leave_a_turn_to_others():
    floods = [f"{number}@localhost" for number in range(4)]
    intake.receive([message(owner=jid, payload=LONG) for jid in floods * 10])
    intake.receive([message(owner=JULIET)])
    workers = [claims.claim() for _ in range(3)]
    claimed = 3
    while not any(JULIET in owners(work) for work in workers):
        workers.append(finish(*map(answered, workers.pop(0))))
        claimed += 1
    # Each of them once, and then she.
    assert claimed <= len(floods) + 1


def test_what_a_turn_has_no_room_for_rings_for_another_worker(monkeypatch):
    intake.receive([message(owner=ROMEO, payload=LONG), message(owner=JULIET)])
    rung: list[str] = []
    monkeypatch.setattr(wakeups, "wake_worker", rung.append)
    claims.claim()
    assert rung == [wakeups.RUN_COMMANDS]


def test_an_owner_has_one_claim_at_a_time():
    intake.receive([message(owner=owner) for owner in (ROMEO, ROMEO, JULIET)])
    first = claims.claim()
    intake.receive([message(owner=owner) for owner in (ROMEO, MARIO)])

    second = claims.claim()

    assert owners(first) == [JULIET, ROMEO]
    assert owners(second) == [MARIO]
    assert claims.claim() == []


def test_owners_whose_claim_runs_take_nobodys_turn():
    busy = [f"owner-{number}@localhost" for number in range(MAX_OWNERS)]
    intake.receive([message(owner=jid) for jid in busy])
    claims.claim()
    intake.receive([message(owner=jid) for jid in (*busy, MARIO)])

    assert owners(claims.claim()) == [MARIO]


@pytest.mark.django_db(transaction=True)
def test_claims_of_two_workers_at_once_share_no_command():
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


def test_a_command_that_rests_is_not_claimed_before_its_time():
    intake.receive([message()])
    Command.objects.update(not_before=timezone.now() + timedelta(minutes=1))

    assert claims.claim() == []
    assert not outbox.has_work()
    make_due()
    assert outbox.has_work()
    assert len(claims.claim()) == 1


def test_an_expired_claim_goes_back_and_its_old_holder_cannot_finish():
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


# --- Finish -----------------------------------------------------------------------


def remember(digest: str):
    owner, _ = Account.objects.get_or_create(jid=ROMEO)
    entry = {"owner": owner, "digest": digest.encode()}
    return lambda: AddressBookEntry.objects.create(**entry)


def test_effects_and_answers_are_stored_and_the_next_is_claimed():
    intake.receive([message(), message(owner=JULIET)])
    second, first = sorted(claims.claim(), key=lambda work: work.owner)
    intake.receive([message(owner=MARIO)])

    settled = answered(first)
    settled.effects += [remember("a"), remember("b")]
    (third,) = finish(settled, answered(second, final=False))

    assert third.owner == MARIO
    assert AddressBookEntry.objects.count() == 2
    romeos, juliets = (Command.objects.get(owner=owner) for owner in (ROMEO, JULIET))
    assert (romeos.state, romeos.answer, romeos.final) == (State.DONE, OK, True)
    assert (juliets.state, juliets.answer, juliets.final) == (State.DONE, OK, False)
    assert romeos.done_at is not None
    assert romeos.claim is None
    assert [claim.owner for claim in Claim.objects.all()] == [MARIO]


def test_an_effect_that_fails_rolls_everything_back():
    intake.receive([message(), message(owner=JULIET), message(owner=JULIET)])
    first, second = claims.claim()
    before = list(Command.objects.order_by("pk").values())
    good, bad = answered(first), answered(second)
    good.effects.append(remember("a"))
    bad.effects.append(lambda: json.loads("{"))

    with pytest.raises(ValueError, match="Expecting property name"):
        finish(good, bad)

    assert list(Command.objects.order_by("pk").values()) == before
    assert not AddressBookEntry.objects.exists()
    assert Claim.objects.count() == 2


def test_one_turn_may_answer_fail_and_leave():
    intake.receive([message(id=id) for id in ("done", "failed", "left")])
    (work,) = claims.claim()
    done, failed, left = work.commands

    finish(Settled(work, {done.pk: (OK, True)}, {failed.pk: "roster not written"}))

    for one in (done, failed, left):
        one.refresh_from_db()
    assert [one.state for one in (done, failed, left)] == [
        "done",
        "received",
        "received",
    ]
    assert [one.attempts for one in (done, failed, left)] == [0, 1, 0]
    assert [one.error for one in (done, failed, left)] == ["", "roster not written", ""]
    assert not claims.claim()  # not even what has not been tried yet
    make_due()
    assert [work.pks for work in claims.claim()] == [[failed.pk]]


def test_work_that_rests_is_given_back_without_an_attempt():
    intake.receive([message(), message(owner=JULIET)])
    results.defer(claims.claim())

    assert states() == {State.RECEIVED: 2}
    assert not claims.claim()
    make_due()
    assert len(claims.claim()) == 2
    assert set(Command.objects.values_list("attempts", flat=True)) == {0}
    assert set(Command.objects.values_list("attempts", flat=True)) == {0}


def test_nothing_to_rest_is_no_error():
    results.defer([])


def test_a_failure_is_tried_again_later_and_later_and_dies_in_the_end():
    intake.receive([message(id="one")])
    waits = []
    for _ in range(MAX_ATTEMPTS - 1):
        make_due()
        (work,) = claims.claim()
        before = timezone.now()
        finish(failed(work, "x" * 300))
        waits.append((row().not_before - before).total_seconds())
        assert row().state == State.RECEIVED
        assert outbox.unsent(9, ()) == []

    for attempt, wait in enumerate(waits, start=1):
        expected = min(60, 2**attempt)
        assert 0.75 * expected <= wait <= 1.25 * expected + 5

    make_due()
    (work,) = claims.claim()
    finish(failed(work, "x" * 300))
    assert (row().state, row().attempts, row().error) == ("dead", 8, "x" * 200)
    (answer,) = outbox.unsent(9, ())
    assert (answer["payload"], answer["id"]) == (SQL_ERROR, "one")


def test_an_answer_takes_the_error_of_an_earlier_attempt_away():
    intake.receive([message()])
    (work,) = claims.claim()
    finish(failed(work))
    make_due()
    (work,) = claims.claim()
    finish(answered(work))
    assert (row().state, row().error) == (State.DONE, "")


def test_clearing_claims_gives_everything_back():
    intake.receive([message(), message(owner=JULIET)])
    claims.claim()

    claims.clear_claims()

    assert states() == {State.RECEIVED: 2}
    assert not Claim.objects.exists()
    assert len(claims.claim()) == 2


def test_a_retry_is_for_dead_commands_with_a_payload():
    intake.receive([message(id="one")])
    kill()
    outbox.confirm(outbox.unsent(9, ()))
    intake.receive([message(owner=JULIET)])

    assert intake.retry([command.pk for command in Command.objects.all()]) == 1

    romeos = Command.objects.get(owner=ROMEO)
    assert (romeos.state, romeos.attempts, romeos.answer) == (State.RECEIVED, 0, "")
    assert romeos.sent_at is None
    assert owners(claims.claim()) == [JULIET, ROMEO]


def test_a_dead_command_without_its_payload_cannot_be_retried():
    intake.receive([message()])
    kill()
    Command.objects.update(payload="")
    assert intake.retry([row().pk]) == 0
    assert row().state == State.DEAD


# --- Out --------------------------------------------------------------------------


def test_an_answer_goes_back_the_way_the_command_came():
    sent = message(id="one")
    intake.receive([sent])
    run_to("done")

    (answer,) = outbox.unsent(9, ())

    same = ("thread", "message_type", "namespace", "envelope_type", "envelope_action")
    assert answer == {
        "key": row().pk,
        "to": sent["sender"],
        "id": "one",
        "payload": OK,
        "received_at": row().received_at,
        **{name: sent[name] for name in same},
    }


def test_answers_come_the_oldest_first_except_those_in_flight():
    intake.receive([message(id=f"{number}") for number in range(5)])
    run_to("done")
    keys = [answer["key"] for answer in outbox.unsent(9, ())]

    assert keys == sorted(keys)
    assert [answer["id"] for answer in outbox.unsent(2, keys[:1])] == ["1", "2"]


def test_a_confirmed_answer_is_sent_once():
    intake.receive([message()])
    run_to("done")

    outbox.confirm(outbox.unsent(9, ()))

    assert row().state == State.SENT
    assert row().sent_at is not None
    assert outbox.unsent(9, ()) == []


def test_a_dead_command_stays_dead_when_its_answer_is_sent():
    intake.receive([message()])
    kill()

    outbox.confirm(outbox.unsent(9, ()))

    assert row().state == State.DEAD
    assert outbox.unsent(9, ()) == []


def test_who_repeats_from_another_resource_meanwhile_is_still_owed_the_answer():
    intake.receive([message(id="one"), message(id="two")])
    run_to("done")
    in_flight = outbox.unsent(9, ())
    intake.receive([message(id="one", resource="tablet")])

    outbox.confirm(in_flight)

    (owed,) = outbox.unsent(9, ())
    assert (owed["id"], owed["to"]) == ("one", f"{ROMEO}/tablet")
    outbox.confirm([owed])
    assert states() == {State.SENT: 2}


def test_who_repeats_while_the_answer_is_on_its_way_is_answered_again():
    intake.receive([message(id="one"), message(id="two")])
    run_to("done")
    in_flight = outbox.unsent(9, ())
    intake.receive([message(id="one")])

    outbox.confirm(in_flight)

    (again,) = outbox.unsent(9, ())
    assert (again["id"], again["payload"]) == ("one", in_flight[0]["payload"])
    outbox.confirm([again])
    assert states() == {State.SENT: 2}


def test_a_late_confirmation_is_not_that_of_another_answer():
    intake.receive([message(id="one")])
    run_to("done", final=False)
    in_flight = outbox.unsent(9, ())
    outbox.confirm(in_flight)
    intake.receive([message(id="one")])

    outbox.confirm(in_flight)

    assert row().state == State.RECEIVED
    assert row().sent_at is None

    run_to("done")
    outbox.confirm(in_flight)

    assert row().state == State.DONE


# --- Upkeep -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "days", "deleted"),
    [("sent", 8, 1), ("sent", 6, 0), ("done", 8, 0), ("received", 8, 0)],
)
def test_an_answered_command_is_deleted_after_some_days(settings, state, days, deleted):
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


def test_a_repeat_of_a_command_that_is_gone_runs_anew():
    intake.receive([message(id="one")])
    run_to("sent")
    Command.objects.update(sent_at=timezone.now() - timedelta(days=400))
    retention.clean_up()

    intake.receive([message(id="one")])

    assert outbox.has_work()
    assert row().state == State.RECEIVED


def test_many_go_in_several_transactions(monkeypatch):
    monkeypatch.setattr(retention, "BATCH_SIZE", 3)
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0)
    intake.receive([message() for _ in range(8)])
    past = timezone.now() - timedelta(days=400)
    Command.objects.update(state="sent", sent_at=past)

    assert retention.clean_up(seconds=0).deleted == 3
    assert retention.clean_up().deleted == 5


@pytest.mark.parametrize("final", [True, False])
def test_a_repeat_after_the_answer_waits_since_the_repeat(final):
    intake.receive([message(id="one")])
    run_to("sent", final=final)
    Command.objects.update(received_at=timezone.now() - timedelta(days=2))

    intake.receive([message(id="one")])

    assert statistics.longest_wait() < 5


def test_a_retry_waits_since_the_retry():
    intake.receive([message(id="one")])
    kill()
    Command.objects.update(received_at=timezone.now() - timedelta(days=2))

    intake.retry([row().pk])

    assert statistics.longest_wait() < 5


# --- Log --------------------------------------------------------------------------


def test_each_step_of_a_command_is_logged_with_its_ids(caplog):
    caplog.set_level(logging.DEBUG, "roster.commands.results")
    intake.receive([message(id="one")])
    kill()
    intake.retry([row().pk])
    make_due()
    (work,) = claims.claim()
    finish(answered(work, '{"status":4,"errorCode":"BAD_REQUEST"}'))

    said = [(one.levelname, one.getMessage()) for one in caplog.records]
    failed = ("WARNING", "an attempt failed: roster not read")
    dead = ("ERROR", "dead after its attempts: roster not read")
    assert said == [*[failed] * 7, dead, ("DEBUG", "answered")]
    first, last = vars(caplog.records[0]), vars(caplog.records[-1])
    known = {"command_id": row().pk, "stanza_id": "one", "command": "cmd_add_to_roster"}
    assert known.items() <= first.items()
    assert (first["attempts"], caplog.records[7].__dict__["attempts"]) == (1, 8)
    assert (last["status"], last["error_code"]) == (4, "BAD_REQUEST")
    assert 0 <= last["milliseconds"] < 60_000
    assert ROMEO not in caplog.text


def test_there_is_work_while_a_command_waits():
    assert not outbox.has_work()
    intake.receive([message()])
    assert outbox.has_work()
    run_to("done")
    assert not outbox.has_work()


def test_the_claim_of_a_turn_is_a_token_of_its_own():
    intake.receive([message(owner=ROMEO), message(owner=JULIET)])
    tokens = {work.claim.pk for work in claims.claim()}
    assert len(tokens) == 2
    assert all(isinstance(token, uuid.UUID) for token in tokens)


def test_one_owners_flood_does_not_fill_a_claim():
    intake.receive([message(owner=ROMEO) for _ in range(200)])
    intake.receive([message(owner=JULIET), message(owner=MARIO)])

    assert {work.owner for work in claims.claim()} == {ROMEO, JULIET, MARIO}


def test_large_payloads_share_no_claim():
    half = " " * (claims.MAX_CHARACTERS // 2)
    intake.receive([message(payload="{}" + half) for _ in range(3)])

    (work,) = claims.claim()

    assert len(work.commands) == 1


def test_owners_of_many_transactions_are_let_go_each_with_its_effect():
    held = claims.claim_owners(
        [f"owner-{n}@localhost" for n in range(claims.RELEASE_BATCH_SIZE + 1)]
    )
    stored: list[str] = []

    claims.release(held, {one.owner: partial(stored.append, one.owner) for one in held})

    assert sorted(stored) == sorted(one.owner for one in held)
    assert not Claim.objects.exists()
