"""The requests that mod_xmppservice answers, and its answers in short."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from demo.component import RawComponent

NS = "urn:xmppservice:roster:1"
NAMES = "{" + NS + "}"
STANZAS = "{urn:ietf:params:xml:ns:xmpp-stanzas}"


class Answer(NamedTuple):
    """What the module says about one user: ``outcome`` is the element's name."""

    outcome: str
    name: str
    ver: str = ""
    written: str = ""
    # With read: by JID. With write: the conditions of refused JIDs.
    items: tuple[tuple[str, str], ...] = ()


def item(jid: str, name: str = "", *groups: str, more: str = "") -> str:
    inner = "".join(f"<group>{escape(group)}</group>" for group in groups)
    return f"<item jid={quoteattr(jid)} name={quoteattr(name)} {more}>{inner}</item>"


def items(count: int, start: int = 0) -> str:
    """Return items for so many contacts."""
    numbers = range(start, start + count)
    return "".join(item(contact(number), "A name", "verified") for number in numbers)


def contact(number: int) -> str:
    return f"0039347{number:07d}@localhost"


def user(name: str, inner: str = "", ver: str = "") -> str:
    version = f" ver={quoteattr(ver)}" if ver else ""
    return f"<user name={quoteattr(name)}{version}>{inner}</user>"


def request(verb: str, *users: str, attributes: str = "") -> str:
    return f"<{verb} xmlns='{NS}' {attributes}>{''.join(users)}</{verb}>"


async def exist(component: RawComponent, names: Iterable[str]) -> list[str]:
    """Return those of these names that have an account."""
    answer = await component.iq("get", request("exist", *map(user, names)))
    return [one.name for one in answers(answer)]


async def read(component: RawComponent, *names: str) -> list[Answer]:
    return answers(await component.iq("get", request("read", *map(user, names))))


async def write(component: RawComponent, *users: str) -> list[Answer]:
    return answers(await component.iq("set", request("write", *users)))


async def write_one(
    component: RawComponent, name: str, inner: str, ver: str = ""
) -> Answer:
    (answer,) = await write(component, user(name, inner, ver))
    return answer


def answers(iq: Element) -> list[Answer]:
    """Return what an answer says about each user."""
    assert iq.get("type") == "result", error(iq)
    return [_answer(one) for one in iq[0]]


def _answer(one: Element) -> Answer:
    return Answer(
        one.tag.removeprefix(NAMES),
        one.get("name", ""),
        one.get("ver", ""),
        one.get("written", ""),
        tuple(sorted(_items(one))),
    )


def _items(one: Element) -> Iterator[tuple[str, str]]:
    for child in one:
        condition = child.get("condition") or child.get("name", "")
        yield child.get("jid", ""), condition


def error(iq: Element) -> str:
    """Return type and condition of an error, empty for a result."""
    found = iq.find("{*}error")
    if found is None:
        return ""
    condition = next(one.tag for one in found if one.tag != STANZAS + "text")
    return f"{found.get('type')} {condition.removeprefix(STANZAS)}"


def events(component: RawComponent, host: str = "localhost") -> list[tuple[str, str]]:
    """Return the events of a host that arrived, each with the name of the account."""
    messages = [one for one in component.messages if one.get("from") == host]
    found = [child for message in messages for child in message]
    named = [child for child in found if child.tag.startswith(NAMES)]
    return [(one.tag.removeprefix(NAMES), one.get("name", "")) for one in named]
