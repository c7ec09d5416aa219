"""Thousands of accounts in one request; reading and retrying commands."""

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from roster.accounts import bulk
from roster.models import Account, Command
from tests.api import client_of, reasons
from tests.roster.conftest import JULIET, MARIO, ROMEO

pytestmark = pytest.mark.django_db

BULK, COMMANDS = "/api/accounts/bulk/", "/api/commands/"


@pytest.fixture
def api() -> APIClient:
    return client_of("add_account", "change_account", "view_command", "change_command")


def send(api, *accounts):
    return api.post(BULK, {"accounts": list(accounts)}, format="json")


def test_accounts_are_added_changed_or_left_unchanged(api):
    Account.objects.create(jid=ROMEO, name="Romeo")
    Account.objects.create(jid=JULIET, discoverable=False)

    answer = send(
        api,
        {"account": "+39 347 111 1111", "name": "Mario"},
        {"account": ROMEO, "enabled": False},
        {"account": JULIET},
    )

    counts = {"created": 1, "changed": 1, "unchanged": 1, "errors": []}
    assert answer.json() == counts
    mario, romeo, juliet = (Account.objects.get(jid=j) for j in (MARIO, ROMEO, JULIET))
    assert (mario.msisdn, mario.name) == ("+393471111111", "Mario")
    assert (romeo.name, romeo.enabled) == ("Romeo", False)
    assert not juliet.discoverable


def test_bad_rows_are_reported_and_the_others_are_stored(api):
    answer = send(
        api,
        {"account": "nobody"},
        {"account": ROMEO},
        {"account": JULIET, "enabled": "perhaps"},
        {"name": "x"},
        {"account": "romeo@elsewhere.example"},
        {"account": MARIO, "name": "x" * 256},
    )

    assert answer.status_code == 200
    assert answer.json()["created"] == 1
    assert [error["pointer"] for error in answer.json()["errors"]] == [
        "#/accounts/0/account",
        "#/accounts/2/enabled",
        "#/accounts/3/account",
        "#/accounts/4/account",
        "#/accounts/5/name",
    ]
    assert [account.jid for account in Account.objects.all()] == [ROMEO]


def test_the_last_row_of_an_account_wins(api):
    answer = send(
        api,
        {"account": ROMEO, "name": "Romeo", "enabled": False},
        {"account": ROMEO, "name": "Montague"},
    )

    assert answer.json()["created"] == 1
    romeo = Account.objects.get()
    assert (romeo.name, romeo.enabled) == ("Montague", True)


def test_a_list_that_is_too_long_is_refused_as_a_whole(api):
    refused = send(api, *[1] * 100_000)
    assert reasons(refused) == {"accounts": ["Send at most 10000."]}


def test_rows_with_other_columns_are_stored_in_one_order(api, monkeypatch):
    written = []
    upsert = bulk._upsert

    def noted(accounts, columns):
        written.extend(account.jid for account in accounts)
        upsert(accounts, columns)

    monkeypatch.setattr(bulk, "_upsert", noted)
    rows = [{"account": jid, "name": "x"} for jid in (ROMEO, JULIET)]
    rows += [{"account": MARIO, "enabled": False}]
    assert send(api, *rows).json()["created"] == 3

    # Requests with the same accounts in reverse order do not deadlock.
    assert written == sorted(written)


def test_an_account_added_at_the_same_time_is_reported_as_existing(api, monkeypatch):
    clean = Account.full_clean

    def meanwhile(self, *args, **kwargs):
        clean(self, *args, **kwargs)
        Account.objects.bulk_create([Account(jid=self.jid)])

    monkeypatch.setattr(Account, "full_clean", meanwhile)
    answer = api.post("/api/accounts/", {"jid": ROMEO}, format="json")
    assert reasons(answer) == {"jid": ["Account with this JID already exists."]}


@pytest.mark.parametrize("body", [{}, {"accounts": []}, {"accounts": "x"}, []])
def test_a_body_that_is_not_a_list_of_accounts_is_refused(api, body):
    assert api.post(BULK, body, format="json").status_code == 400


@pytest.mark.parametrize("permissions", [[], ["add_account"], ["change_account"]])
def test_bulk_changes_need_both_permissions(permissions):
    assert send(client_of(*permissions), {"account": ROMEO}).status_code == 403
    assert not Account.objects.exists()


# --- Commands -------------------------------------------------------------------


def command(number: int, **fields: object) -> Command:
    given = {"state": "dead", "owner": ROMEO, "sender": f"{ROMEO}/phone", **fields}
    row = {"key": f"{number}", "message_type": "chat", "payload": "{}", **given}
    return Command.objects.create(**row)


def url(row: Command) -> str:
    return f"{COMMANDS}{row.pk}/"


def test_commands_are_listed_newest_first_and_filtered(api):
    old = command(1, command="cmd_search_users")
    new = command(2, state="sent", owner=JULIET)

    rows = api.get(COMMANDS).json()["results"]

    assert [row["id"] for row in rows] == [new.pk, old.pk]
    assert "payload" not in rows[0]
    for query in ("state=dead", "command=cmd_search_users", f"owner={ROMEO}"):
        found = api.get(f"{COMMANDS}?{query}").json()["results"]
        assert [row["id"] for row in found] == [old.pk]


def test_payload_and_answer_need_a_permission():
    asked = '{"userList":["+393471111111"]}'
    answered = '{"status":1,"errorCode":"SQL_ERROR","errorMessage":[]}'
    row = command(1, payload=asked, answer=answered)

    hidden = client_of("view_command").get(url(row)).json()
    User.objects.all().delete()
    shown = client_of("view_command", "view_payload").get(url(row)).json()

    assert (hidden["status"], hidden["errorCode"]) == (1, "SQL_ERROR")
    assert (hidden["payload"], hidden["answer"]) == (None, None)
    assert (shown["payload"], shown["answer"]) == (asked, answered)


def test_a_dead_command_can_be_retried(api):
    row = command(1, attempts=8)

    for _ in range(2):
        key = {"Idempotency-Key": "1"}
        again = api.post(f"{url(row)}retry/", headers=key)
        assert (again.status_code, again.json()["state"]) == (200, "received")

    row.refresh_from_db()
    assert (row.state, row.attempts) == ("received", 0)


@pytest.mark.parametrize("fields", [{"state": "sent"}, {"payload": ""}])
def test_a_command_that_cannot_be_retried_is_a_conflict(api, fields):
    row = command(1, **fields)
    refused = api.post(f"{url(row)}retry/")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize(
    ("permissions", "codes"),
    [([], [403, 403, 403]), (["view_command"], [200, 200, 403])],
)
def test_each_permission_opens_its_part_of_the_commands(permissions, codes):
    row = command(1)
    client = client_of(*permissions)
    answers = [
        client.get(COMMANDS),
        client.get(url(row)),
        client.post(f"{url(row)}retry/"),
    ]
    assert [answer.status_code for answer in answers] == codes
