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
from tests.conversations.presences import announced, read, remove, subscribe
from tests.service import (
    PASSWORD,
    SERVICE,
    Service,
    an_account,
    component_only,
    until,
)

VCARD = "<vCard xmlns='vcard-temp'/>"
PHOTO = "{vcard-temp:x:update}x/{vcard-temp:x:update}photo"


# A channel's own JID is below the component; below an account it has none.
AT = "localhost" if an_account else SERVICE
VERONA_CHANNELS = [
    ("Capulet", f"capulet@{AT}", None),
    ("Montague", "houses@localhost", "montague")
    if an_account
    else ("Montague", f"montague@{AT}", None),
    ("Friar Laurence's cell", rf"friar\20laurence@{AT}", None),
    ("Nurse", "nurse@mantua.example", None)
    if an_account
    else ("Nurse", rf"nurse\40mantua.example@{AT}", None),
]


async def test_the_tree_is_listed_group_by_group(client: Client):
    assert await listed(client, "verona") == [
        *VERONA_CHANNELS,
        ("Mantua", TARGET, "mantua"),
    ]
    (apothecary,) = await listed(client, "mantua")
    assert apothecary == ("Apothecary à Mantoue", f"apothecary@{AT}", None)


async def test_the_top_level_lists_what_the_document_has(client):
    document = json.loads(await client.document(SERVICE))
    names = [item["info"]["name"] for item in document["items"]]
    assert [called for called, _, _ in await listed(client)] == names


async def test_users_of_unserved_domains_find_the_same(service, client):
    service.server.register("mercutio", PASSWORD, "elsewhere.localhost")
    async with service.client("mercutio", domain="elsewhere.localhost") as mercutio:
        assert await listed(mercutio, "verona") == await listed(client, "verona")


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


@component_only
async def test_the_users_server_lists_the_service(client: Client):
    """So clients need not be told its JID."""
    listed = await client.iq("get", query(ITEMS), "localhost")
    assert SERVICE in [item.get("jid") for item in listed[0]]


async def test_the_service_lists_its_features(client: Client):
    info = await result(client, query(INFO))
    assert features(info) >= {
        INFO,
        ITEMS,
        "jabber:iq:search",
        COMMANDS,
        "urn:xmppservice:document:1",
        "urn:xmppservice:command:1",
        "urn:xmpp:noreply:0",
        "vcard-temp",
        "urn:xmpp:ping",
        "urn:xmpp:receipts",
        "jabber:iq:version",
    }


async def test_an_edit_is_in_the_list_as_in_the_document(service, client, verona):
    entry = {"type": "channel", "webIsPublished": True, "parent": verona}
    _, _, made = service.http(
        "POST", "/api/buddies/", {**entry, "address": "page", "info": {"name": "Page"}}
    )
    line = ("Page", f"page@{AT}", None)

    async def shown() -> bool:
        return line in await listed(client, "verona")

    async def hidden() -> bool:
        return line not in await listed(client, "verona")

    await until(shown)
    await remove(service, client, made)
    await until(hidden)


async def forms(client: Client) -> list[dict[str | None, list[str | None]]]:
    """The forms in the service's disco#info: the values of each field."""
    return [
        {field.get("var"): [value.text for value in field] for field in form}
        for form in (await result(client, query(INFO))).iterfind(f"{FORM}x")
    ]


async def test_the_live_document_is_described(service: Service, client: Client):
    """Without a URL of the document, which needs a token here."""
    (document,) = await forms(client)
    assert document["FORM_TYPE"] == ["urn:xmppservice:document:1"]
    assert document["hash"] == [await read(client)]
    assert int(document["version"][0]) > 0
    assert "url" not in document
    schema = f"http://127.0.0.1:{service.http_port}/schemas/document-1.json"
    assert document["schema"] == [schema]


async def test_all_that_a_public_service_says(new_service):
    uris = ["mailto:help@example.org", "xmpp:help@rooms.example.org?join&a='b'"]
    service = new_service(
        SUPPORT_ADDRESSES=", ".join(uris),
        PUBLIC_URL="http://buddies.example.org",
        DOCUMENT_PUBLIC="true",
        CHANGE_PHOTO="true",
    )
    (local,) = service.register()
    async with service.client(local) as client:
        await subscribe(client)
        element = (await until(lambda: announced(client)))[-1]
        document, contacts = await forms(client)
        hash = await read(client)
        photos = [one.findtext(PHOTO) for one in client.stanzas]
    assert document["url"] == ["http://buddies.example.org/api/document/"]
    assert contacts == {
        "FORM_TYPE": ["http://jabber.org/network/serverinfo"],
        "support-addresses": uris,
    }
    assert [element.get(name) for name in ("hash", "version", "url")] == [
        *(document[name][0] for name in ("hash", "version", "url"))
    ]
    assert element.get("hash") == hash
    assert hash in photos


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
    await remove(service, client, made)


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
    assert features(answer[0]) == {INFO, "vcard-temp"}
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
    assert row.get("jid") == f"capulet@{AT}"
    assert [(name(cell), cell.text) for cell in row] == [
        ("first", "Capulet"),
        ("last", None),
        ("nick", "Capulet"),
        ("email", None),
    ]


async def test_a_search_text_that_is_too_long_is_refused(client: Client):
    asked = query(SEARCH, inside=form(nick="x" * 1001))
    assert await condition(client, "set", asked) == "not-acceptable"
