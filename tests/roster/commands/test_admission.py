"""New commands are refused by the age of those that wait."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from roster.commands import claims, intake
from roster.commands.admission import (
    MEASURE_SECONDS,
    MIN_OWNERS,
    QUIET_WAITS,
    TOO_MUCH_STORED,
    Admission,
    QueueAge,
    max_age,
    measure,
)
from roster.commands.claims import MAX_OWNERS
from roster.commands.quota import StorageQuota
from roster.models import Command
from tests.roster.commands.rows import answered, finish
from tests.roster.conftest import JULIET, MARIO, ROMEO, message
from xmppservice.connection.events import OVERLOADED

MAX_WAIT, OLD, SESSION = 30, 11.0, 3600.0
REFUSED = "commands wait for too long: new ones are refused"
ADMITTED = "new commands are admitted again"


@pytest.fixture
def admission(settings, clock) -> Admission:
    settings.COMMAND_MAX_WAIT_SECONDS = MAX_WAIT
    admission = Admission(clock)
    clock.now += SESSION
    return admission


def age(seconds: float = OLD, **rows: str) -> None:
    """Let stored commands have waited for some seconds."""
    at = timezone.now() - timedelta(seconds=seconds)
    Command.objects.filter(**rows).update(received_at=at, not_before=at)


def store(*owners: str) -> None:
    assert Admission().receive([message(owner=owner) for owner in owners]) == []


def have_turn(*owners: str) -> None:
    """Let owners have had a batch just now: their next commands queue behind others."""
    for owner in owners:
        first = Command.objects.filter(owner=owner).order_by("pk")[:1]
        Command.objects.filter(pk__in=first.values("pk")).update(
            not_before=timezone.now()
        )


def texts(refusals) -> list[str]:
    return [refusal.text for refusal in refusals]


# --- The rule ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ages", "seconds"),
    [
        (QueueAge(), 0.0),
        (QueueAge(turn=4.0), 4.0),
        (QueueAge(turn=4.0, oldest={JULIET: 9.0}), 4.0),
        (QueueAge(turn=4.0, oldest={ROMEO: 9.0}), 9.0),
        (QueueAge(turn=4.0, oldest={ROMEO: 3.0}), 4.0),
    ],
)
def test_a_command_waits_for_other_owners_and_its_own_owners_commands(ages, seconds):
    assert ages.of(ROMEO) == seconds


# --- What waits ----------------------------------------------------------------------

pytestmark = pytest.mark.django_db


def test_nothing_is_old_while_nothing_waits_for_long(settings):
    store(ROMEO)
    age(max_age() - 1.0)

    assert measure(timezone.now(), SESSION) == QueueAge()


def test_an_owner_that_waits_for_a_batch_makes_others_wait():
    store(ROMEO)
    age()

    assert measure(timezone.now(), SESSION).of(JULIET) == pytest.approx(OLD, abs=1)


@pytest.mark.parametrize(
    ("count", "waits"), [(1, False), (MIN_OWNERS - 1, False), (MIN_OWNERS, True)]
)
def test_long_backlogs_refuse_their_owners_if_there_are_several(count, waits):
    owners = [f"{number}@localhost" for number in range(count)]
    store(*owners * 3)
    age()
    have_turn(*owners)

    ages = measure(timezone.now(), SESSION)

    assert [ages.of(owner) > OLD - 1 for owner in owners] == [waits] * count
    assert ages.of(JULIET) < 1


def test_a_running_command_makes_only_its_own_owner_wait():
    store(ROMEO)
    claims.claim()
    store(ROMEO)
    age()

    assert measure(timezone.now(), SESSION).of(JULIET) == 0


def test_a_command_that_waits_after_a_failure_makes_nobody_wait():
    store(ROMEO)
    age()
    Command.objects.update(attempts=1)

    assert measure(timezone.now(), SESSION) == QueueAge()


def test_the_queue_is_measured_in_one_pass():
    # PostgreSQL, without statistics of a new backlog, took 14 s for a join of it with
    # itself, and the inbox waited.
    store(ROMEO)
    age()

    with CaptureQueriesContext(connection) as queries:
        measure(timezone.now(), SESSION)

    table = connection.ops.quote_name(Command._meta.db_table)
    assert {query["sql"].count(f"FROM {table}") for query in queries} == {0, 1}


def test_a_command_that_may_not_run_yet_makes_nobody_wait():
    store(ROMEO)
    age()
    Command.objects.update(not_before=timezone.now() + timedelta(seconds=9))

    assert measure(timezone.now(), SESSION).of(JULIET) == 0


def test_time_without_a_stream_does_not_count():
    store(ROMEO)
    age(3600)

    assert measure(timezone.now(), session=max_age() - 1.0) == QueueAge()


# --- Admission -----------------------------------------------------------------------


def test_a_new_command_is_refused_while_others_wait_for_too_long(admission):
    store(JULIET)
    age()

    refusals = admission.receive([message(owner=ROMEO, id="new")])

    assert texts(refusals) == [OVERLOADED]
    assert refusals[0].message["id"] == "new"
    assert Command.objects.count() == 1
    assert admission.refused == 1


def test_a_refusal_writes_nothing(admission, django_assert_num_queries):
    store(JULIET)
    age()
    admission.receive([message()])

    with django_assert_num_queries(1) as queries:
        admission.receive([message() for _ in range(200)])

    assert queries[0]["sql"].startswith("SELECT")


def test_a_repeat_of_a_stored_command_is_admitted(admission, clock):
    admission.receive([message(owner=JULIET, id="one")])
    age()
    clock.now += MEASURE_SECONDS

    refusals = admission.receive(
        [message(owner=JULIET, id="two"), message(owner=JULIET, id="one")]
    )

    assert [refusal.message["id"] for refusal in refusals] == ["two"]
    assert Command.objects.get().stanza_id == "one"


def test_admitted_commands_keep_their_order(admission, clock):
    late = {"arrived": clock.now - OLD}
    batch = [message(id=f"{place}") for place in range(4)]
    batch[1] = {**batch[1], **late}

    admission.receive(batch)

    stored = Command.objects.order_by("pk").values_list("stanza_id", flat=True)
    assert list(stored) == ["0", "2", "3"]


def test_the_wait_in_memory_and_in_the_table_are_added(admission, clock):
    store(JULIET)
    age(max_age() - 1.0)
    in_time = {**message(id="in time"), "arrived": clock.now - max_age() + 1.0}
    assert admission.receive([in_time]) == []

    age(max_age() + 0.5)
    clock.now += MEASURE_SECONDS
    in_memory = {**message(id="too late"), "arrived": clock.now - 0.5}

    assert texts(admission.receive([in_memory])) == [OVERLOADED]


def test_new_commands_are_admitted_when_the_old_ones_are_answered(admission, clock):
    store(JULIET)
    age()
    assert admission.receive([message()])
    finish(*map(answered, claims.claim()))
    Command.objects.update(sent_at=timezone.now())
    clock.now += MEASURE_SECONDS

    assert admission.receive([message()]) == []


def test_answers_that_wait_to_be_sent_count_too(admission, clock):
    store(JULIET)
    finish(*map(answered, claims.claim()))
    age()
    Command.objects.update(done_at=timezone.now() - timedelta(seconds=OLD))
    assert texts(admission.receive([message()])) == [OVERLOADED]

    Command.objects.update(sent_at=timezone.now())
    clock.now += MEASURE_SECONDS

    assert admission.receive([message()]) == []


def test_the_repeat_of_an_old_answer_makes_nobody_wait(admission):
    intake.receive([message(owner=JULIET, id="old")])
    finish(*map(answered, claims.claim()))
    hour = timezone.now() - timedelta(hours=1)
    Command.objects.update(done_at=hour, sent_at=hour, received_at=hour, state="sent")
    store(MARIO)
    age()
    Command.objects.filter(owner=MARIO).update(not_before=timezone.now())
    intake.receive([message(owner=JULIET, id="old")])

    assert admission.receive([message()]) == []


def test_a_new_session_gives_those_who_waited_for_it_their_time(admission):
    store(JULIET)
    age()

    admission.begin_session()

    assert admission.receive([message()]) == []


def test_the_quotas_refusal_has_another_text(admission, settings, monkeypatch):
    settings.OWNER_STORAGE_BYTES = 1
    monkeypatch.setattr(intake, "_quota", StorageQuota())

    refusals = admission.receive([message(owner=MARIO)])

    assert texts(refusals) == [TOO_MUCH_STORED] != [OVERLOADED]
    assert admission.refused == 0


def test_a_load_is_logged_at_its_beginning_and_its_end(admission, clock, caplog):
    store(JULIET)
    age()
    for _ in range(3):
        admission.receive([message(), message()])
        clock.now += QUIET_WAITS * MAX_WAIT
        admission.report_end()
    assert [record.message for record in caplog.records] == [REFUSED]

    clock.now += 1
    admission.report_end()
    admission.report_end()

    first, last = caplog.records
    assert last.message == f"{ADMITTED}: 6 were refused"
    assert first.levelname == last.levelname == "WARNING"
    admission.receive([message()])
    assert caplog.records[-1].message == REFUSED


# --- Who is next ---------------------------------------------------------------------


def test_owners_who_ask_little_wait_for_one_turn_of_those_who_flood():
    flooding = [f"flood-{number}@localhost" for number in range(MAX_OWNERS + 10)]
    store(*flooding * 8)
    age(5.0)
    store(JULIET)
    have_turn(*flooding)

    assert claims.claim()[0].owner == JULIET
