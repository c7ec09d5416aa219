"""The outcome of claimed commands, and how it is logged."""

import json
import logging
import uuid
from functools import partial

import pytest
from django.utils import timezone

from roster.commands import claims, intake, outbox, results
from roster.commands.claims import State
from roster.commands.results import MAX_ATTEMPTS, Settled
from roster.models import AddressBookEntry, Claim, Command
from tests.roster.commands.rows import (
    OK,
    SQL_ERROR,
    answered,
    failed,
    finish,
    kill,
    owners,
    remember,
    row,
    run_to,
    states,
)
from tests.roster.conftest import JULIET, MARIO, ROMEO, make_due, message

pytestmark = pytest.mark.django_db


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


def test_one_batch_may_answer_fail_and_defer():
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
    assert not claims.claim()  # not even the command that was not tried yet
    make_due()
    assert [work.pks for work in claims.claim()] == [[failed.pk]]


def test_deferred_work_is_released_without_counting_an_attempt():
    intake.receive([message(), message(owner=JULIET)])
    results.defer(claims.claim())

    assert states() == {State.RECEIVED: 2}
    assert not claims.claim()
    make_due()
    assert len(claims.claim()) == 2
    assert set(Command.objects.values_list("attempts", flat=True)) == {0}
    assert set(Command.objects.values_list("attempts", flat=True)) == {0}


def test_deferring_nothing_is_not_an_error():
    results.defer([])


def test_a_failure_is_retried_with_backoff_and_finally_dies():
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


def test_an_answer_clears_the_error_of_an_earlier_attempt():
    intake.receive([message()])
    (work,) = claims.claim()
    finish(failed(work))
    make_due()
    (work,) = claims.claim()
    finish(answered(work))
    assert (row().state, row().error) == (State.DONE, "")


def test_clearing_claims_releases_all_work():
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


def test_each_claim_has_its_own_token():
    intake.receive([message(owner=ROMEO), message(owner=JULIET)])
    tokens = {work.claim.pk for work in claims.claim()}
    assert len(tokens) == 2
    assert all(isinstance(token, uuid.UUID) for token in tokens)


def test_one_owners_flood_does_not_fill_a_claim():
    intake.receive([message(owner=ROMEO) for _ in range(200)])
    intake.receive([message(owner=JULIET), message(owner=MARIO)])

    assert {work.owner for work in claims.claim()} == {ROMEO, JULIET, MARIO}


def test_large_payloads_do_not_share_a_claim():
    half = " " * (claims.MAX_CHARACTERS // 2)
    intake.receive([message(payload="{}" + half) for _ in range(3)])

    (work,) = claims.claim()

    assert len(work.commands) == 1


def test_owners_are_released_in_several_transactions_with_their_effects():
    held = claims.claim_owners(
        [f"owner-{n}@localhost" for n in range(claims.RELEASE_BATCH_SIZE + 1)]
    )
    stored: list[str] = []

    claims.release(held, {one.owner: partial(stored.append, one.owner) for one in held})

    assert sorted(stored) == sorted(one.owner for one in held)
    assert not Claim.objects.exists()


@pytest.mark.parametrize("outcome", [failed, Settled])
def test_commands_deleted_while_they_run_hold_up_nobody(outcome):
    """As when it is found out that their owner has registered anew."""
    intake.receive([message(), message(owner=JULIET)])
    juliets, romeos = sorted(claims.claim(), key=lambda work: work.owner)
    Command.objects.filter(owner=ROMEO).delete()

    finish(outcome(romeos), answered(juliets))

    assert states() == {State.DONE: 1}
    assert set(Claim.objects.values_list("owner", flat=True)) <= {ROMEO}
