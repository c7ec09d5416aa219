"""What a batch does when the server or the budget refuses."""

import json
import time

import pytest

from roster.commands import batch, claims, intake, outbox, payloads
from roster.commands.results import MAX_ATTEMPTS, Settled
from roster.discovery import digests
from roster.models import Account, AddressBookEntry, Claim, Command
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
    make_due,
    message,
    numbers,
    settle,
    users,
)
from xmppservice.connection.gateway import Down, Late
from xmppservice.protocol.roster import RosterItem
from xmppservice.rosters.interface import PERMANENT

pytestmark = pytest.mark.django_db


def run(rosters: PaperRosters, deadline: float | None = None) -> list[Settled]:
    """Run one batch without storing its outcome."""
    end = time.time() + 60 if deadline is None else deadline
    return batch.run(claims.claim(), rosters, end)


def row(owner: str = ROMEO) -> Command:
    return Command.objects.get(owner=owner)


def test_an_unreadable_roster_fails_until_a_later_attempt(rosters):
    rosters.unreadable[ROMEO] = "forbidden"
    intake.receive([message(payload=LIAM), message(payload=LIAM, owner=JULIET)])

    settle(rosters)

    romeos, juliets = row(ROMEO), row(JULIET)
    assert (romeos.state, romeos.attempts) == ("received", 1)
    assert romeos.error == "roster not read: forbidden"
    assert json.loads(juliets.answer) == OK
    # The lookup is charged, and the next attempt is free.
    asked = AddressBookEntry.objects.filter(owner__jid=ROMEO).exclude(asked_at=None)
    assert asked.count() == 1


def test_a_temporary_failure_is_retried_and_then_succeeds(rosters):
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


def test_after_the_last_attempt_the_client_gets_sql_error(rosters):
    rosters.unreadable[ROMEO] = "internal-server-error"
    intake.receive([message(payload=LIAM)])
    for _ in range(MAX_ATTEMPTS):
        make_due()
        settle(rosters)

    (answer,) = outbox.unsent(9, ())

    assert code(json.loads(answer["payload"])) == (1, "SQL_ERROR")
    assert "internal-server-error" not in answer["payload"]
    assert row().state == "dead"


@pytest.mark.parametrize("condition", sorted(PERMANENT))
def test_a_permanently_refused_entry_is_named_and_the_others_count(rosters, condition):
    rosters.unwritable["liam@localhost"] = condition

    both, alone, innocent = ask(
        rosters,
        message(payload=users(("Mario", MARIO), ("Liam", "liam"))),
        message(payload=LIAM),
        message(payload=users(("Juliet", "juliet"))),
    )

    refusal = f"the XMPP server refuses it ({condition})"
    assert (code(both), error_messages(both)) == (
        (0, ""),
        [f"channelUsers[1]: {refusal}"],
    )
    assert code(alone) == (3, "NO_CHANNEL_FOUND")
    assert error_messages(alone) == [f"channelUsers[0]: {refusal}"]
    assert innocent == OK
    assert set(groups_of(rosters)) == {MARIO, JULIET}


@pytest.mark.parametrize("error", [Down("no stream"), Late("no answer")])
@pytest.mark.parametrize("jid", [ROMEO, MARIO], ids=["reading", "asking"])
def test_a_server_that_is_away_ends_the_batch(rosters, error, jid):
    rosters.raises[jid] = error
    intake.receive([message(payload=users(("Mario", MARIO)))])
    with pytest.raises(type(error)):
        run(rosters)


def test_a_server_that_goes_away_while_writing_ends_the_batch(rosters):
    rosters.raises["liam@elsewhere.example"] = Down("it broke")
    intake.receive([message(payload=users(("Liam", "liam@elsewhere.example")))])
    with pytest.raises(Down):
        run(rosters)


def test_late_changes_are_left_and_a_later_run_completes_them(rosters):
    many = users(*((f"C {n}", f"c{n}") for n in range(250)))
    intake.receive([message(payload=many), message(payload=LIAM, owner=JULIET)])
    rosters.writes_left = 130

    settle(rosters)

    # Juliet's one item was written with the first; Romeo's others wait.
    assert json.loads(row(JULIET).answer) == OK
    assert (row().state, row().attempts, row().answer) == ("received", 0, "")
    assert len(rosters.rosters[ROMEO]) == 129

    rosters.writes_left = None
    make_due()
    settle(rosters)

    assert json.loads(row().answer) == OK
    assert len(rosters.rosters[ROMEO]) == 250
    assert len(rosters.written) == 251


def test_late_commands_are_charged_before_later_ones(rosters, settings):
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
    rosters.writes_left = 100
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


def test_a_late_first_write_fails_and_written_items_stay(rosters):
    intake.receive([message(payload=users(*((f"C {n}", f"c{n}") for n in range(3))))])
    rosters.writes_left = 2
    settle(rosters)
    assert row().error == "roster not written: no answer by the deadline"
    # Some items were written, and their groups reveal users: they are charged.
    assert AddressBookEntry.objects.exclude(asked_at=None).count() == 3

    rosters.writes_left = None
    make_due()
    settle(rosters)

    assert json.loads(row().answer) == OK
    written = [change.item.jid for change in rosters.written]
    assert written == [f"c{n}@localhost" for n in range(3)]


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
def test_the_budget_is_exact_across_the_commands_of_a_batch(
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

    # Two are charged; of the next three, one is free and one is affordable.
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


def test_no_contact_is_looked_up_beyond_the_budget(rosters, settings):
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
    assert error_messages(answer) == [
        "Too many new numbers: repeat after retryAfter seconds."
    ]
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


def test_contacts_are_charged_before_the_first_roster_write():
    """A batch that is killed while it writes has told something all the same."""

    class Killed(PaperRosters):
        def write(self, changes, deadline):
            raise Down("killed")

    rosters = Killed()
    for owner in (ROMEO, JULIET):
        rosters.register(owner)
    intake.receive([message(payload=LIAM), message(payload=LIAM, owner=JULIET)])

    with pytest.raises(Down):
        run(rosters)

    assert AddressBookEntry.objects.exclude(asked_at=None).count() == 2
    assert row().state == "running"


def test_a_lost_claim_charges_nothing(rosters):
    intake.receive([message(payload=LIAM)])
    work = claims.claim()
    Claim.objects.all().delete()

    batch.run(work, rosters, time.time() + 60)

    assert not AddressBookEntry.objects.exists()


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


@pytest.mark.parametrize(
    "spelling", ["+49 (0)170 1234567", "00491701234567", "004901701234567@localhost."]
)
def test_an_owner_is_skipped_in_every_spelling(rosters, spelling):
    me = "00491701234567@localhost"
    rosters.register(me)
    Account.objects.create(jid=me, msisdn="+491701234567", discoverable=False)

    ask(rosters, message(payload=users(("Me", spelling)), owner=me))

    assert rosters.written == []


@pytest.mark.parametrize("name", [0, False, [], {}])
def test_a_name_that_is_not_text_is_refused(rosters, name):
    entry = {"name": name, "address": "liam"}

    (answer,) = ask(rosters, message(payload={"channelUsers": [entry]}))

    assert answer["status"] == 3


def test_an_answer_that_does_not_fit_into_a_stanza_is_too_large():
    reply = payloads.Reply(extra={"userList": ["x" * payloads.MAX_BYTES]})
    assert json.loads(reply.dumps())["errorCode"] == "BAD_REQUEST"
