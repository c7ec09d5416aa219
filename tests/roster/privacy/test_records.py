"""What is stored about a person: the list for export and erasure is complete."""

import json
from io import StringIO

import pytest
from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command

from roster.commands import claims, intake
from roster.models import Account, Flag, LateJoin, Subscriber
from tests.roster.conftest import ADD, JULIET, ask, message, users

pytestmark = pytest.mark.django_db

NUMBER = "+393471111111"
JID = "00393471111111@localhost"


def traces() -> set[str]:
    """Tables with the JID or the number, in any column."""
    found = set()
    for model in apps.get_models(include_auto_created=True):
        for row in model.objects.values():
            text = " ".join(str(value) for value in row.values())
            if JID in text or NUMBER.removeprefix("+") in text:
                found.add(model._meta.label)
    return found


@pytest.fixture
def stored(rosters, admin_client) -> None:
    """Of a person, every kind of data is stored."""
    headers = {"Idempotency-Key": "first"}
    made = admin_client.post(
        "/api/accounts/", {"jid": JID}, "application/json", headers=headers
    )
    assert made.json()["msisdn"] == NUMBER
    ask(rosters, message(ADD, users(("Liam", "liam")), JID))
    intake.receive([message(ADD, users(("Noah", "noah")), JID)])
    claims.claim()
    account = Account.objects.get(jid=JID)
    juliet = Account.objects.create(jid=JULIET)
    flag = Flag.objects.create(owner=account, reasons=[])
    LateJoin.objects.create(owner=juliet, joined=account, place=0)
    Subscriber.objects.create(jid=JID, told=1)
    user = User.objects.get()
    LogEntry.objects.log_actions(user.pk, [account], CHANGE)
    LogEntry.objects.log_actions(user.pk, [flag], CHANGE)


def manage(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("typed", [JID, NUMBER, "0039 347 1111111"])
def test_after_forget_no_table_has_a_trace(stored, typed):
    assert traces() == {
        "roster.Account",
        "roster.Claim",
        "roster.Command",
        "roster.Subscriber",
        "admin.LogEntry",
        "xmppservice.IdempotentRequest",
    }

    manage("forget", typed)

    assert traces() == set()
    assert not Flag.objects.exists()
    assert not LateJoin.objects.exists()
    assert Account.objects.get().jid == JULIET


def test_export_has_the_answers_kept_for_repeats_and_everything_else(stored):
    exported = json.loads(manage("export", NUMBER))
    assert {kind for kind, rows in exported.items() if rows} == {
        "account",
        "contacts",
        "flags",
        "subscription",
        "history",
        "commands",
        "claims",
        "apiResponses",
    }
    (response,) = exported["apiResponses"]
    assert NUMBER in response["body"]


def test_a_longer_jid_is_another_person(stored, admin_client):
    headers = {"Idempotency-Key": "second"}
    longer = {"jid": f"x{JID}"}
    admin_client.post("/api/accounts/", longer, "application/json", headers=headers)
    manage("forget", JID)
    assert traces() == {
        "roster.Account",
        "admin.LogEntry",
        "xmppservice.IdempotentRequest",
    } - {"admin.LogEntry"}
