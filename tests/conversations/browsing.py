"""What a client of service discovery sends and reads."""

from typing import Any
from xml.etree.ElementTree import Element

from demo.client import Client
from tests.service import MODE, SERVICE

# The XMPP server answers for an account's bare JID: only its full JID reaches us.
TARGET = f"{SERVICE}/service" if MODE == "account" else SERVICE
INFO, ITEMS = (f"http://jabber.org/protocol/disco#{what}" for what in ("info", "items"))
COMMANDS, SEARCH = "http://jabber.org/protocol/commands", "jabber:iq:search"
FORM = "{jabber:x:data}"
SUBMIT = "<x xmlns='jabber:x:data' type='submit'>"


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


async def has_verona(client: Client) -> bool:
    return ("Verona & its <houses>", TARGET, "verona") in await listed(client)


def query(namespace: str, node: str = "", inside: str = "") -> str:
    at = f" node='{node}'" if node else ""
    return f"<query xmlns='{namespace}'{at}>{inside}</query>"


async def result(client: Client, payload: str, type: str = "get") -> Element:
    answer = await client.iq(type, payload, TARGET)
    assert answer.get("type") == "result"
    assert answer.get("from") == TARGET
    return answer[0]


async def listed(client: Client, node: str = "") -> list[tuple[str | None, ...]]:
    items = await result(client, query(ITEMS, node))
    assert items.get("node", "") == node
    return [tuple(map(item.get, ("name", "jid", "node"))) for item in items]


async def condition(client: Client, type: str, payload: str, to: str = TARGET) -> str:
    answer = await client.iq(type, payload, to)
    assert answer.get("type") == "error"
    return name(answer.find("{*}error")[0])


def name(element: Element) -> str:
    return element.tag.partition("}")[2]


def features(info: Element) -> set[str | None]:
    return {feature.get("var") for feature in info.iterfind("{*}feature")}


def form(**fields: str) -> str:
    inside = "".join(
        f"<field var='{var}'><value>{value}</value></field>"
        for var, value in fields.items()
    )
    return f"{SUBMIT}{inside}</x>"


def found(done: Element) -> list[str | None]:
    return [value.text for value in done.iterfind("{*}x/{*}field/{*}value")]
