"""Channels that nobody answers: which addresses are asked about, and what is kept."""

import time
from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from buddies import answerers
from buddies.models import Answerer
from tests.buddies.conftest import channel, group
from tests.buddies.pages.workspace_client import ask, key
from tests.roster.conftest import PaperRosters
from xmppservice.connection.gateway import Down

pytestmark = pytest.mark.django_db

SHOP, NOBODY = "shop@localhost", "nobody@localhost"


@pytest.fixture
def rosters() -> PaperRosters:
    made = PaperRosters()
    made.register(SHOP)
    return made


def refresh(rosters: PaperRosters) -> list[str]:
    """Return what is asked about."""
    rosters.asked.clear()
    answerers.refresh(rosters, 10)
    return rosters.asked


@pytest.mark.parametrize(
    ("address", "server_address", "jids"),
    [
        ("news", "", ("news@localhost", "news@two.example")),
        ("two words", "", (r"two\20words@localhost", r"two\20words@two.example")),
        ("news", SHOP, (SHOP,)),
        ("news", "Shop@localhost/phone", (SHOP,)),
        ("shop@two.example", "", ("shop@two.example",)),
        ("news", "shop@elsewhere.example", ()),
        ("news", "localhost", ("localhost@localhost", "localhost@two.example")),
        ("news", "@localhost", ()),
    ],
)
@override_settings(XMPP_DOMAINS=["localhost", "two.example"])
def test_a_channel_leads_to_these_addresses(address, server_address, jids):
    made = channel("news", address=address, server_address=server_address)
    assert answerers.jids_of(made) == jids


def test_a_group_leads_nowhere():
    assert answerers.jids_of(group("verona")) == ()


def test_a_channel_is_unanswered_once_its_address_is_known_to_have_no_account(rosters):
    entries = [
        channel("shop", server_address=SHOP),
        channel("nobody", server_address=NOBODY),
        channel("elsewhere", server_address="bot@elsewhere.example"),
    ]
    assert answerers.unanswered(entries) == {}  # nobody has asked yet

    assert refresh(rosters) == [NOBODY, SHOP]
    assert answerers.unanswered(entries) == {entries[1].pk: NOBODY}


@override_settings(XMPP_DOMAINS=["localhost", "two.example"])
def test_one_account_on_any_domain_is_enough(rosters):
    entries = [channel("shop"), channel("nobody")]
    refresh(rosters)
    assert answerers.unanswered(entries) == {entries[1].pk: NOBODY}


def test_missing_accounts_are_asked_about_more_often(rosters, settings):
    settings.CHANNEL_ACCOUNT_CHECK_SECONDS = 600
    channel("shop"), channel("nobody")
    assert refresh(rosters) == [NOBODY, SHOP]
    assert refresh(rosters) == []

    Answerer.objects.update(checked_at=timezone.now() - timedelta(seconds=61))
    assert refresh(rosters) == [NOBODY]
    Answerer.objects.update(checked_at=timezone.now() - timedelta(seconds=601))
    assert refresh(rosters) == [NOBODY, SHOP]


def test_an_address_that_no_channel_has_is_forgotten(rosters):
    made = channel("nobody")
    refresh(rosters)
    assert Answerer.objects.count() == 1

    made.delete()
    refresh(rosters)
    assert not Answerer.objects.exists()


def test_without_an_answer_everything_stays_as_it_was(rosters):
    made = channel("nobody")
    refresh(rosters)
    rosters.raises = {NOBODY: Down("no stream")}

    assert not answerers.check([NOBODY], rosters, time.time() + 1)
    assert answerers.unanswered([made]) == {made.pk: NOBODY}


def test_the_check_can_be_turned_off(rosters, settings):
    made = channel("nobody")
    refresh(rosters)

    settings.CHANNEL_ACCOUNT_CHECK_SECONDS = 0
    assert refresh(rosters) == []
    assert answerers.unanswered([made]) == {}


def test_the_tree_the_search_and_the_panel_say_so(rosters, admin_client):
    channel("shop"), channel("nobody", status="Ask us!")
    refresh(rosters)

    words = "nobody answers: nobody@localhost has no account"
    shop, nobody = ask(admin_client, "tree")["entries"]
    assert (shop["remark"], nobody["remark"]) == ("", words)
    found = ask(admin_client, "find", kinds="warnings")["found"]
    assert list(found) == [nobody["key"]]
    entry = ask(admin_client, "entry", id=key("nobody"))["entry"]
    assert (entry["remarks"], entry["unanswered"]) == ([], words)


def test_known_addresses_are_offered_once():
    channel("one", server_address=SHOP), channel("two", server_address=SHOP)
    channel("three", server_address="bot@elsewhere.example"), channel("four")
    assert answerers.known_addresses() == ["bot@elsewhere.example", SHOP]
