"""Answers are sent until they are confirmed."""

import pytest

from roster.commands import intake, outbox
from roster.commands.claims import State
from tests.roster.commands.rows import OK, kill, row, run_to, states
from tests.roster.conftest import ROMEO, message

pytestmark = pytest.mark.django_db


def test_an_answer_has_the_addressing_of_its_command():
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


def test_unsent_answers_come_oldest_first_without_those_in_flight():
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


def test_a_repeat_from_another_resource_meanwhile_still_gets_the_answer():
    intake.receive([message(id="one"), message(id="two")])
    run_to("done")
    in_flight = outbox.unsent(9, ())
    intake.receive([message(id="one", resource="tablet")])

    outbox.confirm(in_flight)

    (owed,) = outbox.unsent(9, ())
    assert (owed["id"], owed["to"]) == ("one", f"{ROMEO}/tablet")
    outbox.confirm([owed])
    assert states() == {State.SENT: 2}


def test_a_repeat_while_the_answer_is_in_flight_is_answered_again():
    intake.receive([message(id="one"), message(id="two")])
    run_to("done")
    in_flight = outbox.unsent(9, ())
    intake.receive([message(id="one")])

    outbox.confirm(in_flight)

    (again,) = outbox.unsent(9, ())
    assert (again["id"], again["payload"]) == ("one", in_flight[0]["payload"])
    outbox.confirm([again])
    assert states() == {State.SENT: 2}


def test_a_late_confirmation_does_not_confirm_another_answer():
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
