"""What a batch of commands answers and writes."""

import json

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from roster.commands import payloads
from roster.models import Account, AddressBookEntry, Command
from tests.roster.commands.payload_texts import LIAM, NUMBER, OK, code, error_messages
from tests.roster.conftest import (
    ADD,
    JULIET,
    MARIO,
    ROMEO,
    SEARCH,
    PaperRosters,
    ask,
    groups_of,
    message,
    numbers,
    users,
)
from xmppservice.protocol.roster import RosterItem

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("", "payload: not JSON, or nested too deep"),
        ("{", "payload: not JSON, or nested too deep"),
        ("[" * 100_000, "payload: not JSON, or nested too deep"),
        ("{a:" * 65 + "0" + "}" * 65, "payload: not JSON, or nested too deep"),
        ("9" * 5_000, "payload: not JSON, or nested too deep"),
        ("0x" + "f" * 5_000, "payload: must be an object"),
        ("[]", "payload: must be an object"),
        ("null", "payload: must be an object"),
        ("{}", "{list}: missing"),
        ('{"{list}": null}', "{list}: must be a list"),
        ('{"{list}": {}}', "{list}: must be a list"),
    ],
)
@pytest.mark.parametrize(
    ("command", "name", "expected"),
    [
        (ADD, "channelUsers", (3, "NO_CHANNEL_FOUND")),
        (SEARCH, "userList", (4, "BAD_REQUEST")),
    ],
)
def test_an_unusable_payload_is_answered_with_the_reason(
    rosters, command, name, expected, payload, reason
):
    sent = message(command, payload.replace("{list}", name))

    (answer,) = ask(rosters, sent)

    assert code(answer) == expected
    assert error_messages(answer) == [reason.replace("{list}", name)]
    assert rosters.asked == rosters.written == []


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("liam", ": must be an object"),
        ({"name": 7, "address": "liam"}, ".name: must be text"),
        (
            {"name": "bell\x07", "address": "liam"},
            ".name: has a character that XMPP cannot carry",
        ),
        (
            {"name": "\ud800", "address": "liam"},
            ".name: has a character that XMPP cannot carry",
        ),
        (
            {"name": "x" * 1001, "address": "liam"},
            ".name: longer than 1000 characters",
        ),
        ({"name": "Liam"}, ".address: missing or not text"),
        ({"name": "Liam", "address": " "}, ".address: missing or not text"),
        ({"name": "Liam", "address": 39347}, ".address: missing or not text"),
        ({"address": "two words"}, ".address: neither a number nor a JID"),
        ({"address": "@localhost"}, ".address: neither a number nor a JID"),
        ({"address": "liam@"}, ".address: neither a number nor a JID"),
        ({"address": "li\ud800m"}, ".address: has a character that XMPP cannot carry"),
        ({"address": "x" * 1001}, ".address: longer than 1000 characters"),
    ],
)
def test_an_unusable_entry_is_named_and_the_others_are_written(rosters, entry, reason):
    first, second = ask(
        rosters,
        message(payload={"channelUsers": [entry]}),
        message(payload={"channelUsers": [*LIAM["channelUsers"], entry]}),
    )

    assert code(first) == (3, "NO_CHANNEL_FOUND")
    assert error_messages(first) == [f"channelUsers[0]{reason}"]
    assert code(second) == (0, "")
    assert error_messages(second) == [f"channelUsers[1]{reason}"]
    assert groups_of(rosters) == {"liam@localhost": ("others",)}


def test_the_last_duplicate_wins_in_its_own_place(rosters):
    twice = users(("First", NUMBER), ("Liam", "liam"), ("Last", MARIO))

    ask(rosters, message(payload=twice))

    names = [change.item.name for change in rosters.written]
    assert names == ["Liam", "Last"]


def test_error_messages_never_repeat_the_input(rosters):
    secret = "0039 347 999 9999 @ nowhere"
    (answer,) = ask(rosters, message(payload=users(("x", secret), (secret, "a b"))))
    assert "999" not in json.dumps(answer)


def test_at_most_a_hundred_entries_are_named(rosters):
    bad = [{"name": "x"}] * 130

    (answer,) = ask(rosters, message(payload={"channelUsers": bad}))

    assert len(error_messages(answer)) == 101
    assert error_messages(answer)[99] == "channelUsers[99].address: missing or not text"
    assert error_messages(answer)[100] == "… and 30 more."


def test_a_hundred_entries_are_all_named(rosters):
    bad = [{"name": "x"}] * 100
    (answer,) = ask(rosters, message(payload={"channelUsers": bad}))
    assert len(error_messages(answer)) == 100


def test_an_empty_list_of_contacts_has_no_usable_entry(rosters):
    (answer,) = ask(rosters, message(payload={"channelUsers": []}))
    assert code(answer) == (3, "NO_CHANNEL_FOUND")
    assert error_messages(answer) == ["channelUsers: empty"]


@pytest.mark.parametrize(
    "payload",
    [
        "{channelUsers: [{name: 'Liam', address: 'liam'}]}",
        '{"channelUsers": [{"name": "Liam", "address": "liam",},],}',
        '// ours\n{"channelUsers": [{"name": "Liam", "address": "liam"}]}',
    ],
    ids=["bare keys", "trailing commas", "a comment"],
)
def test_json5_is_accepted_if_json_fails(rosters, payload):
    (answer,) = ask(rosters, message(payload=payload))
    assert answer == OK
    assert groups_of(rosters) == {"liam@localhost": ("others",)}


@pytest.mark.parametrize(("most", "expected"), [(3, 0), (2, 4)])
def test_a_search_may_be_as_long_as_the_limit(rosters, settings, most, expected):
    settings.SEARCH_LIMIT = most
    payload = numbers("+393471111110", "+393471111112", "+393471111113")

    (answer,) = ask(rosters, message(SEARCH, payload))

    assert answer["status"] == expected
    if expected:
        text = "userList: 3 numbers; 2 numbers are allowed in one command."
        assert error_messages(answer) == [text]


@pytest.mark.parametrize(
    ("command", "expected", "text"),
    [
        (
            "cmd_dance",
            (6, "UNKNOWN_COMMAND"),
            "This service knows cmd_add_to_roster and cmd_search_users.",
        ),
        (
            "",
            (4, "BAD_REQUEST"),
            "The message names several commands: send one in each message, "
            "with the same word in type and action.",
        ),
    ],
)
def test_an_unknown_command_is_answered(rosters, command, expected, text):
    (answer,) = ask(rosters, message(command, LIAM))
    assert (code(answer), error_messages(answer)) == (expected, [text])
    assert rosters.reads in ([], [[]])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["channelUsers", "userList", "name", "address", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@examples(max_examples=150)
@given(
    st.sampled_from([ADD, SEARCH]),
    st.text(max_size=30)
    | st.builds(json.dumps, JSON)
    | st.builds(
        lambda items: json.dumps({"channelUsers": items, "userList": items}),
        st.lists(JSON, max_size=3),
    ),
)
def test_reading_a_payload_never_raises(command, payload):
    request = payloads.parse(Command(command=command, payload=payload), "localhost")
    assert request.reply is not None or command == SEARCH or request.entries


def test_an_owner_without_an_account_is_refused_and_leaves_nothing(rosters):
    sent = message(owner="ghost@localhost", payload=users(("M", MARIO)))

    (answer,) = ask(rosters, sent)

    assert code(answer) == (2, "NO_USER_FOUND")
    assert not AddressBookEntry.objects.exists()
    assert not Account.objects.get(jid="ghost@localhost").visible
    assert rosters.written == []


def test_an_owner_whose_account_is_deleted_meanwhile_is_charged(settings):
    """The account exists when its roster is read, and not when it is written."""

    class Leaving(PaperRosters):
        def read(self, owners, deadline):
            items = super().read(owners, deadline)
            for owner in owners:
                self.rosters.pop(owner)
            return items

    leaving = Leaving()
    leaving.register(ROMEO, RosterItem("nurse@localhost", "Nurse", ("Family",)))

    (answer,) = ask(leaving, message(payload=LIAM))

    assert code(answer) == (2, "NO_USER_FOUND")
    # What was looked up is charged: the owner may register again.
    assert AddressBookEntry.objects.exclude(asked_at=None).count() == 1
    assert Account.objects.get(jid=ROMEO).budget == settings.DISCOVERY_BURST - 1


@pytest.mark.parametrize("owner", ["romeo@elsewhere.example", "localhost"])
def test_owners_outside_the_served_domains_are_refused(rosters, owner):
    for command, payload in ((ADD, LIAM), (SEARCH, numbers(NUMBER)), (SEARCH, "{")):
        (answer,) = ask(rosters, message(command, payload, owner))
        assert code(answer) == (2, "NO_USER_FOUND")
        assert error_messages(answer) == ["You are not a user of this service."]
    assert rosters.asked == rosters.written == []


def test_a_disabled_owner_is_refused_without_a_lookup(rosters):
    Account.objects.create(jid=ROMEO, enabled=False)

    first, second = ask(
        rosters, message(payload=LIAM), message(SEARCH, numbers(NUMBER))
    )

    assert code(first) == code(second) == (2, "NO_USER_FOUND")
    assert rosters.asked == rosters.written == []
    assert not AddressBookEntry.objects.exists()


def test_the_owner_is_skipped_in_every_spelling(rosters):
    mine = users(("Me", MARIO), ("Me", NUMBER), ("Me", "0039 347 1111111"))

    add, search = ask(
        rosters,
        message(payload=mine, owner=MARIO),
        message(SEARCH, numbers(NUMBER), MARIO),
    )

    assert add == OK
    assert search == {**OK, "userList": [NUMBER]}
    assert rosters.written == []


def test_commands_run_in_their_order_on_one_copy_and_each_item_is_written_once(rosters):
    kept = RosterItem("kept@localhost", "Kept", ("Family",), "both")
    rosters.register(ROMEO, kept)
    sent = [message(payload=users((f"Name {n}", "liam"))) for n in range(24)]
    sent.append(message(payload=users(("Kept", "kept"), ("Anna", "anna"))))

    answers = ask(rosters, *sent)

    assert answers == [OK] * 25
    assert len(rosters.reads) == 1
    written = [change.item for change in rosters.written]
    assert [(item.jid, item.name) for item in written] == [
        ("liam@localhost", "Name 23"),
        ("anna@localhost", "Anna"),
    ]
    assert rosters.rosters[ROMEO]["kept@localhost"] == kept


def test_an_item_that_ends_unchanged_is_not_written(rosters):
    rosters.register(ROMEO, RosterItem("liam@localhost", "Liam", ("others",)))
    ask(
        rosters,
        message(payload=users(("William", "liam"))),
        message(payload=users(("Liam", "liam"))),
    )
    assert rosters.written == []


@pytest.mark.parametrize("first", ["add", "search"])
def test_a_search_and_an_addition_in_one_batch_make_one_item(rosters, first):
    sent = [
        message(payload=users(("Mario", NUMBER))),
        message(SEARCH, numbers("+39 347 1111111")),
    ]

    answers = ask(rosters, *(sent if first == "add" else reversed(sent)))

    found = {**OK, "userList": ["+39 347 1111111"]}
    assert sorted(answers, key=len) == [OK, found]
    (change,) = rosters.written
    assert change.item == RosterItem(MARIO, "Mario", ("verified",))


def test_a_subscription_is_kept_as_it_was_read(rosters):
    rosters.register(ROMEO, RosterItem("liam@localhost", "", ("others",), "both"))
    ask(rosters, message(payload=LIAM))
    assert rosters.written[0].item.subscription == "both"


def test_a_bad_command_does_not_affect_the_others_of_its_batch(rosters):
    answers = ask(
        rosters,
        message(payload="{"),
        message(payload=LIAM),
        message("cmd_dance"),
        message(SEARCH, numbers(NUMBER)),
    )
    assert [answer["status"] for answer in answers] == [3, 0, 6, 0]


def test_the_rosters_of_all_owners_are_read_in_one_round_trip(rosters):
    owners = [ROMEO, JULIET, MARIO]
    ask(rosters, *(message(payload=LIAM, owner=owner) for owner in owners))
    assert [sorted(read) for read in rosters.reads] == [sorted(owners)]


def test_a_search_without_hits_reads_no_roster(rosters):
    (answer,) = ask(rosters, message(SEARCH, numbers("+393470000000")))
    assert answer == {**OK, "userList": []}
    assert not any(rosters.reads)
