"""A JavaScript library without our conventions: Strophe, in a browser."""

import asyncio
import json

import pytest
import pytest_asyncio

from tests.browser.backstage import becomes, names
from tests.browser.test_webchat import CHANNELS, PAGE
from tests.service import PASSWORD, SERVICE, component_only

pytestmark = [component_only, pytest.mark.appearance]

LOG_IN = """([url, jid, password]) => new Promise((done, failed) => {
    const { Connection, Status } = Strophe;
    globalThis.connection = new Connection(url);
    connection.connect(jid, password, (status) => {
        if (status === Status.CONNECTED) done();
        if (status === Status.AUTHFAIL || status === Status.CONNFAIL) failed(status);
    });
})"""
ASK = """([type, to, xml]) => new Promise((done, failed) => {
    const payload = new DOMParser().parseFromString(xml, "text/xml").documentElement;
    const iq = $iq({ type, to }).cnode(payload);
    connection.sendIQ(iq, done, failed, 10_000);
}).then((answer) => %s)"""
ITEMS = """[...answer.querySelectorAll("item")].map((one) =>
    ["jid", "node", "name"].map((name) => one.getAttribute(name) ?? ""))"""
FORM = """({
    status: answer.querySelector("command").getAttribute("status"),
    session: answer.querySelector("command").getAttribute("sessionid"),
    values: [...answer.querySelectorAll("value")].map((one) => one.textContent),
    notes: [...answer.querySelectorAll("note")].map((one) => one.textContent),
})"""


@pytest_asyncio.fixture(loop_scope="session")
async def strophe(pages, demo, service, client):
    """A function that sends an IQ through Strophe, and returns part of the answer."""
    demo(f"load({json.dumps(CHANNELS)!r})")
    await becomes(lambda: read(client), NAMES)
    (local,) = await asyncio.to_thread(service.register)
    page = await pages.open(PAGE, user="")
    url = service.environment["WEBCHAT_URL"]
    await page.evaluate(LOG_IN, [url, f"{local}@localhost", PASSWORD])

    async def ask(kind, xml, found):
        return await page.evaluate(ASK % found, [kind, SERVICE, xml])

    return ask


NAMES = ["Tickets", "Milano", "Firenze", "Trains", "Regional", "Liam", "Nobody"]


async def read(client):
    seen = [name.strip() for name in names(await client.document(SERVICE))]
    return [name for name in seen if name in NAMES]


async def test_strophe_browses_the_tree(strophe):
    """Groups are nodes; channels are JIDs with their names."""
    query = "<query xmlns='http://jabber.org/protocol/disco#items' %s/>"

    top = await strophe("get", query % "", ITEMS)
    tickets = await strophe("get", query % "node='tickets'", ITEMS)

    named = {item[2]: item[:2] for item in top}
    assert named["Tickets"] == [SERVICE, "tickets"]
    assert named["Liam"] == [f"liam@{SERVICE}", ""]
    assert tickets == [
        [f"milano@{SERVICE}", "", "Milano"],
        [f"firenze@{SERVICE}", "", "Firenze"],
        [SERVICE, "trains", "Trains"],
        [SERVICE, "phones", "Phones"],
    ]


async def test_strophe_finds_a_friend_with_a_form(strophe, service):
    (friend,) = await asyncio.to_thread(service.register)
    command = "<command xmlns='http://jabber.org/protocol/commands' %s>%s</command>"
    node = "node='cmd_search_users'"

    asked = await strophe("set", command % (f"{node} action='execute'", ""), FORM)
    value = f"<field var='numbers'><value>{friend}</value></field>"
    form = f"<x xmlns='jabber:x:data' type='submit'>{value}</x>"
    session = f"{node} sessionid='{asked['session']}'"
    found = await strophe("set", command % (session, form), FORM)

    assert asked["status"] == "executing"
    assert found["status"] == "completed"
    assert friend in found["values"]
