"""Exporting and erasing what is stored of an owner."""

import json
from io import StringIO

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from roster.discovery import digests
from roster.models import Account, AddressBookEntry, Command, Flag, LateJoin, Subscriber
from tests.roster.conftest import JULIET, MARIO, ROMEO, ask, message, users

pytestmark = pytest.mark.django_db

NUMBER = "+393471111111"


def manage(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


@pytest.fixture
def stored(rosters) -> Account:
    """Romeo and Juliet sent commands; of Romeo every kind of data is stored."""
    for owner in (ROMEO, JULIET):
        ask(rosters, message(payload=users(("Mario", MARIO)), owner=owner))
    romeo = Account.objects.get(jid=ROMEO)
    Flag.objects.create(owner=romeo, reasons=[{"rule": "run"}])
    juliet = Account.objects.get(jid=JULIET)
    LateJoin.objects.create(owner=romeo, joined=juliet, place=0)
    LateJoin.objects.create(owner=juliet, joined=romeo, place=0)
    for owner in (ROMEO, JULIET):
        Subscriber.objects.create(jid=owner, told=7)
    user = User.objects.create(username="nurse")
    LogEntry.objects.log_actions(user.pk, [romeo, juliet], CHANGE)
    return romeo


def test_forget_erases_only_the_given_owner(stored):
    said = manage("forget", ROMEO.upper())

    assert (
        said == "Erased: 1 account, 1 contacts, 1 commands. Backups still have them.\n"
    )
    assert not Account.objects.filter(jid=ROMEO).exists()
    assert {row.owner for row in Command.objects.all()} == {JULIET}
    assert {row.owner.jid for row in AddressBookEntry.objects.all()} == {JULIET}
    assert not Flag.objects.exists()
    assert not LateJoin.objects.exists()
    assert [row.jid for row in Subscriber.objects.all()] == [JULIET]
    assert [row.object_repr for row in LogEntry.objects.all()] == [JULIET]


def test_forget_erases_the_history_of_flags_and_earlier_accounts(stored):
    user = User.objects.get()
    LogEntry.objects.log_actions(user.pk, [Flag.objects.get()], CHANGE)
    stored.delete()
    Account.objects.create(jid=ROMEO)
    manage("forget", ROMEO)
    assert [row.object_repr for row in LogEntry.objects.all()] == [JULIET]


def test_export_writes_all_stored_data_but_no_other_numbers(stored):
    said = json.loads(manage("export", ROMEO))

    assert said["account"][0]["jid"] == ROMEO
    (contact,) = said["contacts"]
    assert contact["digest"] == digests.digests(NUMBER)[0].hex()
    assert contact["key"] == digests.keys()[0].name
    assert said["flags"][0]["reasons"] == [{"rule": "run"}]
    assert len(said["lateJoins"]) == 1
    assert [row["told"] for row in said["subscription"]] == [7]
    assert [row["object_repr"] for row in said["history"]] == [ROMEO]
    (command,) = said["commands"]
    assert "Mario" in command["payload"]
    assert JULIET not in json.dumps(said)


def test_commands_without_an_account_are_erased_too(stored):
    Account.objects.filter(jid=ROMEO).delete()
    assert len(json.loads(manage("export", ROMEO))["commands"]) == 1
    manage("forget", ROMEO)
    assert {row.owner for row in Command.objects.all()} == {JULIET}


def test_a_user_who_only_subscribed_is_exported_and_erased():
    Subscriber.objects.create(jid=ROMEO, told=7)
    (row,) = json.loads(manage("export", ROMEO))["subscription"]
    assert (row["jid"], row["told"]) == (ROMEO, 7)
    manage("forget", ROMEO)
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize("word", ["forget", "export"])
def test_an_unknown_owner_is_reported(word):
    with pytest.raises(CommandError, match="Nothing is stored about nobody@localhost"):
        manage(word, "nobody@localhost")
