"""What an owner may have stored, and what is not kept at all."""

import pytest

from roster.commands import intake
from roster.commands.quota import StorageQuota, size_of
from roster.models import Account, Command
from tests.roster.commands.payload_texts import error_messages
from tests.roster.conftest import (
    ADD,
    JULIET,
    ROMEO,
    SEARCH,
    ask,
    groups_of,
    message,
    numbers,
    settle,
    users,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def quota(settings, monkeypatch) -> None:
    """Room for four commands with a payload of 1,500 characters."""
    settings.OWNER_STORAGE_BYTES = 4 * size_of(intake._row("", sent(1)[0])[2:])
    monkeypatch.setattr(intake, "_quota", StorageQuota())


def sent(count: int, owner: str = ROMEO) -> list:
    return [
        message(ADD, "x" * 1_500, owner, id=f"{owner} {number}")
        for number in range(count)
    ]


def test_an_owner_with_too_much_stored_is_refused_and_others_are_not(quota):
    messages = sent(6) + sent(2, JULIET)
    refused = intake.receive(messages)
    assert [one["id"] for one in refused] == [f"{ROMEO} 4", f"{ROMEO} 5"]
    assert Command.objects.filter(owner=JULIET).count() == 2


def test_owners_of_domains_that_are_not_served_share_one_quota(quota):
    strangers = [f"romeo{number}@elsewhere.example" for number in range(200)]
    messages = [message(ADD, "{}", owner, id=owner) for owner in strangers]
    assert len(intake.receive(messages)) > 150
    assert intake.receive(sent(1)) == []


def test_each_device_that_sent_a_refused_command_is_told(quota):
    intake.receive(sent(4))
    twice = [message(id="same", resource=device) for device in ("phone", "desk")]
    assert intake.receive(twice) == twice


def test_a_repeat_of_what_is_stored_is_always_taken(quota):
    intake.receive(sent(6))
    assert intake.receive(sent(4)) == []


def test_what_was_stored_before_a_restart_counts(quota, monkeypatch):
    intake.receive(sent(4))
    monkeypatch.setattr(intake, "_quota", StorageQuota())
    (refused,) = intake.receive(sent(5)[4:])
    assert refused["id"] == f"{ROMEO} 4"


def test_after_a_while_the_table_is_asked_again(quota, monkeypatch):
    intake.receive(sent(6))
    Command.objects.all().delete()
    assert len(intake.receive(sent(1))) == 1
    intake._quota._full_until.clear()
    assert intake.receive(sent(1)) == []


@pytest.mark.parametrize(
    ("command", "payload", "owner"),
    [
        ("cmd_sing", "x" * 5_000, ROMEO),
        (ADD, "{" * 5_000, ROMEO),
        (SEARCH, '{"userList": 7}', ROMEO),
        (ADD, users(("Mario", "+393471111111")), "romeo@elsewhere.example"),
    ],
)
def test_a_payload_of_no_use_is_not_kept_and_a_repeat_is_known(
    rosters, command, payload, owner
):
    first = message(command, payload, owner, id="same")
    (answer,) = ask(rosters, first)
    assert answer["status"] > 1
    assert Command.objects.get().payload == ""

    assert ask(rosters, first) == []
    assert Command.objects.count() == 1


def test_the_payload_of_a_switched_off_owner_is_not_kept(rosters):
    Account.objects.create(jid=ROMEO, enabled=False)
    ask(rosters, message(ADD, users(("Mario", "+393471111111"))))
    assert Command.objects.get().payload == ""


def test_a_payload_is_kept_while_its_command_may_run_again(rosters, settings):
    settings.DISCOVERY_BURST = 0
    ask(rosters, message(SEARCH, numbers("+393471111111")))
    assert Command.objects.get().payload


def test_everything_that_the_client_sent_counts(settings, monkeypatch):
    settings.OWNER_STORAGE_BYTES = 20_000
    monkeypatch.setattr(intake, "_quota", StorageQuota())
    long = {"thread": "\u20ac" * 1_000, "namespace": "n" * 1_000}
    messages = [{**message(ADD, "{}", id=str(n)), **long} for n in range(20)]
    assert len(intake.receive(messages)) > 10


def test_one_command_that_is_too_large_does_not_refuse_small_ones(quota):
    (refused,) = intake.receive([message(ADD, "x" * 20_000), *sent(2)])
    assert len(refused["payload"]) == 20_000


# --- Contacts -----------------------------------------------------------------------


def test_more_contacts_than_allowed_are_refused_and_none_is_written(rosters, settings):
    settings.ADD_TO_ROSTER_LIMIT = 2
    three = users(("A", "a"), ("B", "b"), ("C", "c"))

    (answer,) = ask(rosters, message(ADD, three))

    assert (answer["status"], answer["errorCode"]) == (4, "BAD_REQUEST")
    assert error_messages(answer) == [
        "channelUsers: 3 contacts; 2 contacts are allowed in one command."
    ]
    assert rosters.written == []


FOREIGN = users(*((f"F {n}", f"f{n}@elsewhere.example") for n in range(3)))
REST = [
    "channelUsers[2].address: too many new contacts of other domains in a day; send "
    "it again tomorrow with a new id"
]


def test_new_contacts_of_other_domains_have_a_number_a_day(rosters, settings):
    settings.FOREIGN_CONTACTS_PER_DAY = 2
    mixed = {
        "channelUsers": FOREIGN["channelUsers"] + users(("L", "l"))["channelUsers"]
    }

    first, again, other = ask(
        rosters,
        message(ADD, mixed, id="first"),
        message(ADD, mixed, id="second"),
        message(ADD, FOREIGN, owner=JULIET),
    )

    assert (first["status"], error_messages(first)) == (0, REST)
    assert (again["status"], error_messages(again)) == (0, REST)
    assert error_messages(other) == REST
    assert set(groups_of(rosters)) == {
        "f0@elsewhere.example",
        "f1@elsewhere.example",
        "l@localhost",
    }


def test_the_next_day_the_rest_is_written(rosters, settings):
    settings.FOREIGN_CONTACTS_PER_DAY = 2
    ask(rosters, message(ADD, FOREIGN))
    account = Account.objects.get(jid=ROMEO)
    assert account.foreign_added == 2
    yesterday = account.foreign_on.replace(year=2000)
    Account.objects.update(foreign_on=yesterday)

    (answer,) = ask(rosters, message(ADD, FOREIGN))

    assert (answer["status"], answer["errorMessage"]) == (0, [])
    assert len(groups_of(rosters)) == 3


def test_a_command_that_is_left_and_continued_counts_each_contact_once(
    rosters, settings
):
    settings.FOREIGN_CONTACTS_PER_DAY = 3
    rosters.writes_left = 0
    intake.receive([message(ADD, FOREIGN)])
    settle(rosters)
    rosters.writes_left = None
    Command.objects.update(attempts=0, not_before="2000-01-01T00:00Z")

    settle(rosters)

    assert '"errorMessage":[]' in Command.objects.get().answer
    assert len(groups_of(rosters)) == 3


def test_if_every_contact_is_too_many_none_is_usable(rosters, settings):
    settings.FOREIGN_CONTACTS_PER_DAY = 0
    (answer,) = ask(rosters, message(ADD, FOREIGN))
    assert answer["status"] == 3
