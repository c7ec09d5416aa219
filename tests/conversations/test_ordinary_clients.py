"""What an ordinary client finds of the service, without its JSON (contract, 5)."""

import asyncio
import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from xml.etree.ElementTree import Element, tostring

import pytest

from demo.client import Client
from tests.service import MODE, PASSWORD, SERVICE, Service, component_only, until

# Of an account, only the full JID is asked for what the XMPP server does not know.
ASKED = f"{SERVICE}/service" if MODE == "account" else SERVICE
INFO, ITEMS = (f"http://jabber.org/protocol/disco#{what}" for what in ("info", "items"))
COMMANDS, SEARCH = "http://jabber.org/protocol/commands", "jabber:iq:search"
FIND, ADD = "cmd_search_users", "cmd_add_to_roster"
FORM = "{jabber:x:data}"
SUBMIT = "<x xmlns='jabber:x:data' type='submit'>"
VCARD = "<vCard xmlns='vcard-temp'/>"
PAYLOAD = "bad-payload"


def item(address: str, name: str, **more: Any) -> dict[str, Any]:
    info = {"name": name, "status": more.pop("status", "")}
    info |= {"imageUrl": more.pop("image", ""), "thumbUrl": ""}
    flags = {"mobileIsPublished": False, "webIsPublished": True}
    kind = "group" if "items" in more else "channel"
    return {"address": address, "type": kind, "info": info, **flags, **more}


VERONA = item(
    "verona",
    "Verona & its <houses>",
    items=[
        item("capulet", "Capulet", status="Two households", image="https://v.it/c.png"),
        item("montague", "Montague", serverAddress="Houses"),
        item("friar laurence", "Friar Laurence's cell", status="Beside Verona’s walls"),
        item("nurse@mantua.example", "Nurse"),
        item("draft", "Nobody's", webIsPublished=False),
        item("house/ball", "The ball", serverAddress="a@b@c"),
        item("mantua", "Mantua", items=[item("apothecary", "Apothecary à Mantoue")]),
    ],
)


@pytest.fixture(scope="module")
def verona(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The tree with Verona below it."""
    file: Path = tmp_path_factory.mktemp("verona") / "verona.json"
    file.write_text(json.dumps({"items": [VERONA]}))
    service.manage("loadbuddies", str(file))
    code = "from buddies.models import Buddy; print(Buddy.objects.get(address={!r}).pk)"
    return int(service.shell(code.format("verona")))


@pytest.fixture
async def client(service: Service, verona: int):
    (local,) = service.register()
    async with service.client(local) as connected:
        await until(lambda: has_verona(connected))
        yield connected


async def has_verona(client: Client) -> bool:
    return ("Verona & its <houses>", ASKED, "verona") in await listed(client)


def query(namespace: str, node: str = "", inside: str = "") -> str:
    at = f" node='{node}'" if node else ""
    return f"<query xmlns='{namespace}'{at}>{inside}</query>"


async def result(client: Client, payload: str, type: str = "get") -> Element:
    answer = await client.iq(type, payload, ASKED)
    assert answer.get("type") == "result"
    assert answer.get("from") == ASKED
    return answer[0]


async def listed(client: Client, node: str = "") -> list[tuple[str | None, ...]]:
    items = await result(client, query(ITEMS, node))
    assert items.get("node", "") == node
    return [tuple(map(item.get, ("name", "jid", "node"))) for item in items]


async def condition(client: Client, type: str, payload: str, to: str = ASKED) -> str:
    answer = await client.iq(type, payload, to)
    assert answer.get("type") == "error"
    return name(answer.find("{*}error")[0])


def name(element: Element) -> str:
    return element.tag.partition("}")[2]


# --- Service discovery ----------------------------------------------------------


async def test_the_tree_is_listed_group_by_group(client: Client):
    assert await listed(client, "verona") == [
        ("Capulet", "capulet@localhost", None),
        ("Montague", "houses@localhost", "montague"),
        ("Friar Laurence's cell", r"friar\20laurence@localhost", None),
        ("Nurse", "nurse@mantua.example", None),
        ("Mantua", ASKED, "mantua"),
    ]
    assert await listed(client, "mantua") == [
        ("Apothecary à Mantoue", "apothecary@localhost", None)
    ]


async def test_the_top_is_what_the_document_has_there(client):
    document = json.loads(await client.document(SERVICE))
    names = [item["info"]["name"] for item in document["items"]]
    assert [called for called, _, _ in await listed(client)] == names


async def test_a_user_of_a_domain_that_is_not_served_gets_the_first_one_s(
    service, client
):
    service.server.register("mercutio", PASSWORD, "elsewhere.localhost")
    async with service.client("mercutio", domain="elsewhere.localhost") as mercutio:
        assert ("Capulet", "capulet@localhost", None) in await listed(
            mercutio, "verona"
        )


async def test_a_group_says_that_it_is_one(client: Client):
    info = await result(client, query(INFO, "verona"))
    identity = {
        "category": "hierarchy",
        "type": "branch",
        "name": "Verona & its <houses>",
    }
    assert info.find("{*}identity").attrib == identity
    assert features(info) == {INFO, ITEMS}


def features(info: Element) -> set[str | None]:
    return {feature.get("var") for feature in info.iterfind("{*}feature")}


@pytest.mark.parametrize("namespace", [INFO, ITEMS])
@pytest.mark.parametrize("node", ["nowhere", "capulet", "draft"])
async def test_an_unknown_node_is_not_found(client: Client, namespace: str, node: str):
    assert await condition(client, "get", query(namespace, node)) == "item-not-found"


async def test_what_the_service_can_do(client: Client):
    info = await result(client, query(INFO))
    assert features(info) >= {
        INFO,
        ITEMS,
        "jabber:iq:search",
        COMMANDS,
        "urn:xmppservice:document:1",
        "vcard-temp",
        "urn:xmpp:ping",
        "jabber:iq:version",
    }
    (told,) = info.findall("{*}x/{*}field[@var='FORM_TYPE']/{*}value")
    assert told.text == "urn:xmppservice:document:1"


async def test_an_edit_is_in_the_list_as_in_the_document(service, client, verona):
    entry = {"type": "channel", "webIsPublished": True, "parent": verona}
    _, _, made = service.http(
        "POST", "/api/buddies/", {**entry, "address": "page", "info": {"name": "Page"}}
    )
    line = ("Page", "page@localhost", None)

    async def shown() -> bool:
        return line in await listed(client, "verona")

    async def hidden() -> bool:
        return line not in await listed(client, "verona")

    await until(shown)
    service.http("DELETE", f"/api/buddies/{made['id']}/")
    await until(hidden)


async def test_support_addresses_are_told(new_service):
    uris = ["mailto:help@example.org", "xmpp:help@rooms.example.org?join&a='b'"]
    service = new_service(
        SUPPORT_ADDRESSES=", ".join(uris), PUBLIC_URL="http://buddies.example.org"
    )
    (local,) = service.register()
    async with service.client(local) as client:
        forms = (await result(client, query(INFO))).findall("{jabber:x:data}x")
    schema, contacts = (
        {field.get("var"): [value.text for value in field] for field in form}
        for form in forms
    )
    assert schema == {
        "FORM_TYPE": ["urn:xmppservice:document:1"],
        "schema": [service.environment["PUBLIC_URL"] + "/schemas/document-1.json"],
    }
    assert contacts == {
        "FORM_TYPE": ["http://jabber.org/network/serverinfo"],
        "support-addresses": uris,
    }


# --- The channels' own JIDs -------------------------------------------------------


def vcard(answer: Element) -> list[tuple[str, str]]:
    return [(name(field), "".join(field.itertext())) for field in answer[0]]


@component_only
async def test_a_channel_has_a_vcard_of_its_own(client: Client):
    answer = await client.iq("get", VCARD, f"Capulet@{SERVICE}")
    assert vcard(answer) == [
        ("FN", "Capulet"),
        ("NICKNAME", "Capulet"),
        ("PHOTO", "https://v.it/c.png"),
        ("DESC", "Two households"),
    ]
    assert answer.find("{*}vCard/{*}PHOTO/{*}EXTVAL") is not None


PICTURE = """
from io import BytesIO
from django.core.files.base import ContentFile
from PIL import Image
from buddies import avatars
file = BytesIO()
Image.new("RGB", (200, 200), "red").save(file, "PNG")
print(*avatars.keep(ContentFile(file.getvalue(), name="red.png")))
"""


@component_only
async def test_a_picture_of_our_own_is_in_the_vcard(service, client):
    image, thumb = service.shell(PICTURE).split()
    info = {"name": "Rosaline", "imageUrl": image, "thumbUrl": thumb}
    entry = {"type": "channel", "webIsPublished": True, "address": "rosaline"}
    _, _, made = service.http("POST", "/api/buddies/", {**entry, "info": info})

    async def photo() -> Element | None:
        answer = await client.iq("get", VCARD, f"rosaline@{SERVICE}")
        return answer.find("{*}vCard/{*}PHOTO")

    type, binval = await until(photo)
    assert (name(type), type.text, name(binval)) == ("TYPE", "image/webp", "BINVAL")
    assert b64decode(binval.text) == await asyncio.to_thread(served, service, thumb)
    service.http("DELETE", f"/api/buddies/{made['id']}/")


def served(service: Service, path: str) -> bytes:
    with urlopen(f"http://127.0.0.1:{service.http_port}{path}", timeout=10) as file:
        return file.read()


@component_only
@pytest.mark.parametrize(
    ("local", "called"),
    [
        (r"friar\20laurence", "Friar Laurence's cell"),
        (r"house\2fball", "The ball"),
        (r"nurse\40mantua.example", "Nurse"),
        ("apothecary", "Apothecary à Mantoue"),
    ],
)
async def test_the_address_is_escaped_where_it_must_be(client, local, called):
    answer = await client.iq("get", VCARD, f"{local}@{SERVICE}/any")
    assert vcard(answer)[:2] == [("FN", called), ("NICKNAME", called)]


@component_only
async def test_a_channel_says_what_it_is(client: Client):
    answer = await client.iq("get", query(INFO), f"capulet@{SERVICE}")
    identity = {"category": "hierarchy", "type": "leaf", "name": "Capulet"}
    assert answer.find("{*}query/{*}identity").attrib == identity
    assert features(answer[0]) == {INFO, ITEMS, "vcard-temp"}
    below = await client.iq("get", query(ITEMS), f"capulet@{SERVICE}")
    assert (below.get("type"), len(below[0])) == ("result", 0)


@component_only
@pytest.mark.parametrize("local", ["draft", "verona", "nobody", "houses"])
@pytest.mark.parametrize("payload", [VCARD, query(INFO), query(ITEMS)])
async def test_any_other_jid_is_not_found(client: Client, local: str, payload: str):
    to = f"{local}@{SERVICE}"
    assert await condition(client, "get", payload, to) == "item-not-found"


# --- Search (XEP-0055) --------------------------------------------------------------


def form(**fields: str) -> str:
    inside = "".join(
        f"<field var='{var}'><value>{value}</value></field>"
        for var, value in fields.items()
    )
    return f"{SUBMIT}{inside}</x>"


async def test_what_one_can_search_by(client: Client):
    asked = await result(client, query(SEARCH))
    assert [name(child) for child in asked] == [
        "instructions",
        "nick",
        "x",
    ]
    fields = {
        field.get("var"): field.get("type") for field in asked.iter(f"{FORM}field")
    }
    assert fields == {"FORM_TYPE": "hidden", "nick": "text-single"}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("capulet", ["Capulet"]),
        ("HOUSEHOLDS", ["Capulet"]),
        ("à mantoue", ["Apothecary à Mantoue"]),
        ("A\u0300 MANTOUE", ["Apothecary à Mantoue"]),
        ("verona’s", ["Friar Laurence's cell"]),
        ("houses", []),
        ("nobody", []),
    ],
)
async def test_channels_are_found_by_name_and_status(client, text, names):
    found = await result(client, query(SEARCH, inside=form(nick=text)), "set")
    rows = [
        {field.get("var"): field[0].text or "" for field in row}
        for row in found.iter(f"{FORM}item")
    ]
    assert [row["nick"] for row in rows] == names
    columns = [field.get("var") for field in found.find(f"{FORM}x/{FORM}reported")]
    assert all(list(row) == columns for row in rows)


@pytest.mark.parametrize("field", ["nick", "first"])
async def test_an_older_client_searches_without_a_form(client: Client, field: str):
    asked = query(SEARCH, inside=f"<{field}>capulet</{field}>")
    (row,) = await result(client, asked, "set")
    assert row.get("jid") == "capulet@localhost"
    assert [(name(cell), cell.text) for cell in row] == [
        ("first", "Capulet"),
        ("last", None),
        ("nick", "Capulet"),
        ("email", None),
    ]


async def test_what_no_channel_is_called_is_not_searched_for(client: Client):
    asked = query(SEARCH, inside=form(nick="x" * 1001))
    assert await condition(client, "set", asked) == "not-acceptable"


# --- Ad-hoc commands (XEP-0050) -----------------------------------------------------


def command(node: str, inside: str = "", session: str = "", action: str = "") -> str:
    known = f" sessionid='{session}'" if session else ""
    wanted = f" action='{action}'" if action else ""
    return (
        f"<command xmlns='{COMMANDS}' node='{node}'{known}{wanted}>{inside}</command>"
    )


def lines(field: str, *values: str) -> str:
    inside = "".join(f"<value>{value}</value>" for value in values)
    return f"{SUBMIT}<field var='{field}'>{inside}</field></x>"


async def session(client: Client, node: str) -> str:
    """Begin a command, and return its session."""
    begun = await result(client, command(node, action="execute"), "set")
    assert begun.get("status") == "executing"
    return begun.get("sessionid", "")


async def run(client: Client, node: str, form: str) -> Element:
    done = await result(client, command(node, form, await session(client, node)), "set")
    assert (done.get("node"), done.get("status")) == (node, "completed")
    return done


def notes(done: Element) -> list[tuple[str | None, str | None]]:
    return [(note.get("type"), note.text) for note in done.iterfind("{*}note")]


def found(done: Element) -> list[str | None]:
    return [value.text for value in done.iterfind("{*}x/{*}field/{*}value")]


async def test_the_commands_are_listed(client: Client):
    assert await listed(client, COMMANDS) == [
        ("Find contacts", ASKED, FIND),
        ("Add to roster", ASKED, ADD),
    ]
    info = await result(client, query(INFO, FIND))
    assert info.find("{*}identity").attrib == {
        "category": "automation",
        "type": "command-node",
        "name": "Find contacts",
    }
    assert features(info) == {COMMANDS, "jabber:x:data"}


@pytest.mark.parametrize(("node", "field"), [(FIND, "numbers"), (ADD, "contacts")])
async def test_a_command_asks_for_lines(client: Client, node: str, field: str):
    begun = await result(client, command(node), "set")
    assert [name(one) for one in begun.find("{*}actions")] == ["complete"]
    form = begun.find(f"{FORM}x")
    (asked,) = form.iterfind(f"{FORM}field")
    assert (form.get("type"), asked.get("type")) == ("form", "text-multi")
    assert asked.get("var") == field


async def test_contacts_are_found_and_put_on_the_roster(service, client):
    (friend,) = service.register()
    await client.roster()
    asked = lines("numbers", friend, "", "0039 000", "nobody")

    done = await run(client, FIND, asked)

    assert notes(done) == [
        ("info", f"Users found, who are on your roster now: {friend}.")
    ]
    assert found(done) == [friend]
    assert (await client.roster())[f"{friend}@localhost"].groups == {"verified"}


async def test_nobody_is_found(client: Client):
    done = await run(client, FIND, lines("numbers", "003932009999"))
    assert notes(done) == [("info", "None of these numbers is a user.")]
    assert found(done) == []


async def test_contacts_are_added_with_their_names(service: Service, client: Client):
    (friend,) = service.register()
    spelled = f"+39 {friend[4:7]} {friend[7:]}"
    asked = lines("contacts", f"{spelled} Mario Rossi", "00393200555 2nd", "&lt;x ?")

    done = await run(client, ADD, asked)

    assert notes(done) == [
        ("info", "The contacts are on your roster."),
        ("warn", "Contact 3: neither a number nor a JID"),
    ]
    roster = await client.roster()
    assert roster[f"{friend}@localhost"][:2] == ("Mario Rossi", {"verified"})
    assert roster["00393200555@localhost"][:2] == ("2nd", {"others"})


async def test_a_budget_that_is_spent_is_said_in_words(new_service):
    service = new_service(DISCOVERY_BURST="1", DISCOVERY_PER_YEAR="365")
    (local, friend) = service.register(2)
    async with service.client(local) as client:
        await run(client, FIND, lines("numbers", friend))
        done = await run(client, FIND, lines("numbers", friend, "00393200999999"))
    ((kind, text),) = notes(done)
    assert kind == "error"
    assert text.startswith("Too many new numbers: try again in 24 hours.")
    assert text.endswith(f"users are: {friend}.")


async def test_it_is_a_command_as_any_other_in_the_ledger(service, client):
    await run(client, FIND, lines("numbers", "00393200999999"))
    owner = client.jid.partition("/")[0]
    said = service.shell(
        "from roster.models import Command\n"
        f"(row,) = Command.objects.filter(owner={owner!r})\n"
        "print(row.command, row.message_type, bool(row.answer))"
    )
    assert said == f"{FIND} adhoc True"


async def test_a_repeated_iq_is_answered_once_more_with_the_same(service, client):
    asked = command(
        FIND, lines("numbers", "00393200999999"), await session(client, FIND)
    )
    for _ in range(2):
        await client.send(f"<iq type='set' id='again' to='{ASKED}'>{asked}</iq>")

    def answers() -> list[bytes]:
        return [tostring(one) for one in _results(client, "again")]

    await until(answers)
    await client.send(f"<iq type='set' id='again' to='{ASKED}'>{asked}</iq>")
    await until(lambda: len(answers()) > 1)
    assert len(set(answers())) == 1
    assert await until(lambda: service.states().get("sent"))
    rows = "Command.objects.filter(stanza_id='again', owner={!r}).count()"
    owner = client.jid.partition("/")[0]
    code = "from roster.models import Command; print({})"
    assert service.shell(code.format(rows.format(owner))) == "1"


async def test_the_same_id_in_another_session_is_another_command(service, client):
    (late,) = service.unknown()
    said = []
    for _ in range(2):
        asked = command(FIND, lines("numbers", late), await session(client, FIND))
        await client.send(f"<iq type='set' id='1' to='{ASKED}'>{asked}</iq>")
        await until(lambda: len(_results(client, "1")) > len(said))
        said.append(_results(client, "1")[-1][0].get("sessionid"))
    assert len(set(said)) == 2


def _results(client: Client, id: str) -> list[Element]:
    return [one for one in client.stanzas if one.get("id") == id]


async def test_a_command_is_cancelled(client: Client):
    begun = await session(client, FIND)
    for asked in (
        command(FIND, session=begun, action="cancel"),
        command(FIND, "<x xmlns='jabber:x:data' type='cancel'/>", begun),
    ):
        assert (await result(client, asked, "set")).get("status") == "canceled"


LONG = "s" * 1001


@pytest.mark.parametrize(
    ("asked", "wanted", "why"),
    [
        (command("cmd_dance"), "item-not-found", None),
        (command(FIND, action="prev"), "bad-request", "bad-action"),
        (
            command(FIND, "<x xmlns='jabber:x:data' type='submit'/>"),
            "bad-request",
            PAYLOAD,
        ),
        (command(FIND, lines("contacts", "00393200555")), "bad-request", PAYLOAD),
        (command(ADD, lines("contacts", " ", "")), "bad-request", PAYLOAD),
        (command(FIND, session=LONG), "bad-request", "bad-sessionid"),
    ],
)
async def test_what_is_no_step_of_a_command_is_refused(client, asked, wanted, why):
    answer = await client.iq("set", asked, ASKED)
    assert answer.get("type") == "error"
    assert [name(one) for one in answer.find("{*}error")] == [
        wanted,
        *filter(None, [why]),
    ]


@component_only
async def test_a_resource_of_the_service_has_no_commands(client: Client):
    there = f"{SERVICE}/there"
    asked = command(FIND, lines("numbers", "00393200555"))
    assert await condition(client, "set", asked, there) == "service-unavailable"


async def test_who_is_not_served_has_no_commands(service: Service, client: Client):
    service.server.register("tybalt", PASSWORD, "elsewhere.localhost")
    async with service.client("tybalt", domain="elsewhere.localhost") as tybalt:
        assert await listed(tybalt, COMMANDS) == []
        assert await condition(tybalt, "set", command(FIND)) == "forbidden"
