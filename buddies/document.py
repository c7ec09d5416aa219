"""The document: the JSON text in DESC. The only place that knows its shape.

    document = {"items": [item, ...]}

Source: contract, 1.
"""

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from buddies.models import MOST_LEVELS, Buddy

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


def build(buddies: Iterable[Buddy]) -> Document:
    """The document that clients read: no drafts, no empty groups.

    ``buddies`` is the whole tree, in any order.
    """
    return _assemble(buddies, _is_shown)


def build_all(buddies: Iterable[Buddy]) -> Document:
    """The whole tree, drafts and empty groups included; loads back without loss."""
    return _assemble(buddies, lambda buddy, item: True)


def dumps(document: Document) -> str:
    """The document as compact JSON text, the same bytes for the same tree."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _is_shown(buddy: Buddy, item: Item) -> bool:
    published = buddy.mobile_is_published or buddy.web_is_published
    return published and item.get("items") != []


def _assemble(buddies: Iterable[Buddy], wanted: Any) -> Document:
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
    if buddy.type == Buddy.Type.GROUP:
        del item["info"]["defaultMessage"]
    return item


def levels(document: Document) -> int:
    """How deep the document is: 1 for entries at the top alone."""
    depth, below = 0, document["items"]
    while below:
        depth += 1
        below = [child for item in below for child in item.get("items", ())]
    return depth


def remarks(buddy: Buddy, is_empty: bool) -> list[str]:
    """What staff should know of an entry: why clients do not see it, or not well."""
    texts = (getattr(buddy, field) for field in INFO.values())
    found = {
        "draft: shown nowhere": not (
            buddy.mobile_is_published or buddy.web_is_published
        ),
        "empty group: not shown": buddy.type == Buddy.Type.GROUP and is_empty,
        "looks double-escaped": any(map(_DOUBLE_ESCAPED.search, texts)),
    }
    return [remark for remark, holds in found.items() if holds]


# --- In -----------------------------------------------------------------------


def loads(text: str) -> list[Node]:
    """Nodes of a document's text, parents before children.

    Raises DocumentError.
    """
    return list(read(_parse(text)))


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise DocumentError(place, f"not JSON: {error.msg}") from None
    except RecursionError:
        raise DocumentError("", "nested too deep") from None
    except ValueError:
        # Python refuses to read a number of thousands of digits.
        raise DocumentError("", "not JSON: a number is too long") from None


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
            raise DocumentError(path, f"deeper than {MOST_LEVELS} levels")
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
        raise DocumentError(f"{path}.type", "must be group or channel")
    if kind == Buddy.Type.GROUP:
        _refuse_text(item, "serverAddress", path)
    if kind == Buddy.Type.CHANNEL and "items" in item:
        raise DocumentError(f"{path}.items", "a channel has no items")
    info = _expect(item.get("info"), dict, f"{path}.info")
    _no_other_keys(info, set(INFO), f"{path}.info")
    if kind == Buddy.Type.GROUP:
        _refuse_text(info, "defaultMessage", f"{path}.info")
    return {
        "type": kind,
        "address": _text(item, "address", path),
        "server_address": _text(item, "serverAddress", path),
        **{field: _flag(item, key, path) for key, field in FLAGS.items()},
        **{field: _text(info, key, f"{path}.info") for key, field in INFO.items()},
    }


def _expect(value: Any, kind: type, path: str) -> Any:
    names: dict[Any, str] = {dict: "an object", list: "a list"}
    if not isinstance(value, kind):
        raise DocumentError(path, f"must be {names[kind]}")
    return value


def _no_other_keys(value: dict[str, Any], known: set[str], path: str) -> None:
    for key in value:
        if key not in known:
            raise DocumentError(f"{path}.{key}", "is not a field of the document")


def _text(value: dict[str, Any], key: str, path: str) -> str:
    text = value.get(key, "")
    if not isinstance(text, str):
        raise DocumentError(f"{path}.{key}", "must be text")
    return text


def _refuse_text(value: dict[str, Any], key: str, path: str) -> None:
    if _text(value, key, path):
        raise DocumentError(f"{path}.{key}", "a group has none")


def _flag(value: dict[str, Any], key: str, path: str) -> bool:
    flag = value.get(key)
    if not isinstance(flag, bool):
        raise DocumentError(f"{path}.{key}", "must be true or false")
    return flag
