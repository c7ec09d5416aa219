"""Catalogue entries: the document for clients that do not read it."""

import re
from collections.abc import Iterator

from buddies import avatars
from buddies.document.shape import OURS, Document, Item, destination, relative
from buddies.models import Buddy
from xmppservice.connection.events import CatalogueEntry
from xmppservice.protocol.jids import escape_localpart

MAX_THUMB_BYTES = 8 * 1024  # bytes (XEP-0153, 5.1)


def catalogue_entries(document: Document) -> Iterator[CatalogueEntry]:
    """Yield an entry for each item, groups before their items."""
    stack = [("", item) for item in reversed(document["items"])]
    while stack:
        parent, item = stack.pop()
        yield _entry(parent, item)
        below = reversed(item.get("items", ()))
        stack.extend((item["address"], child) for child in below)


def _entry(parent: str, item: Item) -> CatalogueEntry:
    is_group, info = item["type"] == Buddy.Type.GROUP, item["info"]
    return CatalogueEntry(
        address=item["address"],
        parent=parent,
        is_group=is_group,
        local="" if is_group else escape_localpart(item["address"]),
        to=""
        if is_group
        else destination(item.get("serverAddress") or item["address"]),
        thread=item["address"] if item.get("serverAddress") else "",
        name=info["name"],
        status=info["status"],
        image=info["imageUrl"],
        thumb=b"" if is_group else _thumb(info["thumbUrl"]),
    )


def _thumb(address: str) -> bytes:
    """Return the file of one of our thumbnails, if small enough for a vCard."""
    folder, _, name = relative(address).rpartition("/")
    if f"{folder}/" != f"{OURS}avatars/" or not re.fullmatch(avatars.NAME, name):
        return b""
    try:
        data = avatars.read(name) or b""
    except OSError:
        # No reason to lose a release: the vCard has the address.
        return b""
    return data if len(data) <= MAX_THUMB_BYTES else b""
