"""The two commands against rosters on paper: what a real stream cannot arrange."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from roster.commands import batch, claims, intake, outbox, payloads
from roster.commands.results import MAX_ATTEMPTS, Settled
from roster.discovery import digests
from roster.models import Account, AddressBookEntry, Command
from tests.roster.conftest import (
    ADD,
    JULIET,
    MARIO,
    ROMEO,
    SEARCH,
    PaperRosters,
    ask,
    groups_of,
    make_due,
    message,
    numbers,
    settle,
    users,
)
from xmppservice.connection.gateway import Down, Late
from xmppservice.protocol.roster import RosterItem

pytestmark = pytest.mark.django_db

OK = {"status": 0, "errorCode": "", "errorMessage": []}
NUMBER = "+393471111111"
LIAM = users(("Liam", "liam"))


def code(answer: dict) -> tuple[int, str]:
    return answer["status"], answer["errorCode"]


def said(answer: dict) -> list[str]:
    return [one["message"] for one in answer["errorMessage"]]


def run(rosters: PaperRosters, deadline: float | None = None) -> list[Settled]:
    """One batch, without storing what became of it."""
    end = time.time() + 60 if deadline is None else deadline
    return batch.run(claims.claim(), rosters, end)


def row(owner: str = ROMEO) -> Command:
    return Command.objects.get(owner=owner)


# --- Payloads ---------------------------------------------------------------------


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
    assert said(answer) == [reason.replace("{list}", name)]
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
    assert said(first) == [f"channelUsers[0]{reason}"]
    assert code(second) == (0, "")
    assert said(second) == [f"channelUsers[1]{reason}"]
    assert groups_of(rosters) == {"liam@localhost": ("others",)}


def test_the_last_of_a_duplicate_wins_in_the_place_of_the_last(rosters):
    twice = users(("First", NUMBER), ("Liam", "liam"), ("Last", MARIO))

    ask(rosters, message(payload=twice))

    names = [change.item.name for change in rosters.written]
    assert names == ["Liam", "Last"]


def test_a_message_never_repeats_what_was_sent(rosters):
    secret = "0039 347 999 9999 @ nowhere"
    (answer,) = ask(rosters, message(payload=users(("x", secret), (secret, "a b"))))
    assert "999" not in json.dumps(answer)


def test_at_most_a_hundred_entries_are_named(rosters):
    bad = [{"name": "x"}] * 130

    (answer,) = ask(rosters, message(payload={"channelUsers": bad}))

    assert len(said(answer)) == 101
    assert said(answer)[99] == "channelUsers[99].address: missing or not text"
    assert said(answer)[100] == "… and 30 more."


def test_a_hundred_entries_are_all_named(rosters):
    bad = [{"name": "x"}] * 100
    (answer,) = ask(rosters, message(payload={"channelUsers": bad}))
    assert len(said(answer)) == 100


def test_an_empty_list_of_contacts_has_no_usable_entry(rosters):
    (answer,) = ask(rosters, message(payload={"channelUsers": []}))
    assert code(answer) == (3, "NO_CHANNEL_FOUND")
    assert said(answer) == ["channelUsers: empty"]


@pytest.mark.parametrize(
    "payload",
    [
        "{channelUsers: [{name: 'Liam', address: 'liam'}]}",
        '{"channelUsers": [{"name": "Liam", "address": "liam",},],}',
        '// ours\n{"channelUsers": [{"name": "Liam", "address": "liam"}]}',
    ],
    ids=["bare keys", "trailing commas", "a comment"],
)
def test_json5_is_understood_where_json_fails(rosters, payload):
    (answer,) = ask(rosters, message(payload=payload))
    assert answer == OK
    assert groups_of(rosters) == {"liam@localhost": ("others",)}


@pytest.mark.parametrize(("most", "expected"), [(3, 0), (2, 4)])
def test_the_limit_of_a_search_is_the_last_length_allowed(
    rosters, settings, most, expected
):
    settings.SEARCH_LIMIT = most
    payload = numbers("+393471111110", "+393471111112", "+393471111113")

    (answer,) = ask(rosters, message(SEARCH, payload))

    assert answer["status"] == expected
    if expected:
        text = "userList: 3 numbers; 2 numbers are allowed in one command."
        assert said(answer) == [text]


@pytest.mark.parametrize(
    ("command", "expected", "text"),
    [
        (
            "cmd_dance",
            (6, "UNKNOWN_COMMAND"),
            "This service knows cmd_add_to_roster and cmd_search_users.",
        ),
        ("", (4, "BAD_REQUEST"), "type and action name two different commands."),
    ],
)
def test_what_is_no_command_of_ours_is_answered(rosters, command, expected, text):
    (answer,) = ask(rosters, message(command, LIAM))
    assert (code(answer), said(answer)) == (expected, [text])
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


@examples(max_examples=150, deadline=None, database=None)
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


# --- Owners -----------------------------------------------------------------------


def test_who_has_no_account_on_the_server_is_no_user_and_leaves_nothing(rosters):
    sent = message(owner="ghost@localhost", payload=users(("M", MARIO)))

    (answer,) = ask(rosters, sent)

    assert code(answer) == (2, "NO_USER_FOUND")
    assert not AddressBookEntry.objects.exists()
    assert not Account.objects.get(jid="ghost@localhost").visible
    assert rosters.written == []


def test_who_loses_the_account_in_the_middle_is_no_user(rosters):
    """The roster is read while it is there, and gone when it is written."""

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
    assert not AddressBookEntry.objects.exists()


@pytest.mark.parametrize("owner", ["romeo@elsewhere.example", "localhost"])
def test_who_is_no_user_of_a_served_domain_is_answered_so(rosters, owner):
    for command, payload in ((ADD, LIAM), (SEARCH, numbers(NUMBER)), (SEARCH, "{")):
        (answer,) = ask(rosters, message(command, payload, owner))
        assert code(answer) == (2, "NO_USER_FOUND")
        assert said(answer) == ["You are not a user of this service."]
    assert rosters.asked == rosters.written == []


def test_a_disabled_owner_is_no_user_and_nothing_is_asked(rosters):
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


# --- When the server refuses --------------------------------------------------------


def test_a_roster_that_cannot_be_read_fails_for_a_later_attempt(rosters):
    rosters.unreadable[ROMEO] = "forbidden"
    intake.receive([message(payload=LIAM), message(payload=LIAM, owner=JULIET)])

    settle(rosters)

    romeos, juliets = row(ROMEO), row(JULIET)
    assert (romeos.state, romeos.attempts) == ("received", 1)
    assert romeos.error == "roster not read: forbidden"
    assert json.loads(juliets.answer) == OK
    # What was asked of the server is charged, and the next attempt is free.
    asked = AddressBookEntry.objects.filter(owner__jid=ROMEO).exclude(asked_at=None)
    assert asked.count() == 1


def test_a_failure_of_the_moment_fails_for_a_later_attempt_and_then_succeeds(rosters):
    rosters.unwritable["liam@localhost"] = "internal-server-error"
    intake.receive([message(payload=users(("Liam", "liam"), ("Mario", MARIO)))])

    settle(rosters)

    assert row().error == "roster not written: internal-server-error"
    assert groups_of(rosters) == {MARIO: ("verified",)}

    rosters.unwritable.clear()
    rosters.written.clear()
    make_due()
    settle(rosters)

    assert json.loads(row().answer) == OK
    assert [change.item.jid for change in rosters.written] == ["liam@localhost"]


def test_after_the_last_attempt_the_client_is_told_of_sql_error(rosters):
    rosters.unreadable[ROMEO] = "internal-server-error"
    intake.receive([message(payload=LIAM)])
    for _ in range(MAX_ATTEMPTS):
        make_due()
        settle(rosters)

    (answer,) = outbox.unsent(9, ())

    assert code(json.loads(answer["payload"])) == (1, "SQL_ERROR")
    assert "internal-server-error" not in answer["payload"]
    assert row().state == "dead"


@pytest.mark.parametrize("condition", sorted(batch.PERMANENT))
def test_an_entry_that_is_refused_for_good_is_named_and_the_others_count(
    rosters, condition
):
    rosters.unwritable["liam@localhost"] = condition

    both, alone, innocent = ask(
        rosters,
        message(payload=users(("Mario", MARIO), ("Liam", "liam"))),
        message(payload=LIAM),
        message(payload=users(("Juliet", "juliet"))),
    )

    refusal = f"the XMPP server refuses it ({condition})"
    assert (code(both), said(both)) == ((0, ""), [f"channelUsers[1]: {refusal}"])
    assert code(alone) == (3, "NO_CHANNEL_FOUND")
    assert said(alone) == [f"channelUsers[0]: {refusal}"]
    assert innocent == OK
    assert set(groups_of(rosters)) == {MARIO, JULIET}


@pytest.mark.parametrize("error", [Down("no stream"), Late("no answer")])
@pytest.mark.parametrize("jid", [ROMEO, MARIO], ids=["reading", "asking"])
def test_a_server_that_is_away_ends_the_turn(rosters, error, jid):
    rosters.raises[jid] = error
    intake.receive([message(payload=users(("Mario", MARIO)))])
    with pytest.raises(type(error)):
        run(rosters)


def test_a_server_that_goes_away_while_writing_ends_the_turn(rosters):
    rosters.raises["liam@elsewhere.example"] = Down("it broke")
    intake.receive([message(payload=users(("Liam", "liam@elsewhere.example")))])
    with pytest.raises(Down):
        run(rosters)


def test_what_is_late_is_left_and_a_following_run_completes(rosters):
    many = users(*((f"C {n}", f"c{n}") for n in range(250)))
    intake.receive([message(payload=many), message(payload=LIAM, owner=JULIET)])
    rosters.writes_left = 130

    settle(rosters)

    # Juliet's one item went with the first; Romeo's rest waits untouched.
    assert json.loads(row(JULIET).answer) == OK
    assert (row().state, row().attempts, row().answer) == ("received", 0, "")
    assert not AddressBookEntry.objects.filter(owner__jid=ROMEO).exists()
    assert len(rosters.rosters[ROMEO]) == 129

    rosters.writes_left = None
    make_due()
    settle(rosters)

    assert json.loads(row().answer) == OK
    assert len(rosters.rosters[ROMEO]) == 250
    assert len(rosters.written) == 251


def test_what_is_late_is_charged_before_what_comes_after_it(rosters, settings):
    settings.DISCOVERY_BURST, settings.DISCOVERY_PER_YEAR = 60, 0
    friends = [f"+3934711{n:05}" for n in range(0, 120 * 7, 7)]
    for number in friends:
        rosters.register(f"00{number[1:]}@localhost")
    long = users(
        *(("Friend", number) for number in friends[:60]),
        *(("x" * 300, f"{n}@elsewhere.example") for n in range(60)),
    )
    intake.receive([message(payload=long)])
    intake.receive([message(SEARCH, numbers(*friends[60:]))])
    rosters.writes_left = batch.ROSTER_BATCH_SIZE
    settle(rosters)
    settle(rosters)

    rosters.writes_left = None
    make_due()
    settle(rosters)
    settle(rosters)

    add, search = Command.objects.order_by("pk")
    assert json.loads(add.answer) == OK
    assert json.loads(search.answer)["errorCode"] == "RATE_LIMITED"
    told = [jid for jid, groups in groups_of(rosters).items() if "verified" in groups]
    assert len([jid for jid in told if jid.startswith("0039347")]) == 60


def test_a_late_first_write_gets_nowhere_and_what_was_written_stays(rosters):
    intake.receive([message(payload=users(*((f"C {n}", f"c{n}") for n in range(3))))])
    rosters.writes_left = 2
    settle(rosters)
    assert row().error == "roster not written: no answer by the deadline"
    # Some of it was written, and a group tells: it is charged, whatever follows.
    assert AddressBookEntry.objects.exclude(asked_at=None).count() == 3

    rosters.writes_left = None
    make_due()
    settle(rosters)

    assert json.loads(row().answer) == OK
    written = [change.item.jid for change in rosters.written]
    assert written == [f"c{n}@localhost" for n in range(3)]


def test_what_does_not_fit_before_the_deadline_is_left(rosters):
    many = users(*((f"C {n}", f"c{n}") for n in range(batch.ROSTER_BATCH_SIZE + 1)))
    intake.receive([message(payload=many), message(payload=LIAM, owner=JULIET)])

    settled = run(rosters, deadline=0)

    assert len(rosters.written) == batch.ROSTER_BATCH_SIZE
    answers = {one.work.owner: one.answers for one in settled}
    assert answers[ROMEO] == {}
    assert len(answers[JULIET]) == 1


def test_changes_of_owners_are_written_in_turn(rosters):
    many = users(*((f"C {n}", f"c{n}") for n in range(3)))
    intake.receive([message(payload=many, owner=owner) for owner in (ROMEO, JULIET)])

    run(rosters)

    owners = [change.owner for change in rosters.written]
    assert [set(owners[at : at + 2]) for at in (0, 2, 4)] == [{ROMEO, JULIET}] * 3


# --- Many commands in one batch -------------------------------------------------------


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


def test_what_ends_where_it_began_is_not_written(rosters):
    rosters.register(ROMEO, RosterItem("liam@localhost", "Liam", ("others",)))
    ask(
        rosters,
        message(payload=users(("William", "liam"))),
        message(payload=users(("Liam", "liam"))),
    )
    assert rosters.written == []


@pytest.mark.parametrize("first", ["add", "search"])
def test_a_search_and_an_addition_in_one_turn_make_one_item(rosters, first):
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


def test_one_bad_command_leaves_the_others_of_its_turn_alone(rosters):
    answers = ask(
        rosters,
        message(payload="{"),
        message(payload=LIAM),
        message("cmd_dance"),
        message(SEARCH, numbers(NUMBER)),
    )
    assert [answer["status"] for answer in answers] == [3, 0, 6, 0]


def test_rosters_of_all_owners_are_read_in_one_crossing(rosters):
    owners = [ROMEO, JULIET, MARIO]
    ask(rosters, *(message(payload=LIAM, owner=owner) for owner in owners))
    assert [sorted(read) for read in rosters.reads] == [sorted(owners)]


def test_a_search_that_finds_nobody_reads_no_roster(rosters):
    (answer,) = ask(rosters, message(SEARCH, numbers("+393470000000")))
    assert answer == {**OK, "userList": []}
    assert not any(rosters.reads)


# --- Discovery ------------------------------------------------------------------------


def test_an_item_under_another_spelling_is_the_same_contact(rosters):
    stored = RosterItem("+393471111111@localhost", "Mario", ("others",))
    rosters.register(ROMEO, stored)

    ask(rosters, message(payload=users(("Mario Rossi", "00393471111111"))))

    assert list(rosters.rosters[ROMEO].values()) == [
        RosterItem(stored.jid, "Mario Rossi", ("verified",))
    ]


def test_a_number_at_another_domain_is_another_contact(rosters):
    elsewhere = "00393471111111@elsewhere.example"
    ask(rosters, message(payload=users(("A", MARIO), ("B", elsewhere))))
    assert groups_of(rosters) == {MARIO: ("verified",), elsewhere: ("others",)}
    assert elsewhere not in rosters.asked


def test_a_user_of_another_served_domain_is_not_verified(rosters, settings):
    settings.XMPP_DOMAINS = ["localhost", "mantua.example"]
    rosters.register("apothecary@mantua.example")
    Account.objects.create(jid="apothecary@mantua.example")

    ask(rosters, message(payload=users(("A", "apothecary@mantua.example"))))

    assert groups_of(rosters) == {"apothecary@mantua.example": ("others",)}


@pytest.mark.parametrize(
    ("first", "second"), [(SEARCH, SEARCH), (ADD, SEARCH), (SEARCH, ADD), (ADD, ADD)]
)
def test_the_budget_is_exact_across_the_commands_of_a_turn(
    rosters, settings, first, second
):
    settings.DISCOVERY_BURST, settings.DISCOVERY_PER_YEAR = 3, 0
    phones = [f"0039347222222{n}" for n in range(4)]
    for phone in phones:
        rosters.register(f"{phone}@localhost")

    def sent(command: str, *some: str):
        payload = (
            numbers(*some) if command == SEARCH else users(*(("", s) for s in some))
        )
        return message(command, payload)

    _, answer = ask(rosters, sent(first, *phones[:2]), sent(second, *phones[1:]))

    # Two are charged; of the other three one is free and one is affordable.
    verified = [jid for jid, names in groups_of(rosters).items() if "verified" in names]
    if second == SEARCH:
        assert code(answer) == (5, "RATE_LIMITED")
        assert answer["userList"] == [phones[1]]
        assert len(verified) == 2
    else:
        assert answer == OK
        assert len(verified) == 3
    assert Account.objects.get(jid=ROMEO).budget == 3 - len(verified)


def test_the_owners_own_address_costs_nothing(rosters):
    ask(rosters, message(payload=users(("Me", ROMEO), ("Liam", "liam"))))
    asked = AddressBookEntry.objects.exclude(asked_at=None)
    assert [bytes(row.digest) for row in asked] == digests.digests("liam@localhost")


def test_nobody_is_looked_up_beyond_the_budget(rosters, settings):
    settings.DISCOVERY_BURST, settings.DISCOVERY_PER_YEAR = 1, 0
    phones = [f"0039347222222{n}" for n in range(3)]

    ask(
        rosters,
        message(SEARCH, numbers(*phones)),
        message(payload=users(*(("", phone) for phone in phones))),
    )

    assert [jid for jid in rosters.asked if jid != ROMEO] == [f"{phones[0]}@localhost"]


def test_a_limited_search_says_when_to_repeat_and_is_not_final(rosters, settings):
    settings.DISCOVERY_BURST = 1
    settings.DISCOVERY_PER_YEAR = 365 * 24 * 60
    intake.receive([message(SEARCH, numbers("+393471111111", "+393472222222"))])

    settle(rosters)

    answer = json.loads(row().answer)
    assert code(answer) == (5, "RATE_LIMITED")
    assert said(answer) == ["Too many new numbers: repeat after retryAfter seconds."]
    assert (answer["retryAfter"], answer["userList"]) == (60, [])
    assert row().final is False


def test_every_received_contact_is_remembered_as_a_digest(rosters):
    ask(
        rosters,
        message(payload=users(("Mario", MARIO), ("Liam", "liam"))),
        message(SEARCH, numbers("+393470000000", "nonsense")),
    )

    stored = AddressBookEntry.objects.filter(owner__jid=ROMEO)
    keys = [NUMBER, "liam@localhost", "+393470000000"]
    assert {(bytes(entry.digest), entry.hit) for entry in stored} == {
        (digests.digests(key)[0], key == NUMBER) for key in keys
    }


def test_nothing_is_stored_before_the_turn_is_finished(rosters):
    Account.objects.create(jid=ROMEO)
    intake.receive([message(payload=LIAM)])

    run(rosters)

    assert not AddressBookEntry.objects.exists()
    assert row().state == "running"


def test_an_answer_is_strict_compact_json(rosters):
    intake.receive([message(SEARCH, numbers("+39\u00a0347\u00a01111111"))])
    settle(rosters)
    assert row().answer == (
        '{"status":0,"errorCode":"","errorMessage":[],'
        '"userList":["+39\u00a0347\u00a01111111"]}'
    )


def test_a_search_whose_hits_are_refused_keeps_its_own_status(rosters):
    rosters.unwritable[MARIO] = "not-acceptable"

    (answer,) = ask(rosters, message(SEARCH, numbers("+393471111111")))

    assert answer["status"] == 0


def test_an_undiscoverable_owner_is_skipped_in_every_spelling(rosters):
    me = "+393479999999@localhost"
    rosters.register(me)
    Account.objects.create(jid=me, msisdn="+393479999999", discoverable=False)

    ask(rosters, message(payload=users(("Me", "00393479999999")), owner=me))

    assert rosters.written == []


@pytest.mark.parametrize("name", [0, False, [], {}])
def test_a_name_that_is_no_text_is_refused(rosters, name):
    entry = {"name": name, "address": "liam"}

    (answer,) = ask(rosters, message(payload={"channelUsers": [entry]}))

    assert answer["status"] == 3


def test_an_answer_that_fits_no_stanza_is_said_to_be_too_large():
    reply = payloads.Reply(more={"userList": ["x" * payloads.MAX_BYTES]})
    assert json.loads(reply.dumps())["errorCode"] == "BAD_REQUEST"
