"""The page of the dry run: what a command would do and why; nothing is written."""

import json
import logging
import time

import pytest
from django.test import Client
from django.utils import timezone

from roster.commands.dry_run import run
from roster.models import Account, AddressBookEntry, Command, Flag
from roster.pages import dry_run
from tests.roster.conftest import (
    ADD,
    JULIET,
    MARIO,
    ROMEO,
    SEARCH,
    ask,
    message,
    numbers,
    staff,
    users,
)
from xmppservice.connection.gateway import Down, Late
from xmppservice.protocol.roster import RosterItem

pytestmark = pytest.mark.django_db

SECRET = "+39 347 999 9999"
MISSES = {"rule": "misses", "numbers": 8000, "hits": 1, "expected": 900}


@pytest.fixture
def romeo() -> Account:
    now = timezone.now()
    return Account.objects.create(jid=ROMEO, checked_at=now, last_seen=now)


@pytest.fixture
def server(rosters, monkeypatch):
    """The simulated XMPP server, in place of the real one."""
    monkeypatch.setattr(dry_run.configured, "driver", lambda: rosters)
    return rosters


@pytest.fixture
def nurse() -> Client:
    return staff("view_account", "view_payload")


def of(owner: Account) -> str:
    return f"/admin/roster/account/{owner.pk}/rehearse/"


def post(client: Client, owner: Account, contacts: str, word: str = ADD):
    return client.post(of(owner), {"command": word, "contacts": contacts})


# --- Input --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "text", "payload"),
    [
        (ADD, "+39 347 111 1111", users(("", "+39 347 111 1111"))),
        (ADD, " Mario Rossi , 0039347\r\n\n", users(("Mario Rossi", "0039347"))),
        (ADD, "Rossi, Mario, 0039347", users(("Rossi, Mario", "0039347"))),
        (
            ADD,
            "Mario\t0039347\nLiam;liam",
            users(("Mario", "0039347"), ("Liam", "liam")),
        ),
        (ADD, "a@b.example", users(("", "a@b.example"))),
        (ADD, "Mario,", users(("Mario", ""))),
        (SEARCH, "+39 347\nMario, 0039347", numbers("+39 347", "0039347")),
        (SEARCH, ' {"userList": ["0039"]}', {"userList": ["0039"]}),
        (ADD, "[]", []),
    ],
)
def test_a_payload_is_built_from_one_contact_per_line(word, text, payload):
    assert json.loads(dry_run.payload_of(word, text)) == payload


def test_the_form_shows_its_errors(nurse, romeo, server):
    for contacts, word, reason in (
        ("", ADD, "This field is required."),
        ("x" * 100_001, ADD, "at most 100000 characters"),
        ("0039", "cmd_x", "cmd_x is not one of the available choices"),
    ):
        html = post(nurse, romeo, contacts, word).content.decode()
        assert reason in html
        assert 'id="result"' not in html


# --- Output -------------------------------------------------------------------------


def shown(response) -> list[tuple[str, ...]]:
    """Each entry: address, contact, budget, what is written, rule."""
    return [
        (
            row.entry.address,
            str(row.kind),
            str(row.decision),
            " ".join((row.after.name, *row.after.groups)) if row.after else "",
            str(row.rule),
        )
        for row in response.context.get("rows", ())
    ]


def test_each_entry_shows_the_contact_the_cost_and_the_rule(
    nurse, romeo, server, settings
):
    settings.DISCOVERY_BURST, settings.DISCOVERY_PER_YEAR = 6, 0
    ask(server, message(payload=users(("Juliet", JULIET))))
    server.register(ROMEO, RosterItem(JULIET, "Juliet", ("others",)))
    for name, fields in {
        "off": {"enabled": False},
        "shy": {"discoverable": False},
        "left": {"gone_at": timezone.now()},
    }.items():
        server.register(f"{name}@localhost")
        Account.objects.create(jid=f"{name}@localhost", **fields)
    del server.rosters["left@localhost"]
    contacts = ["juliet", f"Mario, {MARIO}", "off", "shy", "left", ROMEO]

    response = post(
        nurse, romeo, "\n".join([*contacts, SECRET, "last", "x@far.example"])
    )

    new, added = "charged: new", "Not on the roster: added as unverified."
    free, elsewhere = "free: looked up before", "free: no lookup needed"
    moved = "A user: verified."
    user = "Not on the roster, and a user: added as verified."
    own = "The user's own address is skipped."
    assert shown(response) == [
        ("juliet", "a user", free, "Juliet verified", moved),
        (MARIO, "a user", new, "Mario verified", user),
        ("off", "a disabled user", new, "off others", added),
        ("shy", "an undiscoverable user", new, "shy others", added),
        ("left", "no longer on the XMPP server", new, "left others", added),
        (ROMEO, "the owner", elsewhere, "", own),
        (SECRET, "unknown", new, f"{SECRET} others", added),
        ("last", "not looked up", "not covered: budget used up", "last others", added),
        (
            "x@far.example",
            "of another domain",
            elsewhere,
            "x@far.example others",
            added,
        ),
    ]
    assert response.context["cost"] == {"before": "5", "charged": "5", "after": "0"}
    html = response.content.decode()
    juliet = Account.objects.get(jid=JULIET)
    assert f'<a href="/admin/roster/account/{juliet.pk}/change/">a user</a>' in html
    assert "It would succeed." in html


def test_a_search_adds_the_users_it_finds(nurse, romeo, server):
    response = post(nurse, romeo, f"0039 347 111 1111\n{SECRET}", SEARCH)

    added = "Not on the roster, and a user: added as verified."
    nobody = "Searches add only the users they find."
    spelled = "0039 347 111 1111"
    assert shown(response) == [
        (spelled, "a user", "charged: new", f"{spelled} verified", added),
        (SECRET, "unknown", "charged: new", "", nobody),
    ]
    assert response.context["answer"].users == [spelled]
    assert "not looked at" not in response.content.decode()


def test_a_roster_that_was_not_read_is_not_called_empty(nurse, romeo, server):
    html = post(nurse, romeo, SECRET, SEARCH).content.decode()

    assert "not looked at" in html
    assert "not there" not in html


def test_an_item_that_is_up_to_date_says_so(nurse, romeo, server):
    server.register(ROMEO, RosterItem(MARIO, "Mario", ("Verified", "Friends")))

    response = post(nurse, romeo, f"Mario, {MARIO}")

    ((*_, written, rule),) = shown(response)
    assert (written, rule) == ("", "Already up to date.")
    assert '<span class="group">Friends</span>' in response.content.decode()


def test_an_answer_is_shown_as_the_client_gets_it(nurse, romeo, server, settings):
    settings.DISCOVERY_BURST, settings.DISCOVERY_PER_YEAR = 1, 365

    response = post(nurse, romeo, f"{MARIO.split('@')[0]}\n{SECRET}", SEARCH)

    answer = response.context["answer"]
    (sent,) = ask(server, message(SEARCH, numbers("00393471111111", SECRET)))
    would = json.loads(answer.payload)
    assert would.pop("retryAfter") == pytest.approx(sent.pop("retryAfter"), rel=0.01)
    assert would == sent
    assert (answer.status, answer.code) == (5, "RATE_LIMITED")
    html = response.content.decode()
    assert "It would be answered in part" in html
    assert "86,400 seconds (1\N{NO-BREAK SPACE}day)" in html


def test_problems_with_entries_are_in_the_answer(nurse, romeo, server):
    response = post(nurse, romeo, f"Mario, {MARIO}\nNobody, @")

    (said,) = response.context["answer"].messages
    assert said == "channelUsers[1].address: neither a number nor a JID"
    assert json.loads(response.context["answer"].payload)["errorMessage"] == [
        {"message": said}
    ]


@pytest.mark.parametrize(
    ("contacts", "word", "words"),
    [
        ('{"channelUsers": []}', ADD, "none of its contacts can be used"),
        ("{", SEARCH, "the payload cannot be used"),
    ],
)
def test_a_refusal_is_explained(nurse, romeo, server, contacts, word, words):
    response = post(nurse, romeo, contacts, word)

    assert words in response.content.decode()
    assert shown(response) == []


def test_a_disabled_owner_is_refused_at_no_cost(nurse, romeo, server):
    Account.objects.update(enabled=False)

    response = post(nurse, romeo, MARIO)

    html = response.content.decode()
    assert "the owner is disabled, or unknown" in html
    assert "it costs nothing" in html
    assert shown(response) == []


def test_a_flagged_owner_gets_no_answers_about_new_contacts(nurse, romeo, server):
    Flag.objects.create(owner=romeo, reasons=[MISSES])
    assert "This user is flagged" in nurse.get(of(romeo)).content.decode()

    response = post(nurse, romeo, MARIO)

    ((_, _, asked, *_),) = shown(response)
    assert asked == "not covered: the owner is flagged"
    assert response.context["reasons"] == []


def test_the_page_says_why_a_command_would_flag_the_owner(nurse, romeo, server):
    row = "\n".join(f"+39347{number:07d}" for number in range(1_000))

    response = post(nurse, romeo, row, SEARCH)

    html = response.content.decode()
    assert "This command would flag the user:" in html
    assert response.context["reasons"][0] in html
    assert not Flag.objects.exists()


def test_a_long_command_shows_its_first_entries(nurse, romeo, server, monkeypatch):
    monkeypatch.setattr(dry_run, "MAX_SHOWN", 2)

    response = post(nurse, romeo, "a\nb\nc\nd")

    assert len(shown(response)) == 2
    assert "… and 2 more." in response.content.decode()


# --- Failures -----------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_a_missing_stream_is_explained(nurse, romeo):
    response = post(nurse, romeo, MARIO)

    assert response.status_code == 200
    text = "The service is not connected to the XMPP server."
    assert text in response.content.decode()


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Down("gone"), "The service is not connected to the XMPP server."),
        (Late("slow"), "The XMPP server did not answer in time."),
    ],
)
def test_a_failure_of_the_xmpp_server_is_explained(
    nurse, romeo, server, failure, words
):
    server.raises[ROMEO] = failure

    html = post(nurse, romeo, MARIO).content.decode()

    assert words in html
    assert 'id="entries-title"' not in html


def test_a_refusal_of_the_xmpp_server_is_explained(nurse, romeo, server):
    server.unreadable[ROMEO] = "forbidden"

    html = post(nurse, romeo, MARIO).content.decode()

    assert "The XMPP server refuses what the command needs" in html
    assert "roster not read: forbidden" in html


def test_a_dry_run_does_not_bring_a_deleted_owner_back(nurse, romeo, server):
    Account.objects.update(gone_at=timezone.now())

    for response in (nurse.get(of(romeo)), post(nurse, romeo, MARIO)):
        html = response.content.decode()
        assert "This user left the XMPP server" in html
        assert "<textarea" not in html

    romeo.refresh_from_db()
    assert romeo.gone_at is not None
    assert server.reads == []


# --- Side effects and permissions ---------------------------------------------------


@pytest.mark.parametrize("word", [ADD, SEARCH])
def test_nothing_is_written(nurse, romeo, server, word, caplog):
    ask(server, message(payload=users(("Juliet", JULIET))))
    Account.objects.create(jid=MARIO, msisdn="+393471111111")
    server.register(ROMEO, RosterItem(JULIET, "Jule"))
    models = (Account, AddressBookEntry, Flag, Command)

    def stored():
        return [list(model.objects.order_by("pk").values()) for model in models]

    before, roster = stored(), dict(server.rosters[ROMEO])
    server.written.clear()
    caplog.set_level(logging.DEBUG)

    response = post(nurse, romeo, f"{JULIET}\n+39 347 111 1111\n{SECRET}", word)

    assert len(shown(response)) == (3 if word == ADD else 2)
    assert stored() == before
    assert (server.written, server.rosters[ROMEO]) == ([], roster)
    assert "999" not in caplog.text
    assert "347" not in caplog.text


def test_the_page_agrees_with_the_dry_run(nurse, romeo, server):
    said = run(romeo, ADD, dry_run.payload_of(ADD, MARIO), server, time.time() + 9)

    response = post(nurse, romeo, MARIO)

    assert [row.after for row in response.context["rows"]] == [said.rows[0].after]


@pytest.mark.parametrize(
    "permissions", [(), ("view_account",), ("view_payload",), ("change_account",)]
)
def test_it_needs_both_permissions(romeo, permissions):
    client = staff(*permissions)

    assert client.get(of(romeo)).status_code == 403
    assert post(client, romeo, MARIO).status_code == 403
    html = client.get(f"/admin/roster/account/{romeo.pk}/change/").content.decode()
    assert of(romeo) not in html


def test_it_needs_a_token_an_owner_and_a_login(romeo, admin_user, client: Client):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(admin_user)

    assert strict.get(of(romeo)).status_code == 200
    assert post(strict, romeo, MARIO).status_code == 403
    assert strict.get("/admin/roster/account/99/rehearse/").status_code == 404
    assert client.get(of(romeo)).url.startswith("/admin/login/")


def test_the_input_is_posted_and_never_in_a_url(nurse, romeo, server):
    response = post(nurse, romeo, SECRET)

    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    html = response.content.decode()
    assert f'method="post" action="{of(romeo)}#result"' in html
