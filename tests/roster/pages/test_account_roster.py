"""The page of an account's roster, and its last commands."""

import pytest

from roster.commands import intake
from roster.models import Account, Command
from roster.pages import account_roster
from tests.roster.conftest import JULIET, MARIO, ROMEO, message, staff
from xmppservice.connection.gateway import Down, Late
from xmppservice.protocol.roster import RosterItem
from xmppservice.rosters.interface import RosterError

pytestmark = pytest.mark.django_db


@pytest.fixture
def romeo() -> Account:
    return Account.objects.create(jid=ROMEO)


@pytest.fixture
def server(rosters, monkeypatch):
    """The simulated XMPP server, in place of the real one."""
    monkeypatch.setattr(account_roster.configured, "driver", lambda: rosters)
    return rosters


def of(owner: Account, page: str) -> str:
    return f"/admin/roster/account/{owner.pk}/{page}/"


def test_the_roster_is_shown_by_name(server, romeo):
    items = (
        RosterItem(MARIO, "Mario", ("Friends", "Verona"), "both"),
        RosterItem(JULIET, "juliet <3", (), "to"),
    )
    server.register(ROMEO, *items)

    page = staff("view_account", "view_payload").get(of(romeo, "roster"))

    assert [item.jid for item in page.context["items"]] == [JULIET, MARIO]
    html = page.content.decode()
    assert "Friends, Verona" in html
    assert "juliet &lt;3" in html
    assert "2 contacts" in html


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (Down("no stream"), "not connected"),
        (Late("late"), "did not answer in time"),
        (RosterError("forbidden"), "has no roster of this account"),
    ],
)
def test_a_roster_that_cannot_be_read_is_said(server, romeo, failure, words):
    if isinstance(failure, RosterError):
        server.unreadable[ROMEO] = "forbidden"
    else:
        server.raises[ROMEO] = failure
    page = staff("view_account", "view_payload").get(of(romeo, "roster"))
    assert words in page.context["problem"]


def test_it_names_other_people_so_it_needs_the_permission(server, romeo):
    assert staff("view_account").get(of(romeo, "roster")).status_code == 403
    assert server.reads == []


def test_an_account_shows_its_last_commands(romeo):
    intake.receive([message() for _number in range(11)])
    intake.receive([message(owner=JULIET)])

    client = staff("view_account", "view_command")
    shown = client.get(of(romeo, "change")).context["last_commands"]
    newest = Command.objects.filter(owner=ROMEO).first()
    assert (len(shown), shown[0]) == (10, newest)
