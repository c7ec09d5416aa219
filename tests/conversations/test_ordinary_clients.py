"""What ordinary clients find: discovery, vCards, search."""

import asyncio
import json
from base64 import b64decode
from urllib.request import urlopen
from xml.etree.ElementTree import Element

import pytest

from demo.client import Client
from tests.conversations.browsing import (
    COMMANDS,
    FORM,
    INFO,
    ITEMS,
    SEARCH,
    TARGET,
    condition,
    features,
    form,
    listed,
    name,
    query,
    result,
)
from tests.service import PASSWORD, SERVICE, Service, component_only, until

VCARD = "<vCard xmlns='vcard-temp'/>"


async def test_the_tree_is_listed_group_by_group(client: Client):
    assert await listed(client, "verona") == [
        ("Capulet", "capulet@localhost", None),
        ("Montague", "houses@localhost", "montague"),
        ("Friar Laurence's cell", r"friar\20laurence@localhost", None),
        ("Nurse", "nurse@mantua.example", None),
        ("Mantua", TARGET, "mantua"),
    ]
    assert await listed(client, "mantua") == [
        ("Apothecary à Mantoue", "apothecary@localhost", None)
    ]


async def test_the_top_level_lists_what_the_document_has(client):
    document = json.loads(await client.document(SERVICE))
    names = [item["info"]["name"] for item in document["items"]]
    assert [called for called, _, _ in await listed(client)] == names


async def test_users_of_unserved_domains_get_jids_of_the_first_domain(service, client):
    service.server.register("mercutio", PASSWORD, "elsewhere.localhost")
    async with service.client("mercutio", domain="elsewhere.localhost") as mercutio:
        assert ("Capulet", "capulet@localhost", None) in await listed(
            mercutio, "verona"
        )


async def test_a_group_identifies_itself_as_one(client: Client):
    info = await result(client, query(INFO, "verona"))
    identity = {
        "category": "hierarchy",
        "type": "branch",
        "name": "Verona & its <houses>",
    }
    assert info.find("{*}identity").attrib == identity
    assert features(info) == {INFO, ITEMS}


@pytest.mark.parametrize("namespace", [INFO, ITEMS])
@pytest.mark.parametrize("node", ["nowhere", "capulet", "draft"])
async def test_an_unknown_node_is_not_found(client: Client, namespace: str, node: str):
    assert await condition(client, "get", query(namespace, node)) == "item-not-found"


async def test_the_service_lists_its_features(client: Client):
    info = await result(client, query(INFO))
    assert features(info) >= {
        INFO,
        ITEMS,
        "jabber:iq:search",
        COMMANDS,
        "urn:xmppservice:document:1",
        "vcard-temp",
        "urn:xmpp:ping",
        "urn:xmpp:receipts",
        "jabber:iq:version",
    }
    (form_type,) = info.findall("{*}x/{*}field[@var='FORM_TYPE']/{*}value")
    assert form_type.text == "urn:xmppservice:document:1"


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


async def test_support_addresses_are_published(new_service):
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
print(*avatars.store(ContentFile(file.getvalue(), name="red.png")))
"""


@component_only
async def test_an_uploaded_picture_is_in_the_vcard(service, client):
    image, thumb = service.shell(PICTURE).split()
    info = {"name": "Rosaline", "imageUrl": image, "thumbUrl": thumb}
    entry = {"type": "channel", "webIsPublished": True, "address": "rosaline"}
    _, _, made = service.http("POST", "/api/buddies/", {**entry, "info": info})

    async def photo() -> list[Element]:
        answer = await client.iq("get", VCARD, f"rosaline@{SERVICE}")
        return answer.findall("{*}vCard/{*}PHOTO/*")

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
async def test_a_channel_identifies_itself_as_one(client: Client):
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


async def test_the_search_form_has_one_field(client: Client):
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


async def test_a_search_text_that_is_too_long_is_refused(client: Client):
    asked = query(SEARCH, inside=form(nick="x" * 1001))
    assert await condition(client, "set", asked) == "not-acceptable"
