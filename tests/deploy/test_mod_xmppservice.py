"""What Prosody answers with mod_xmppservice, to a component and to its users."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count

from demo.client import Client
from tests.component import RawComponent
from tests.deploy import bulk
from tests.deploy.bulk import Answer, contact, item
from tests.deploy.servers import OpenProsody
from tests.service import PASSWORD, until

VERBS = "exist", "read", "write", "list", "events"
DISCO = "{http://jabber.org/protocol/disco#info}"

_numbers = count()


def account(server: OpenProsody) -> str:
    """Create an account of the test's own; return its localpart."""
    local = f"0039333{next(_numbers):07d}"
    server.register(local, PASSWORD)
    return local


@asynccontextmanager
async def online(
    server: OpenProsody, local: str, resource: str = "phone"
) -> AsyncIterator[Client]:
    """A session that gets roster pushes."""
    jid = f"{local}@localhost/{resource}"
    async with Client(jid, PASSWORD, server.c2s_port) as client:
        await client.roster()
        yield client


# --- What the host offers ---------------------------------------------------------


async def test_the_host_names_each_permitted_verb(component: RawComponent):
    query = "<query xmlns='http://jabber.org/protocol/disco#info'/>"

    info = await component.iq("get", query)

    features = {one.get("var") for one in info.iter(DISCO + "feature")}
    ours = {one for one in features if one and one.startswith(bulk.NS)}
    assert ours == {bulk.NS, *(f"{bulk.NS}#{verb}" for verb in VERBS)}


async def test_those_with_an_account_exist(
    prosody: OpenProsody, component: RawComponent
):
    one, two = account(prosody), account(prosody)

    found = await bulk.exist(component, [one, "nobody", two, "", "no@localpart"])

    assert found == [one, two]


async def test_what_is_written_can_be_read(
    prosody: OpenProsody, component: RawComponent
):
    local = account(prosody)

    written = await bulk.write_one(component, local, bulk.items(3))
    (roster,) = await bulk.read(component, local)

    assert written == Answer("user", local, "4", "3")
    contacts = tuple((contact(number), "A name") for number in range(3))
    assert roster == Answer("user", local, "4", "", contacts)


async def test_each_session_that_wants_pushes_gets_one_an_item(
    prosody: OpenProsody, component: RawComponent
):
    local = account(prosody)
    async with online(prosody, local) as phone, online(prosody, local, "web") as web:
        await bulk.write_one(
            component, local, item(contact(1), "A", "verified") + item(contact(2), "B")
        )

        for client in (phone, web):
            await until(lambda client=client: len(client.pushes) == 2)
            queries = [push[0] for push in client.pushes]
            assert [one.get("ver") for one in queries] == ["2", "3"]
            assert [one[0].get("jid") for one in queries] == [contact(1), contact(2)]
