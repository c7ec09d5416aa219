"""Commands and their repeats are received."""

import pytest

from roster.commands import claims, intake, outbox
from roster.commands.claims import State
from roster.models import Command
from tests.roster.commands.rows import OK, answered, finish, kill, row, run_to
from tests.roster.conftest import JULIET, ROMEO, message

pytestmark = pytest.mark.django_db


def test_a_command_is_stored_with_all_that_an_answer_needs():
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


def test_a_batch_keeps_its_order():
    intake.receive([message(id=f"{number}") for number in range(20)])
    ids = Command.objects.order_by("pk").values_list("stanza_id", flat=True)
    assert list(ids) == [f"{number}" for number in range(20)]


def test_an_empty_batch_writes_nothing():
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
def test_a_repeat_has_the_same_owner_command_id_and_payload(other):
    intake.receive([message(id="one", payload="{}")])
    intake.receive([other])
    assert Command.objects.count() == 2


def test_without_an_id_each_command_is_new():
    intake.receive([message(id=""), message(id="")])
    intake.receive([message(id="")])
    assert Command.objects.count() == 3


@pytest.mark.parametrize("state", ["received", "running"])
def test_a_repeat_before_the_answer_changes_only_the_recipient(state):
    intake.receive([message(id="one")])
    run_to(state)
    before = Command.objects.values().get()

    intake.receive([message(id="one", resource="tablet")])

    assert Command.objects.values().get() == {**before, "sender": f"{ROMEO}/tablet"}


def test_a_repeat_of_a_sent_command_gets_the_first_answer_again():
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
    Command.objects.update(payload="")  # like the cleanup

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
