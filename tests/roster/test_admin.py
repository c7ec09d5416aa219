"""Accounts to look up and switch; commands to watch, without what they hold."""

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from roster import ledger
from roster.models import Account, Command
from tests.roster.conftest import MARIO, ROMEO, message, users

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_passwords")]

ACCOUNTS = "/admin/roster/account/"
COMMANDS = "/admin/roster/command/"
SECRET = "+39 347 999 9999"


@pytest.fixture
def command() -> Command:
    """A dead command whose payload and answer nobody needs to read."""
    ledger.receive([message(id="one", payload=users(("Secret", SECRET)))])
    Command.objects.update(state="dead", attempts=8, answer=SECRET, error="Refused")
    return Command.objects.get()


def staff(*permissions: str) -> Client:
    user = User.objects.create_user("nurse", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def of(row: Account | Command) -> str:
    where = ACCOUNTS if isinstance(row, Account) else COMMANDS
    return f"{where}{row.pk}/change/"


def retry(client: Client, *rows: Command):
    fields = {"action": "retry", "_selected_action": [row.pk for row in rows]}
    return client.post(COMMANDS, fields, follow=True)


# --- Commands -----------------------------------------------------------------------


def test_a_command_shows_how_it_stands_but_no_payload_and_no_answer(
    admin_client: Client, command
):
    for path in (COMMANDS, of(command)):
        html = admin_client.get(path).content.decode()
        assert ROMEO in html
        assert "Refused" in html
        assert SECRET not in html
        assert "channelUsers" not in html


def test_commands_are_to_read_only(admin_client: Client, command):
    before = Command.objects.values().get()

    assert admin_client.get(f"{COMMANDS}add/").status_code == 403
    assert admin_client.post(of(command), {"state": "sent"}).status_code == 403
    delete = f"{COMMANDS}{command.pk}/delete/"
    assert admin_client.post(delete, {"post": "yes"}).status_code == 403

    assert Command.objects.values().get() == before


def test_dead_commands_are_tried_again(admin_client: Client, command):
    ledger.receive([message(id="two")])
    other = Command.objects.get(stanza_id="two")

    response = retry(admin_client, command, other)

    said = [str(message) for message in response.context["messages"]]
    assert said == ["1 command is tried again."]
    command.refresh_from_db()
    assert (command.state, command.attempts) == ("received", 0)


def test_who_may_only_look_does_not_retry(command):
    client = staff("view_command")

    assert client.get(COMMANDS).status_code == 200
    retry(client, command)

    command.refresh_from_db()
    assert command.state == "dead"


def test_who_may_look_and_change_may_retry(command):
    retry(staff("view_command", "change_command"), command)
    command.refresh_from_db()
    assert command.state == "received"


def test_a_command_is_found_by_its_owner_and_its_id(admin_client: Client, command):
    for word, found in ((ROMEO, 1), ("one", 1), ("juliet", 0)):
        response = admin_client.get(COMMANDS, {"q": word})
        assert response.context["cl"].result_count == found


# --- Accounts -----------------------------------------------------------------------


def test_an_account_is_made_with_its_number(admin_client: Client):
    form = {"jid": MARIO, "name": "Mario", "enabled": "on", "discoverable": "on"}

    assert admin_client.post(f"{ACCOUNTS}add/", form).status_code == 302

    mario = Account.objects.get()
    assert (mario.jid, mario.msisdn, mario.name) == (MARIO, "+393471111111", "Mario")


def test_an_account_is_switched_off(admin_client: Client):
    romeo = Account.objects.create(jid=ROMEO)

    admin_client.post(of(romeo), {"jid": ROMEO, "name": ""})

    romeo.refresh_from_db()
    assert (romeo.enabled, romeo.discoverable) == (False, False)


@pytest.mark.parametrize(
    ("jid", "reason"),
    [
        ("romeo", "Must be a bare JID"),
        ("romeo@localhost/phone", "Must be a bare JID"),
        ("romeo@elsewhere.example", "Must be in a served domain (XMPP_DOMAINS)."),
        ("juliet@localhost", "Account with this JID already exists."),
        ("", "This field is required."),
    ],
)
def test_the_form_says_what_is_wrong_with_a_jid(admin_client: Client, jid, reason):
    Account.objects.create(jid="juliet@localhost")

    response = admin_client.post(f"{ACCOUNTS}add/", {"jid": jid})

    assert response.status_code == 200
    said = response.context["adminform"].form.errors["jid"]
    assert any(text.startswith(reason) for text in said)
    assert Account.objects.count() == 1


def test_an_account_is_found_by_jid_number_and_name(admin_client: Client):
    Account.objects.create(jid=MARIO, msisdn="+393471111111", name="Mario Rossi")
    for word in ("0039347", "+39347", "rossi"):
        response = admin_client.get(ACCOUNTS, {"q": word})
        assert response.context["cl"].result_count == 1


# --- Permissions --------------------------------------------------------------------


@pytest.mark.parametrize("path", [ACCOUNTS, f"{ACCOUNTS}add/", COMMANDS])
def test_staff_without_a_permission_get_403(path):
    assert staff().get(path).status_code == 403


def test_who_is_not_logged_in_is_sent_to_the_login(client: Client, command):
    for path in (ACCOUNTS, COMMANDS, of(command)):
        response = client.get(path)
        assert response.status_code == 302
        assert response.url.startswith("/admin/login/")


def test_who_may_only_look_at_accounts_changes_none():
    romeo = Account.objects.create(jid=ROMEO)
    client = staff("view_account")

    assert client.get(of(romeo)).status_code == 200
    assert client.post(of(romeo), {"jid": ROMEO}).status_code == 403
    assert client.post(f"{ACCOUNTS}add/", {"jid": MARIO}).status_code == 403

    assert Account.objects.get().enabled
