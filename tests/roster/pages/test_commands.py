"""Watching and retrying commands, without reading their contents."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from roster.commands import intake
from roster.models import Account, Command
from tests.roster.conftest import MARIO, ROMEO, message, staff, users
from xmppservice.backoffice import lists

pytestmark = pytest.mark.django_db

COMMANDS = "/admin/roster/command/"
SECRET = "+39 347 999 9999"


@pytest.fixture
def command() -> Command:
    """A dead command whose payload and answer are secret."""
    intake.receive([message(id="one", payload=users(("Secret", SECRET)))])
    answer = f'{{"status":1,"errorCode":"SQL_ERROR","userList":["{SECRET}"]}}'
    Command.objects.update(state="dead", attempts=8, answer=answer, error="Refused")
    return Command.objects.get()


def of(row: Command) -> str:
    return f"{COMMANDS}{row.pk}/change/"


def retry(client: Client, *rows: Command):
    fields = {"action": "retry", "_selected_action": [row.pk for row in rows]}
    return client.post(COMMANDS, fields, follow=True)


def test_a_command_shows_its_state_but_neither_payload_nor_answer(command):
    client = staff("view_command", "change_command")
    for path in (COMMANDS, of(command)):
        html = client.get(path).content.decode()
        assert ROMEO in html
        assert "Refused" in html
        assert SECRET not in html
        assert "channelUsers" not in html


def test_the_page_of_a_command_says_why_the_payload_is_hidden(command):
    client = staff("view_command")
    html = client.get(of(command)).content.decode()
    assert "hidden: needs the permission “Can read payloads and answers”" in html
    assert "SQL_ERROR" in html


def test_a_payload_is_shown_with_the_permission(command):
    client = staff("view_command", "view_payload")

    html = client.get(of(command)).content.decode()

    assert html.count(SECRET) == 2
    assert SECRET not in client.get(COMMANDS).content.decode()


def test_no_group_can_read_payloads_by_default():
    assert not Group.objects.filter(permissions__codename="view_payload").exists()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0344, "34 ms"), (2.34, "2.3 s"), (65.2, "1 min 5 s"), (None, "–")],
)
def test_the_duration_of_an_answer_is_shown_in_words(
    admin_client: Client, command, seconds, words
):
    since = command.received_at
    at = None if seconds is None else since + timedelta(seconds=seconds)
    Command.objects.update(sent_at=at)

    html = admin_client.get(COMMANDS).content.decode()

    assert f'<td class="field-answered_in">{words}</td>' in html


def ids(client: Client, **query: str) -> list[str]:
    found = client.get(COMMANDS, query).context["cl"].result_list
    return sorted(row.stanza_id for row in found)


@pytest.fixture
def several(command) -> None:
    """Commands of each kind: the dead one, and others by id."""
    words = {"add": "cmd_add_to_roster", "search": "cmd_search_users", "hack": "cmd_x"}
    intake.receive([message(word, id=id, owner=MARIO) for id, word in words.items()])
    Command.objects.filter(stanza_id="add").update(state="sent")
    old = timezone.now() - timedelta(hours=5)
    Command.objects.filter(stanza_id="one").update(received_at=old - timedelta(days=1))
    Command.objects.filter(stanza_id="add").update(received_at=old)


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "dead"}, ["one"]),
        ({"state": "sent"}, ["add"]),
        ({"state": "received"}, ["hack", "search"]),
        ({"command": "cmd_add_to_roster"}, ["add", "one"]),
        ({"command": "cmd_search_users"}, ["search"]),
        ({"command": "other"}, ["hack"]),
        ({"age": "hour"}, ["hack", "search"]),
        ({"age": "day"}, ["add", "hack", "search"]),
        ({"age": "older"}, ["one"]),
        ({"age": "day", "state": "sent"}, ["add"]),
        ({"age": "never"}, ["add", "hack", "one", "search"]),
        ({"q": "00393471"}, ["add", "hack", "search"]),
        ({"q": "ROMEO@"}, ["one"]),
        ({"q": "omeo"}, []),
        ({"q": " "}, ["add", "hack", "one", "search"]),
    ],
)
def test_commands_are_found_by_state_word_age_and_owner(
    admin_client: Client, query, found
):
    assert ids(admin_client, **query) == found


def test_an_empty_list_is_filtered_too(admin_client: Client):
    for query in ({"age": "hour"}, {"command": "other"}, {"state": "sent"}):
        assert ids(admin_client, **query) == []


def test_a_list_counts_no_further_than_it_shows(
    admin_client: Client, command, monkeypatch
):
    monkeypatch.setattr(lists, "MAX_ROWS", 3)
    intake.receive([message(id=str(number)) for number in range(9)])

    shown = admin_client.get(COMMANDS).context["cl"]

    assert shown.result_count == 3
    assert [row.stanza_id for row in shown.result_list][:2] == ["8", "7"]


def test_a_dead_command_can_be_retried_from_its_page(command):
    client = staff("view_command", "change_command")
    assert f'action="{COMMANDS}{command.pk}/retry/"' in page_of(client, command)

    response = client.post(f"{COMMANDS}{command.pk}/retry/", follow=True)

    said = [str(message) for message in response.context["messages"]]
    assert said == ["1 command will be retried."]
    command.refresh_from_db()
    assert command.state == "received"
    assert "/retry/" not in page_of(client, command)


def page_of(client: Client, command: Command) -> str:
    return client.get(of(command)).content.decode()


def test_a_retry_needs_a_post_and_a_permission(command):
    client = staff("view_command")
    path = f"{COMMANDS}{command.pk}/retry/"

    assert "/retry/" not in page_of(client, command)
    assert client.get(path).status_code == 405
    assert client.post(path).status_code == 403

    command.refresh_from_db()
    assert command.state == "dead"


def test_retrying_a_command_that_does_not_exist_is_not_found(admin_client: Client):
    assert admin_client.post(f"{COMMANDS}99/retry/").status_code == 404


def test_commands_are_read_only(admin_client: Client, command):
    before = Command.objects.values().get()

    assert admin_client.get(f"{COMMANDS}add/").status_code == 403
    assert admin_client.post(of(command), {"state": "sent"}).status_code == 403
    delete = f"{COMMANDS}{command.pk}/delete/"
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403

    assert Command.objects.values().get() == before


def test_dead_commands_can_be_retried_from_the_list(admin_client: Client, command):
    intake.receive([message(id="two")])
    other = Command.objects.get(stanza_id="two")

    response = retry(admin_client, command, other)

    said = [str(message) for message in response.context["messages"]]
    assert said == ["1 command will be retried."]
    command.refresh_from_db()
    assert (command.state, command.attempts) == ("received", 0)


def test_view_permission_does_not_allow_a_retry(command):
    client = staff("view_command")

    assert client.get(COMMANDS).status_code == 200
    retry(client, command)

    command.refresh_from_db()
    assert command.state == "dead"


def test_view_and_change_permissions_allow_a_retry(command):
    retry(staff("view_command", "change_command"), command)
    command.refresh_from_db()
    assert command.state == "received"


def test_a_command_is_found_by_its_owner_and_its_id(admin_client: Client, command):
    for word, found in ((ROMEO, 1), ("one", 1), ("juliet", 0)):
        response = admin_client.get(COMMANDS, {"q": word})
        assert response.context["cl"].result_count == found


# --- Permissions --------------------------------------------------------------------


def test_staff_without_a_permission_get_403():
    assert staff().get(COMMANDS).status_code == 403


def test_anonymous_users_are_sent_to_the_login(client: Client, command):
    for path in (COMMANDS, of(command)):
        response = client.get(path)
        assert response.status_code == 302
        assert response.url.startswith("/admin/login/")


def test_the_owner_leads_to_the_account(command):
    client = staff("view_command")
    link = f'<a href="/admin/roster/account/%s/change/">{ROMEO}</a>'
    assert "/admin/roster/account/" not in client.get(of(command)).content.decode()

    account = Account.objects.create(jid=ROMEO)
    assert link % account.pk in client.get(of(command)).content.decode()


def test_a_command_is_simulated_again_by_who_may_read_it(command):
    may_not = staff("view_command", "view_account")
    account = Account.objects.create(jid=ROMEO)
    assert "Dry run this" not in may_not.get(of(command)).content.decode()

    User.objects.all().delete()
    may = staff("view_command", "view_account", "view_payload")
    html = may.get(of(command)).content.decode()
    assert f'action="/admin/roster/account/{account.pk}/rehearse/"' in html
    assert escape(command.payload) in html

    Command.objects.update(command="cmd_of_tomorrow")
    assert "Dry run this" not in may.get(of(command)).content.decode()
