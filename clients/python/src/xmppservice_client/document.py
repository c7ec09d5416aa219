"""The document: what a platform shows, and where messages go (contract, section 1)."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

PLATFORMS = {"mobile": "mobileIsPublished", "web": "webIsPublished"}

Item = dict[str, Any]


class Route(NamedTuple):
    """Where messages to a channel go; ``thread`` is empty without one."""

    to: str
    thread: str


class Live(NamedTuple):
    """What the service announces; ``url`` is empty if the document is not public."""

    hash: str
    version: int
    url: str


def loads(text: str) -> list[Item]:
    """Return the items of a document; raises ValueError if it is none."""
    document = json.loads(text)
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise ValueError("The document is not an object with items.")
    items: list[Item] = document["items"]
    return items


def digest(text: str) -> str:
    """Return the hash that the service announces: SHA-1 as 40 hex digits."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def shown(items: Sequence[Item], platform: str = "mobile") -> list[Item]:
    """Return the items that ``platform`` shows, groups with what they show.

    Neither an item without the platform's flag, nor a group that shows nothing, nor an
    item of a type from a later version.
    """
    found = []
    for item in items:
        if not item.get(PLATFORMS[platform]):
            continue
        if item.get("type") == "channel":
            found.append(item)
        elif item.get("type") == "group":
            below = shown(item.get("items", ()), platform)
            if below:
                found.append({**item, "items": below})
    return found


def rows(items: Sequence[Item], depth: int = 0) -> Iterator[tuple[int, Item]]:
    """Yield items, and what is below them, with their depth."""
    for item in items:
        yield depth, item
        yield from rows(item.get("items", ()), depth + 1)


def route(channel: Item, domain: str) -> Route:
    """Return where messages of a user of ``domain`` to a channel go."""
    server_address = channel.get("serverAddress")
    name = server_address or channel["address"]
    to = name if "@" in name else f"{name}@{domain}"
    return Route(to, channel["address"] if server_address else "")
