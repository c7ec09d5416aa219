"""The document: the JSON text in DESC. The only place that knows its shape.

    document = {"items": [item, ...]}

Source: contract, 1.
"""

import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from buddies import avatars
from buddies.models import MOST_LEVELS, Buddy
from xmppservice.connection.events import Entry
from xmppservice.protocol.jids import escape_localpart, parse_jid

EMPTY = '{"items":[]}'

# "\\n" or "&amp;" as text: somebody escaped what was escaped already.
_DOUBLE_ESCAPED = re.compile(r"\\[nrtu\"]|&(?:amp|lt|gt|quot|#\d+);")

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
PICTURES = ("imageUrl", "thumbUrl")
MOST_THUMB = 8 * 1024  # bytes (XEP-0153, 5.1)
OURS = "/media/"  # what a rooted address of an own picture begins with
ITEM_KEYS = {"address", "serverAddress", "type", "info", "items", *FLAGS}


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


# --- Out ----------------------------------------------------------------------


def build(buddies: Iterable[Buddy], at: datetime) -> Document:
    """The document that clients read: no drafts, no empty groups.

    ``buddies`` is the whole tree, in any order; ``at`` is the moment for which
    the schedules of entries count.
    """

    def is_shown(buddy: Buddy, item: Item) -> bool:
        return buddy.is_published and buddy.is_due(at) and item.get("items") != []

    return _assemble(buddies, is_shown)


def next_change(buddies: Iterable[Buddy], at: datetime) -> datetime | None:
    """When a schedule next changes the document of these entries."""
    moments = (
        moment
        for buddy in buddies
        if buddy.is_published
        for moment in (buddy.visible_from, buddy.visible_until)
        if moment is not None and moment > at
    )
    return min(moments, default=None)


def build_all(buddies: Iterable[Buddy]) -> Document:
    """The whole tree, drafts and empty groups included; loads back without loss."""
    return _assemble(buddies, lambda buddy, item: True)


def dumps(document: Document) -> str:
    """The document as compact JSON text, the same bytes for the same tree."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _assemble(
    buddies: Iterable[Buddy], wanted: Callable[[Buddy, Item], bool]
) -> Document:
    children: dict[int | None, list[Buddy]] = {}
    for buddy in sorted(buddies, key=lambda buddy: (buddy.position, buddy.pk)):
        children.setdefault(buddy.parent_id, []).append(buddy)
    items: dict[int, Item] = {}
    # Children before their parents, so that an emptied group is seen as empty.
    for buddy in reversed(list(_depth_first(children))):
        item = _item(buddy)
        if buddy.type == Buddy.Type.GROUP:
            below = children.get(buddy.pk, ())
            item["items"] = [items[child.pk] for child in below if child.pk in items]
        if wanted(buddy, item):
            items[buddy.pk] = item
    top = children.get(None, ())
    return {"items": [items[buddy.pk] for buddy in top if buddy.pk in items]}


def _depth_first(children: dict[int | None, list[Buddy]]) -> Iterator[Buddy]:
    # A stack of its own: a tree may be deeper than Python's.
    stack = list(reversed(children.get(None, ())))
    while stack:
        buddy = stack.pop()
        yield buddy
        stack.extend(reversed(children.get(buddy.pk, ())))


def _item(buddy: Buddy) -> Item:
    item: Item = {"address": buddy.address}
    if buddy.server_address:
        item["serverAddress"] = buddy.server_address
    item["type"] = buddy.type
    item |= {key: getattr(buddy, field) for key, field in FLAGS.items()}
    item["info"] = {key: getattr(buddy, field) for key, field in INFO.items()}
    for key in PICTURES:
        item["info"][key] = absolute(item["info"][key])
    if buddy.type == Buddy.Type.GROUP:
        del item["info"]["defaultMessage"]
    return item


def absolute(address: str) -> str:
    """The address of a picture as clients need it: our own are below PUBLIC_URL."""
    ours = address.startswith(OURS)
    return settings.PUBLIC_URL + address if ours else address


def _relative(address: str) -> str:
    below = address.removeprefix(settings.PUBLIC_URL)
    return below if below.startswith(OURS) else address


def addresses(document: Document) -> set[str]:
    """The addresses of all items."""
    return {item["address"] for item in items(document)}


def items(document: Document) -> Iterator[Item]:
    """All items, each group before what it holds."""
    stack = document["items"][::-1]
    while stack:
        item = stack.pop()
        yield item
        stack.extend(reversed(item.get("items", ())))


def only(document: Document, flag: str) -> Document:
    """What a client of one platform draws: no branch without its ``flag``."""
    return {"items": _only(document["items"], flag)}


def _only(items: list[Item], flag: str) -> list[Item]:
    # Not deeper than MOST_LEVELS: what is released was looked at.
    shown = [_pruned(item, flag) for item in items if item[flag]]
    return [item for item in shown if item.get("items") != []]


def _pruned(item: Item, flag: str) -> Item:
    return {**item, "items": _only(item["items"], flag)} if "items" in item else item


def entries(document: Document) -> Iterator[Entry]:
    """What clients see of it that read no document, each group before its items."""
    stack = [("", item) for item in reversed(document["items"])]
    while stack:
        parent, item = stack.pop()
        yield _entry(parent, item)
        below = reversed(item.get("items", ()))
        stack.extend((item["address"], child) for child in below)


def _entry(parent: str, item: Item) -> Entry:
    is_group, info = item["type"] == Buddy.Type.GROUP, item["info"]
    return Entry(
        address=item["address"],
        parent=parent,
        is_group=is_group,
        local="" if is_group else escape_localpart(item["address"]),
        to="" if is_group else _routed(item),
        thread=item["address"] if item.get("serverAddress") else "",
        name=info["name"],
        status=info["status"],
        image=info["imageUrl"],
        thumb=b"" if is_group else _thumb(info["thumbUrl"]),
    )


def _thumb(address: str) -> bytes:
    """The file of an own thumbnail, if a vCard may carry it."""
    folder, _, name = _relative(address).rpartition("/")
    if f"{folder}/" != f"{OURS}avatars/" or not re.fullmatch(avatars.NAME, name):
        return b""
    try:
        data = avatars.read(name) or b""
    except OSError:
        # Not worth a release: the vCard has the address.
        return b""
    return data if len(data) <= MOST_THUMB else b""


def _routed(item: Item) -> str:
    """Where a message goes (contract, 1, Routing): a JID, or a localpart."""
    to = item.get("serverAddress") or item["address"]
    return (parse_jid(to) or "") if "@" in to else escape_localpart(to)


def levels(document: Document) -> int:
    """How deep the document is: 1 for entries at the top alone."""
    depth, below = 0, document["items"]
    while below:
        depth += 1
        below = [child for item in below for child in item.get("items", ())]
    return depth


DRAFT = gettext_lazy("draft: shown nowhere")
EMPTY_GROUP = gettext_lazy("empty group: not shown")
SCHEDULED = gettext_lazy("hidden by its schedule")
ESCAPED = gettext_lazy("looks double-escaped")


def remarks(buddy: Buddy, is_empty: bool, at: datetime) -> list[str]:
    """What staff should know of an entry: why clients do not see it, or not well."""
    texts = (getattr(buddy, field) for field in INFO.values())
    found = (
        (DRAFT, not buddy.is_published),
        (EMPTY_GROUP, is_empty and buddy.type == Buddy.Type.GROUP),
        (SCHEDULED, buddy.is_published and not buddy.is_due(at)),
        (ESCAPED, any(map(_DOUBLE_ESCAPED.search, texts))),
    )
    return [str(remark) for remark, holds in found if holds]


def looks_escaped(item: Item) -> bool:
    """Whether a text of an item seems to have been escaped twice."""
    return any(map(_DOUBLE_ESCAPED.search, item["info"].values()))


# --- In -----------------------------------------------------------------------


def loads(text: str) -> list[Node]:
    """Nodes of a document's text, parents before children.

    Raises DocumentError.
    """
    return list(read(_parse(text)))


_SURROGATE = re.compile("[\ud800-\udfff]")


def has_surrogate(text: str) -> bool:
    """Whether a text has half a character, as JSON can write and UTF-8 cannot."""
    return _SURROGATE.search(text) is not None


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        said = {"line": error.lineno, "column": error.colno}
        place = _("line %(line)s, column %(column)s") % said
        reason = _("not JSON: %(reason)s") % {"reason": _(error.msg)}
        raise DocumentError(place, reason) from None
    except RecursionError:
        raise DocumentError("", _("nested too deep")) from None
    except ValueError:
        # Python refuses to read a number of thousands of digits.
        raise DocumentError("", _("not JSON: a number is too long")) from None


def read(document: Any) -> Iterator[Node]:
    """Check the shape of a parsed document; yield its nodes, parents first.

    Raises DocumentError. Length, characters and uniqueness are the model's.
    """
    _expect(document, dict, "document")
    _no_other_keys(document, {"items"}, "document")
    waiting: deque[tuple[int, str, int | None, Any]] = deque()
    waiting.append((1, "items", None, document.get("items")))
    index = -1
    while waiting:
        level, path, parent, items = waiting.popleft()
        if level > MOST_LEVELS and items:
            reason = _("deeper than %(most)s levels") % {"most": MOST_LEVELS}
            raise DocumentError(path, reason)
        _expect(items, list, path)
        for place, item in enumerate(items):
            here = f"{path}[{place}]"
            index += 1
            yield Node(here, parent, _fields(item, here))
            if item["type"] == Buddy.Type.GROUP:
                waiting.append(
                    (level + 1, f"{here}.items", index, item.get("items", []))
                )


def _fields(item: Any, path: str) -> dict[str, Any]:
    _expect(item, dict, path)
    _no_other_keys(item, ITEM_KEYS, path)
    kind = item.get("type")
    if kind not in Buddy.Type.values:
        raise DocumentError(f"{path}.type", _("must be group or channel"))
    if kind == Buddy.Type.GROUP:
        _refuse_text(item, "serverAddress", path)
    if kind == Buddy.Type.CHANNEL and "items" in item:
        raise DocumentError(f"{path}.items", _("a channel has no items"))
    info = _expect(item.get("info"), dict, f"{path}.info")
    _no_other_keys(info, set(INFO), f"{path}.info")
    if kind == Buddy.Type.GROUP:
        _refuse_text(info, "defaultMessage", f"{path}.info")
    return {
        "type": kind,
        "address": _text(item, "address", path),
        "server_address": _text(item, "serverAddress", path),
        **{field: _flag(item, key, path) for key, field in FLAGS.items()},
        **{field: _info(info, key, f"{path}.info") for key, field in INFO.items()},
    }


def _expect(value: Any, kind: type, path: str) -> Any:
    if not isinstance(value, kind):
        is_list = kind is list
        reason = _("must be a list") if is_list else _("must be an object")
        raise DocumentError(path, reason)
    return value


def _no_other_keys(value: dict[str, Any], known: set[str], path: str) -> None:
    for key in value:
        if has_surrogate(key):
            raise DocumentError(path, _("the name of a field has half a character"))
        if key not in known:
            raise DocumentError(f"{path}.{key}", _("is not a field of the document"))


def _text(value: dict[str, Any], key: str, path: str) -> str:
    text = value.get(key, "")
    if not isinstance(text, str):
        raise DocumentError(f"{path}.{key}", _("must be text"))
    if has_surrogate(text):
        raise DocumentError(f"{path}.{key}", _("has half a character"))
    return text


def _info(value: dict[str, Any], key: str, path: str) -> str:
    text = _text(value, key, path)
    return _relative(text) if key in PICTURES else text


def _refuse_text(value: dict[str, Any], key: str, path: str) -> None:
    if _text(value, key, path):
        raise DocumentError(f"{path}.{key}", _("a group has none"))


def _flag(value: dict[str, Any], key: str, path: str) -> bool:
    flag = value.get(key)
    if not isinstance(flag, bool):
        raise DocumentError(f"{path}.{key}", _("must be true or false"))
    return flag
