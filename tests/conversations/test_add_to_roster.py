"""cmd_add_to_roster on the real roster of a real Prosody (contract, 3).

For each row of the contract's table, a client arranges the roster, sends the
command, and reads back the roster and the pushes.
"""

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest

from demo.client import CLIENT, Client, Item
from tests.golden import PAYLOADS
from tests.service import SERVICE, Service, until

OK = {"status": 0, "errorCode": "", "errorMessage": []}
OTHERS, VERIFIED = "others", "verified"


@pytest.fixture
async def romeo(service: Service) -> AsyncIterator[Client]:
    async with owner(service) as client:
        yield client


@pytest.fixture(scope="session")
def mario(service: Service) -> str:
    """Address of a registered user."""
    return service.register()[0]


NOBODY = "00393471234567"
CHANNEL = "city-news"  # Not registered: other tests register the demo's channels.
SUBSCRIBED = "{*}query/{*}item[@subscription='to']"


@asynccontextmanager
async def owner(service: Service) -> AsyncIterator[Client]:
    (local,) = service.register()
    async with service.client(local) as client:
        await client.roster()
        yield client


def jid(address: str) -> str:
    return f"{address}@localhost"


def users(*pairs: tuple[str, str]) -> dict[str, list[dict[str, str]]]:
    return {"channelUsers": [{"name": n, "address": a} for n, a in pairs]}


async def arrange(
    client: Client, address: str, name: str, groups: Iterable[str], subscribe=False
) -> None:
    await client.roster_set(jid(address), name, groups)
    if subscribe:
        await client.presence(to=jid(address), type="subscribe")
        await client.iq("get", "<ping xmlns='urn:xmpp:ping'/>")
    client.pushes.clear()


def is_asked(client: Client) -> bool:
    """Return whether a subscription request has arrived."""
    return any(
        stanza.tag == CLIENT + "presence" and stanza.get("type") == "subscribe"
        for stanza in client.stanzas
    )


async def add(client: Client, payload: object) -> dict:
    """Return the answer, after all pushes that the command caused."""
    answer = await client.command(SERVICE, "cmd_add_to_roster", payload)
    # They may follow the answer. The last one has the version of the roster.
    query = await client.iq("get", "<query xmlns='jabber:iq:roster'/>")
    version = query[0].get("ver", "")
    await until(lambda: client.version == version)
    return answer


def item(name: str, *groups: str, subscription: str = "none") -> Item:
    return Item(name, frozenset(groups), subscription)


def unchanged(*values: object) -> object:
    """Mark a row of the table that writes nothing: the same on every server."""
    return pytest.param(*values, marks=pytest.mark.nothing_written)


@pytest.mark.parametrize("known", [True, False], ids=["user", "not a user"])
@pytest.mark.parametrize(
    ("before", "received", "user", "other"),
    [
        # on the roster | received name | after for a user | after for a non-user
        (None, "Mario", ("Mario", VERIFIED), ("Mario", OTHERS)),
        (("Mario",), "Mario", ("Mario", VERIFIED), ("Mario", OTHERS)),
        (("Mario",), "", ("Mario", VERIFIED), ("Mario", OTHERS)),
        (("",), "Mario", ("Mario", VERIFIED), ("Mario", OTHERS)),
        (("Luigi",), "Mario", ("Mario", VERIFIED), ("Mario", OTHERS)),
        (("", OTHERS), "Mario", ("Mario", VERIFIED), ("Mario", OTHERS)),
        (("Luigi", OTHERS), "Mario", ("Mario", VERIFIED), ("Mario", OTHERS)),
        (("Luigi", VERIFIED), "Mario", ("Mario", VERIFIED), ("Mario", VERIFIED)),
        (("Luigi", "Family"), "Mario", ("Mario", "Family"), ("Mario", "Family")),
        (
            ("Luigi", "Family", OTHERS),
            "Mario",
            ("Mario", "Family", VERIFIED),
            ("Mario", "Family", OTHERS),
        ),
        (("Mario", "OTHERS"), "Mario", ("Mario", VERIFIED), None),
        (("Mario", OTHERS, "Work"), "Mario", ("Mario", VERIFIED, "Work"), None),
        unchanged(("Mario", VERIFIED), "Mario", None, None),
        unchanged(("Mario", "Family"), "Mario", None, None),
        unchanged(("Mario", "Family"), "", None, None),
        unchanged(("Mario", "Family"), " Mario ", None, None),
        unchanged(("Mar\u00eda", "Family"), "Mari\u0301a", None, None),
    ],
)
async def test_the_table(romeo, mario, known, before, received, user, other):
    address = mario if known else NOBODY
    if before is not None:
        await arrange(romeo, address, before[0], before[1:])
    after = user if known else other

    answer = await add(romeo, users((received, address)))

    roster = await romeo.roster()
    assert answer == OK
    assert roster == {jid(address): item(*(after or before))}
    assert len(romeo.pushes) == (0 if after is None else 1)


@pytest.mark.parametrize(
    ("name", "received", "groups", "after", "pushes"),
    [
        ("Mario", "Mario", [OTHERS], [VERIFIED], 1),
        ("Mario", "Mario", [], [VERIFIED], 1),
        ("Mario", "Mario", ["Family"], ["Family"], 0),
    ],
)
async def test_a_subscribed_contact(service, name, received, groups, after, pushes):
    """Rows with a subscription other than none, which is kept."""
    romeo_local, juliet_local = service.register(2)
    async with (
        service.client(romeo_local) as romeo,
        service.client(juliet_local) as juliet,
    ):
        await romeo.roster()
        await juliet.roster()
        await juliet.presence()
        await romeo.presence()
        await arrange(romeo, juliet_local, name, groups)
        await romeo.presence(to=jid(juliet_local), type="subscribe")
        # An approval that overtakes the request is lost.
        await until(lambda: is_asked(juliet))
        await juliet.presence(to=jid(romeo_local), type="subscribed")
        # ejabberd may push it after a roster has shown it.
        await until(
            lambda: any(push.find(SUBSCRIBED) is not None for push in romeo.pushes)
        )
        romeo.pushes.clear()

        assert await add(romeo, users((received, juliet_local))) == OK

        expected = item(name, *after, subscription="to")
        assert (await romeo.roster())[jid(juliet_local)] == expected
        assert len(romeo.pushes) == pushes


async def test_the_seed_payload(romeo: Client, service: Service):
    payload = (PAYLOADS / "add-to-roster.json").read_text()

    assert await add(romeo, payload) == OK

    assert await romeo.roster() == {
        jid(user["address"]): item(user["name"], OTHERS)
        for user in json.loads(payload)["channelUsers"]
    }


async def test_a_second_run_writes_and_pushes_nothing(romeo: Client, mario: str):
    payload = users(("Mario", mario), ("", NOBODY), ("Liam", CHANNEL))
    assert await add(romeo, payload) == OK
    roster = await romeo.roster()
    romeo.pushes.clear()

    assert await add(romeo, payload) == OK

    assert await romeo.roster() == roster
    assert romeo.pushes == []


async def test_a_new_item_without_a_name_takes_its_address(romeo: Client):
    assert await add(romeo, users(("", "+39 347 123.45.67"))) == OK
    assert await romeo.roster() == {jid(NOBODY): item("+39 347 123.45.67", OTHERS)}


@pytest.mark.parametrize("spelling", ["+393471234567", "0039 347 1234567"])
async def test_another_spelling_is_the_same_contact(romeo: Client, spelling: str):
    await arrange(romeo, NOBODY, "Mario", [])

    assert await add(romeo, users(("Mario", spelling))) == OK

    assert await romeo.roster() == {jid(NOBODY): item("Mario", OTHERS)}


async def test_an_item_under_another_spelling_keeps_its_jid(romeo: Client):
    await arrange(romeo, "+393471234567", "Mario", [])

    assert await add(romeo, users(("Mario", NOBODY))) == OK

    assert await romeo.roster() == {jid("+393471234567"): item("Mario", OTHERS)}


async def test_the_last_of_a_duplicate_address_wins(romeo: Client):
    payload = users(("First", NOBODY), ("Liam", CHANNEL), ("Last", "+393471234567"))

    assert await add(romeo, payload) == OK

    assert (await romeo.roster())[jid(NOBODY)] == item("Last", OTHERS)
    assert len(romeo.pushes) == 2


async def test_a_jid_is_added_without_its_resource(romeo: Client):
    assert await add(romeo, users(("Julia", "julia@example.org/home"))) == OK
    assert await romeo.roster() == {"julia@example.org": item("Julia", OTHERS)}


async def test_the_owner_is_skipped(romeo: Client):
    own = romeo.jid.partition("@")[0]
    assert await add(romeo, users(("Me", own), ("Me", f"+{own[2:]}"))) == OK
    assert await romeo.roster() == {}


async def test_names_with_markup_arrive_as_they_are(romeo: Client):
    name = "<b>Tom & \"Jerry\" 'n' ]]> 🎉</b>"
    assert await add(romeo, users((name, CHANNEL))) == OK
    assert await romeo.roster() == {jid(CHANNEL): item(name, OTHERS)}


async def test_unusable_entries_are_named_and_the_others_written(romeo: Client):
    payload = {
        "channelUsers": [
            {"name": "Liam", "address": CHANNEL},
            {"name": "Nameless"},
            {"name": 7, "address": "seven"},
            {"name": "bell\u0007", "address": "bell"},
            {"name": "Spaced", "address": "two words"},
            "text",
            {"name": None, "address": "nil"},
        ]
    }

    answer = await add(romeo, payload)

    assert answer["status"] == 0
    places = [one["message"].partition(":")[0] for one in answer["errorMessage"]]
    assert places == [
        "channelUsers[1].address",
        "channelUsers[2].name",
        "channelUsers[3].name",
        "channelUsers[4].address",
        "channelUsers[5]",
    ]
    assert set(await romeo.roster()) == {jid(CHANNEL), jid("nil")}


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"channelUsers": {}}',
        '{"channelUsers": []}',
        '{"channelUsers": [{"name": "x"}]}',
        "[" * 10_000,
    ],
)
async def test_no_usable_entry_is_no_channel_found(romeo: Client, payload: str):
    answer = await add(romeo, payload)

    assert (answer["status"], answer["errorCode"]) == (3, "NO_CHANNEL_FOUND")
    assert answer["errorMessage"][0]["message"]
    assert await romeo.roster() == {}


async def test_a_disabled_owner_is_no_user(romeo: Client, service: Service):
    await add(romeo, users(("Liam", CHANNEL)))
    own = romeo.jid.partition("/")[0]
    found = service.http("GET", f"/api/accounts/?search={own}")[2]["results"]
    (account,) = [one for one in found if one["jid"] == own]
    service.http("PATCH", f"/api/accounts/{account['id']}/", {"enabled": False})

    answer = await add(romeo, users(("Anna", "anna")))

    assert (answer["status"], answer["errorCode"]) == (2, "NO_USER_FOUND")
    assert set(await romeo.roster()) == {jid(CHANNEL)}


GHOST = """
from roster.commands import intake
from xmppservice.connection import events
intake.receive([events.message(dict(
    sender="ghost@localhost/x", owner="ghost@localhost", id="ghost", thread="",
    message_type="chat", namespace="jabber:x:oob", envelope_type="cmd_add_to_roster",
    envelope_action="cmd_add_to_roster", command="cmd_add_to_roster",
    payload='{"channelUsers": [{"name": "Liam", "address": "city-news"}]}'))])
"""
GHOSTS_ANSWER = """
from roster.models import Command
print(Command.objects.get(stanza_id="ghost").answer)
"""


async def test_an_owner_without_an_account_on_the_server_is_no_user(service: Service):
    # Prosody takes every connected client for a user, so no client without an account
    # can send. The row is written as if it had been sent just before the deletion.
    service.shell(GHOST)

    answer = await until(lambda: service.shell(GHOSTS_ANSWER))

    assert '"errorCode":"NO_USER_FOUND"' in answer


async def test_a_disabled_or_undiscoverable_user_is_not_verified(
    romeo: Client, service: Service
):
    disabled, hidden = service.register(2)
    for local, change in ((disabled, "enabled"), (hidden, "discoverable")):
        status, _, _ = service.http(
            "POST", "/api/accounts/", {"jid": jid(local), change: False}
        )
        assert status == 201

    assert await add(romeo, users(("D", disabled), ("H", hidden))) == OK

    assert await romeo.roster() == {
        jid(disabled): item("D", OTHERS),
        jid(hidden): item("H", OTHERS),
    }


async def test_contacts_beyond_the_budget_are_not_verified(new_service):
    service = new_service(DISCOVERY_BURST="1", DISCOVERY_PER_YEAR="1")
    anna, bert = service.register(2)
    async with owner(service) as client:
        assert await add(client, users(("Anna", anna), ("Bert", bert))) == OK
        assert await client.roster() == {
            jid(anna): item("Anna", VERIFIED),
            jid(bert): item("Bert", OTHERS),
        }


async def test_five_hundred_contacts(romeo: Client):
    pairs = [(f"Contact {n}", f"contact-{n}") for n in range(500)]

    assert await add(romeo, users(*pairs)) == OK

    assert len(await romeo.roster()) == 500
    assert len(romeo.pushes) == 500
