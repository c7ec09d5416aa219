"""What commands make of numbers and JIDs in every spelling, on real rosters' terms."""

import json
import logging

import pytest
from django.utils import timezone

from roster import tasks
from roster.accounts import directory
from roster.commands import intake
from roster.discovery import digests
from roster.models import Account, AddressBookEntry, Command
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
    users,
)
from xmppservice.protocol.roster import RosterItem

pytestmark = pytest.mark.django_db

BERLIN, LONDON = "00491701234567@localhost", "00447911123456@localhost"
ROSARIO, ROME = "005491123456789@localhost", "00390669821234@localhost"
MILAN, MARIO = "00393471230001@localhost", "00393471111111@localhost"
SPELLINGS = [
    ("+49 (0)170 1234567", BERLIN),
    ("+44 (0)7911 123456", LONDON),
    ("+54 11 15 2345 6789", ROSARIO),
    ("+39 06 6982 1234", ROME),
    ("\u202a+39 347 123 0001\u202c", MILAN),
    ("+39 347\u00ad123 0001", MILAN),
    ("+39\u2009347\u2009123\u20090001", MILAN),
    ("tel:+39-347-1230001", MILAN),
]


@pytest.mark.parametrize(("spelling", "jid"), SPELLINGS)
def test_both_commands_read_a_spelling_as_the_same_user(rosters, spelling, jid):
    rosters.register(jid)

    found, added = ask(
        rosters,
        message(SEARCH, numbers(spelling)),
        message(ADD, users(("Friend", spelling)), owner=JULIET),
    )

    assert found["userList"] == [spelling]
    assert added["status"] == 0
    assert groups_of(rosters) == groups_of(rosters, JULIET) == {jid: ("verified",)}


@pytest.mark.parametrize("odd", ["+5215541637145", "+39112", "+1", "+romeo", "+٣٩"])
def test_an_odd_contact_fails_nobody(rosters, odd, caplog):
    rosters.register(MARIO)
    book = users(("Mario", "+39 347 1111111"), ("Odd", odd), ("Liam", "liam"))
    intake.receive([message(ADD, book), message(ADD, book, owner=JULIET)])

    with caplog.at_level(logging.WARNING):
        tasks._run_all(rosters)

    assert caplog.text == ""
    for owner in (ROMEO, JULIET):
        row = Command.objects.get(owner=owner)
        assert (row.attempts, json.loads(row.answer)["status"]) == (0, 0)
        assert groups_of(rosters, owner) == {
            MARIO: ("verified",),
            f"{odd}@localhost": ("others",),
            "liam@localhost": ("others",),
        }


def test_all_spellings_of_a_user_come_back_in_the_order_sent(rosters):
    rosters.register(MARIO)
    sent = ["+39 347 1111111", "+39 348", "00393471111111", "+39 347 1111111"]

    (answer,) = ask(rosters, message(SEARCH, numbers(*sent)))

    assert answer["userList"] == [sent[0], sent[2]]
    assert Account.objects.get(jid=ROMEO).budget is not None
    assert groups_of(rosters) == {MARIO: ("verified",)}


def test_an_impostors_account_does_not_stand_for_the_number(rosters):
    impostor = "00-393471111111@localhost"
    del rosters.rosters[MARIO]
    rosters.register(impostor)
    directory.owners_of([impostor])

    found, added = ask(
        rosters,
        message(SEARCH, numbers("+393471111111")),
        message(ADD, users(("Mario", "+393471111111"))),
    )
    assert found["userList"] == []
    assert added["status"] == 0
    assert groups_of(rosters) == {MARIO: ("others",)}


def test_the_numbers_own_account_is_verified_whatever_sorts_first(rosters):
    for impostor in ("+393471111111", "00-393471111111", "zz"):
        rosters.register(f"{impostor}@localhost")
        directory.owners_of([f"{impostor}@localhost"])
    rosters.register(MARIO)

    ask(rosters, message(ADD, users(("Mario", "+393471111111"))))

    assert groups_of(rosters) == {MARIO: ("verified",)}


@pytest.mark.parametrize("is_reversed", [False, True])
def test_of_two_spellings_on_a_roster_the_accounts_is_verified(rosters, is_reversed):
    rosters.register(MARIO)
    items = [
        RosterItem("+393471111111@localhost", "Mario"),
        RosterItem(MARIO, "Mario"),
    ]
    rosters.register(ROMEO, *(reversed(items) if is_reversed else items))

    ask(rosters, message(ADD, users(("Mario", "+393471111111"))))

    assert groups_of(rosters) == {
        MARIO: ("verified",),
        "+393471111111@localhost": (),
    }


def test_an_item_under_another_spelling_is_the_same_contact(rosters):
    rosters.register(MARIO)
    rosters.register(ROMEO, RosterItem("+393471111111@localhost", "Mario"))

    ask(rosters, message(ADD, users(("Mario", "+393471111111"))))

    assert groups_of(rosters) == {"+393471111111@localhost": ("verified",)}


def test_an_item_of_an_impostor_is_left_alone(rosters):
    """A user accepted the impostor's subscription; the number is somebody else's."""
    impostor = "+393471111111@localhost"
    rosters.register(impostor)
    rosters.register(MARIO)
    directory.owners_of([impostor])
    item = RosterItem(impostor, "", (), "both")
    rosters.register(ROMEO, item)

    ask(rosters, message(ADD, users(("Mario", "+393471111111"))))

    assert rosters.rosters[ROMEO][impostor] == item
    assert groups_of(rosters)[MARIO] == ("verified",)


@pytest.mark.parametrize("first", ["+393471111111@localhost", "00-393471111111"])
def test_an_answer_does_not_depend_on_another_owners_spelling(rosters, first):
    rosters.register(MARIO)

    _, found = ask(
        rosters,
        message(ADD, users(("Odd", first)), owner=JULIET),
        message(SEARCH, numbers("+393471111111")),
    )

    assert found["userList"] == ["+393471111111"]
    assert set(rosters.asked) - {ROMEO, JULIET} == {MARIO}


@pytest.mark.parametrize(
    "address", ["00393471111111@localhost.", "MARIO@LOCALHOST.", "mario@elsewhere.org."]
)
def test_a_final_dot_of_a_domain_is_not_part_of_an_address(rosters, address):
    local = {"MARIO@LOCALHOST.": "mario@localhost"}
    jid = local.get(address, address.removesuffix("."))
    family = RosterItem(jid, "Mario", ("Family", "verified"), "both")
    rosters.register(ROMEO, family)

    ask(rosters, message(ADD, users(("Mario", address))))

    assert rosters.written == []


@pytest.mark.parametrize("between", ["\n", "\r\n", "\t", "\u2028", " \n\t "])
def test_a_name_of_several_lines_is_written_once(rosters, between):
    book = users((f"Mario{between}Rossi\n", "mario"))

    for _ in range(3):
        ask(rosters, message(ADD, book))

    (written,) = rosters.written
    assert "\n" not in written.item.name
    assert written.item.name.split() == ["Mario", "Rossi"]


def test_an_address_that_becomes_a_name_is_one_line(rosters):
    rosters.register(MARIO)
    spelling = "+39 347\n1111111"

    found, _ = ask(
        rosters, message(SEARCH, numbers(spelling)), message(SEARCH, numbers(spelling))
    )

    assert found["userList"] == [spelling]
    (written,) = rosters.written
    assert written.item.name == "+39 347 1111111"


def test_an_entry_that_is_no_address_is_named_and_the_others_are_written(rosters):
    book = users(("Ext", "+393471111111 ext. 5"), ("Liam", "liam"))

    (answer,) = ask(rosters, message(ADD, book))

    assert answer["status"] == 0
    assert error_messages(answer) == [
        "channelUsers[0].address: neither a number nor a JID"
    ]


def test_a_contact_remembered_as_typed_is_found_beside_its_other_spelling(rosters):
    """One row under the digest of the digits as typed, by an earlier version."""
    owner = directory.owners_of([ROMEO])[ROMEO]
    AddressBookEntry.objects.create(
        owner=owner,
        digest=digests.digests("+4901701234567")[0],
        key=digests.keys()[0].name,
        asked_at=timezone.now(),
    )
    ask(rosters, message(SEARCH, numbers("+49 (0)170 1234567", "+49 170 1234567")))
    assert AddressBookEntry.objects.count() == 1
    assert Account.objects.get(jid=ROMEO).budget is None
