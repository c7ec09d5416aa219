"""The shape of the document: the JSON text in DESC.

    document = {"items": [item, ...]}

Source: contract, 1.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.conf import settings

from xmppservice.protocol.jids import escape_localpart, parse_jid

EMPTY = '{"items":[]}'

Item = dict[str, Any]
Document = dict[str, list[Item]]

FLAGS = {
    "mobileIsPublished": "mobile_is_published",
    "webIsPublished": "web_is_published",
}
INFO = {
    "name": "name",
    "status": "status",
    "imageUrl": "image_url",
    "thumbUrl": "thumb_url",
    "defaultMessage": "default_message",
}
# Only the whole tree has these: what clients read is visible now.
SCHEDULE = {"visibleFrom": "visible_from", "visibleUntil": "visible_until"}
PICTURES = ("imageUrl", "thumbUrl")
OURS = "/media/"  # the path prefix of our own pictures
ITEM_KEYS = {"address", "serverAddress", "type", "info", "items", *FLAGS, *SCHEDULE}


class DocumentError(ValueError):
    """What is wrong with a document: ``path`` inside it, and the reason."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if path else reason)
        self.path, self.reason = path, reason


class Node(NamedTuple):
    """An item as model fields: ``parent`` is the index of its parent's node."""

    path: str
    parent: int | None
    fields: dict[str, Any]


def absolute(address: str) -> str:
    """Return a picture's address for clients: our own are below PUBLIC_URL."""
    is_ours = address.startswith(OURS)
    return settings.PUBLIC_URL + address if is_ours else address


def relative(address: str) -> str:
    below = address.removeprefix(settings.PUBLIC_URL)
    return below if below.startswith(OURS) else address


def destination(address: str) -> str:
    """Where a message to an address goes: a JID or a localpart; empty if nowhere.

    Source: contract, 1, Routing.
    """
    return (parse_jid(address) or "") if "@" in address else escape_localpart(address)


def addresses(document: Document) -> set[str]:
    """The addresses of all items."""
    return {item["address"] for item in items(document)}


def items(document: Document) -> Iterator[Item]:
    """Yield all items, each group before its items."""
    stack = document["items"][::-1]
    while stack:
        item = stack.pop()
        yield item
        stack.extend(reversed(item.get("items", ())))


def levels(document: Document) -> int:
    """Return the document's depth: 1 if all entries are at the top level."""
    depth, below = 0, document["items"]
    while below:
        depth += 1
        below = [child for item in below for child in item.get("items", ())]
    return depth


_SURROGATE = re.compile("[\ud800-\udfff]")


def has_surrogate(text: str) -> bool:
    """Whether a text has a surrogate, which JSON can encode and UTF-8 cannot."""
    return _SURROGATE.search(text) is not None
