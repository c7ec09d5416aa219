"""The document over a real stream (contract, 1)."""

import asyncio
import json
from http.cookiejar import CookieJar
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import pytest

from demo.client import Client
from tests.conversations.presences import remove
from tests.golden import DOCUMENTS
from tests.service import PASSWORD, SERVICE, Service, component_only, until

DISCO = "http://jabber.org/protocol/disco"


@pytest.fixture
async def client(service: Service):
    (local,) = service.register()
    async with service.client(local) as connected:
        yield connected


def names(document: str) -> list[str]:
    return [item["info"]["name"] for item in json.loads(document)["items"]]


async def test_desc_is_the_demo_as_one_tree(service: Service, client: Client):
    expected = [
        item for path in DOCUMENTS for item in json.loads(path.read_text())["items"]
    ]

    addresses = {item["address"] for item in expected}

    async def ours() -> list[dict]:
        items = json.loads(await client.document(SERVICE))["items"]
        return [item for item in items if item["address"] in addresses]

    async def restored() -> bool:
        return await ours() == expected

    # Entries that another test has restored are live a moment later.
    await until(restored)


async def test_the_same_bytes_each_time(client: Client):
    first = await client.document(SERVICE)
    assert {await client.document(SERVICE) for _ in range(20)} == {first}


async def test_desc_is_the_only_field(client: Client):
    answer = await client.iq("get", "<vCard xmlns='vcard-temp'/>", SERVICE)
    (vcard,) = answer
    assert [field.tag for field in vcard] == ["{vcard-temp}DESC"]


async def test_http_serves_the_same_document(service: Service, client: Client):
    async def same():
        over_xmpp = await client.document(SERVICE)
        status, headers, body = service.http("GET", "/api/document/")
        return status == 200 and body == json.loads(over_xmpp) and headers

    headers = await until(same)
    status, _, _ = service.http(
        "GET", "/api/document/", headers={"If-None-Match": headers["etag"]}
    )
    assert status == 304


@component_only
@pytest.mark.parametrize(
    ("to", "type", "payload", "condition"),
    [
        (f"nobody@{SERVICE}", "get", "<vCard xmlns='vcard-temp'/>", "item-not-found"),
        (SERVICE, "set", "<vCard xmlns='vcard-temp'/>", "service-unavailable"),
        (SERVICE, "get", "<query xmlns='urn:unknown'/>", "service-unavailable"),
        (SERVICE, "set", "<query xmlns='urn:unknown'/>", "service-unavailable"),
        (SERVICE, "set", f"<query xmlns='{DISCO}#info'/>", "service-unavailable"),
        (SERVICE, "set", f"<query xmlns='{DISCO}#items'/>", "service-unavailable"),
        (SERVICE, "set", "<query xmlns='jabber:iq:version'/>", "service-unavailable"),
        (SERVICE, "set", "<ping xmlns='urn:xmpp:ping'/>", "service-unavailable"),
    ],
)
async def test_unsupported_requests_are_refused(client, to, type, payload, condition):
    answer = await client.iq(type, payload, to)

    assert answer.get("type") == "error"
    assert answer.find("{*}error/{*}" + condition) is not None


@component_only
@pytest.mark.parametrize(
    "payload",
    [
        "<ping xmlns='urn:xmpp:ping'/>",
        "<query xmlns='jabber:iq:version'/>",
        "<query xmlns='jabber:iq:last'/>",
        f"<query xmlns='{DISCO}#items'/>",
        f"<query xmlns='{DISCO}#info'/>",
    ],
)
async def test_standard_requests_are_answered(client: Client, payload: str):
    answer = await client.iq("get", payload, SERVICE)
    assert answer.get("type") == "result"


@component_only
async def test_disco_says_that_there_is_a_vcard(client: Client):
    answer = await client.iq(
        "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", SERVICE
    )
    assert "vcard-temp" in {
        feature.get("var") for feature in answer.iterfind(".//{*}feature")
    }


async def test_a_subscription_is_accepted(client: Client):
    await client.roster()
    await client.presence()
    await client.presence(to=SERVICE, type="subscribe")

    async def subscribed():
        return (await client.roster())[SERVICE].subscription == "to"

    await until(subscribed)


async def test_an_edit_over_the_api_is_in_the_vcard(service: Service, client: Client):
    status, _, buddy = service.http(
        "POST",
        "/api/buddies/",
        {"type": "channel", "webIsPublished": True, "info": {"name": "Fresh"}},
    )
    assert status == 201

    async def shown():
        return "Fresh" in names(await client.document(SERVICE))

    await until(shown)
    await remove(service, client, buddy)


async def test_an_edit_on_the_command_line_is_in_the_vcard(
    service: Service, client: Client, tmp_path
):
    item = {
        "address": "by-command-line",
        "type": "channel",
        "mobileIsPublished": True,
        "webIsPublished": False,
        "info": {"name": "By command line"},
    }
    file = tmp_path / "one.json"
    file.write_text(json.dumps({"items": [item]}))
    service.manage("loadbuddies", str(file))

    async def shown():
        return "By command line" in names(await client.document(SERVICE))

    # The command ends after its commit; its wake-up cannot reach another process,
    # so the once-a-second poll finds the edit.
    await until(shown)


async def test_an_edit_in_the_admin_is_in_the_vcard(service: Service, client: Client):
    staff = Browser(f"http://127.0.0.1:{service.http_port}/admin/")
    await asyncio.to_thread(staff.submit, "login/", username="admin", password=PASSWORD)
    entry = {"type": "channel", "name": "By hand", "web_is_published": "on"}

    page = await asyncio.to_thread(staff.submit, "buddies/buddy/add/", **entry)

    assert "was added successfully" in page

    async def shown():
        return "By hand" in names(await client.document(SERVICE))

    await until(shown)


class Browser:
    """Fills in forms of the admin, with its cookies and its CSRF token."""

    def __init__(self, base: str) -> None:
        self.base, self.cookies = base, CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies))

    def submit(self, path: str, **fields: str) -> str:
        with self.opener.open(self.base + path, timeout=60) as page:
            page.read()
        token = next(one.value for one in self.cookies if one.name == "csrftoken")
        form = urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
        with self.opener.open(self.base + path, form, timeout=60) as page:
            return page.read().decode()
