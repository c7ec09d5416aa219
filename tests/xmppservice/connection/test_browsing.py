"""How clients browse the published entries, tested without a stream."""

from xml.etree import ElementTree as ET

import pytest

from xmppservice.connection import browsing
from xmppservice.connection.browsing import Catalogue
from xmppservice.connection.events import CatalogueEntry
from xmppservice.protocol.iq import request
from xmppservice.protocol.namespaces import NS_ITEMS, NS_SEARCH

SERVICE, DOMAINS = "service.localhost", ["localhost", "verona.example"]
ACCOUNT = "service@localhost"
COMPONENT = "jabber:component:accept"


def channel(
    name: str, to: str = "bots", parent: str = "", thread: str = ""
) -> CatalogueEntry:
    return CatalogueEntry(name, parent, False, name, to, thread, name, "", "", b"")


def group(name: str, parent: str = "") -> CatalogueEntry:
    return CatalogueEntry(name, parent, True, "", "", "", name, "", "", b"")


def ask(
    catalogue: Catalogue,
    query: str,
    sender: str = "romeo@localhost/orchard",
    to: str = SERVICE,
    type: str = "get",
) -> ET.Element:
    iq = f"<iq xmlns='{COMPONENT}' from='{sender}' to='{to}' type='{type}'>{query}</iq>"
    asked = request(ET.fromstring(iq), SERVICE)
    return ET.fromstring(catalogue.answer(asked))


def items(node: str = "") -> str:
    return f"<query xmlns='{NS_ITEMS}' node='{node}'/>"


def search(text: str) -> str:
    return f"<query xmlns='{NS_SEARCH}'><nick>{text}</nick></query>"


@pytest.mark.parametrize(
    ("sender", "jid"),
    [
        ("romeo@localhost/orchard", "bots@localhost"),
        ("juliet@verona.example/balcony", "bots@verona.example"),
        ("paris@elsewhere.example/church", "bots@localhost"),
        ("localhost", "bots@localhost"),
        ("", "bots@localhost"),
    ],
)
def test_without_jids_of_their_own_channels_are_at_the_clients_domain(sender, jid):
    catalogue = Catalogue(ACCOUNT, DOMAINS, entries=[channel("a")])
    for _ in range(2):  # built, then cached
        (item,) = ask(catalogue, items(), sender, to=ACCOUNT)
        assert item.get("jid") == jid
    (found,) = ask(catalogue, search("a"), sender, to=ACCOUNT, type="set")
    assert found.get("jid") == jid


def test_a_channel_with_a_jid_and_one_without_an_address():
    entries = [channel("a", to="bot@elsewhere.example/x"), channel("b", to="")]
    catalogue = Catalogue(SERVICE, DOMAINS, entries=entries)
    (item,) = ask(catalogue, items())
    assert item.get("jid") == f"a@{SERVICE}"
    assert catalogue.route(f"a@{SERVICE}", "") == "xmpp:bot@elsewhere.example/x?message"
    assert len(ask(catalogue, search("b"), type="set")) == 0


def test_an_accounts_groups_have_the_jid_that_was_asked():
    catalogue = Catalogue(
        ACCOUNT, DOMAINS, entries=[group("a"), channel("b", "c", "a")]
    )
    (item,) = ask(catalogue, items(), to=f"{ACCOUNT}/here")
    assert (item.get("jid"), item.get("node")) == (f"{ACCOUNT}/here", "a")


def test_of_two_channels_with_one_jid_the_first_has_it():
    first, second = channel("a"), channel("A", thread="A")._replace(local="a")
    catalogue = Catalogue(SERVICE, DOMAINS, entries=[first, second])
    assert "<FN>a</FN>" in catalogue.card(f"a@{SERVICE}")
    listed = [(one.get("jid"), one.get("node")) for one in ask(catalogue, items())]
    assert listed == [(f"a@{SERVICE}", None), ("bots@localhost", "A")]


def test_a_channel_whose_address_is_no_localpart_is_where_clients_write_to_it():
    entry = channel("a", thread="a")._replace(local="")
    (item,) = ask(Catalogue(SERVICE, DOMAINS, entries=[entry]), items())
    assert (item.get("jid"), item.get("node")) == ("bots@localhost", "a")


def test_a_search_finds_at_most_fifty_in_document_order():
    entries = [channel(f"n{number:02}") for number in range(60)]
    found = ask(Catalogue(SERVICE, DOMAINS, entries=entries), search("N"), type="set")
    names = [item.findtext(f"{{{NS_SEARCH}}}nick") for item in found]
    assert names == [f"n{number:02}" for number in range(browsing.MAX_RESULTS)]
