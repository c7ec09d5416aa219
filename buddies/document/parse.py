"""Read a document: check its text, and turn it into nodes."""

import json
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from buddies.document.shape import (
    FLAGS,
    INFO,
    ITEM_KEYS,
    SCHEDULE,
    DocumentError,
    Node,
    has_surrogate,
)
from buddies.document.text import normal
from buddies.models import MAX_LEVELS, Buddy
from xmppservice.runtime.moments import resolve


def loads(text: str) -> list[Node]:
    """Return the nodes of a document's text, parents before children.

    Raises DocumentError.
    """
    return list(read(_parse(text)))


def _parse(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        params = {"line": error.lineno, "column": error.colno}
        place = _("line %(line)s, column %(column)s") % params
        reason = _("not JSON: %(reason)s") % {"reason": _(error.msg)}
        raise DocumentError(place, reason) from None
    except RecursionError:
        raise DocumentError("", _("nested too deeply")) from None
    except ValueError:
        # Python refuses to parse numbers with thousands of digits.
        raise DocumentError("", _("not JSON: a number is too long")) from None


_TWICE = object()  # the value of a key that an object has twice


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        result[key] = _TWICE if key in result else value
    return result


def read(document: Any) -> Iterator[Node]:
    """Check the shape of a parsed document; yield its nodes, parents first.

    Raises DocumentError. :mod:`buddies.document.judgement` judges what the texts say.
    """
    _expect(document, dict, "document")
    _refuse_keys(document, {"items"}, "document")
    waiting: deque[tuple[int, str, int | None, Any]] = deque()
    waiting.append((1, "items", None, document.get("items")))
    index = -1
    while waiting:
        level, path, parent, items = waiting.popleft()
        if level > MAX_LEVELS and items:
            reason = _("deeper than %(most)s levels") % {"most": MAX_LEVELS}
            raise DocumentError(path, reason)
        _expect(items, list, path)
        for place, item in enumerate(items):
            item_path = f"{path}[{place}]"
            index += 1
            yield Node(item_path, parent, _fields(item, item_path))
            if item["type"] == Buddy.Type.GROUP:
                waiting.append(
                    (level + 1, f"{item_path}.items", index, item.get("items", []))
                )


def _fields(item: Any, path: str) -> dict[str, Any]:
    _expect(item, dict, path)
    _refuse_keys(item, ITEM_KEYS, path)
    kind = item.get("type")
    if kind not in Buddy.Type.values:
        raise DocumentError(f"{path}.type", _("must be group or channel"))
    if kind == Buddy.Type.CHANNEL and "items" in item:
        raise DocumentError(f"{path}.items", _("a channel has no items"))
    info = _expect(item.get("info"), dict, f"{path}.info")
    _refuse_keys(info, set(INFO), f"{path}.info")
    return {
        "type": kind,
        "address": normal("address", _text(item, "address", path)),
        "server_address": normal("server_address", _text(item, "serverAddress", path)),
        **{field: _flag(item, key, path) for key, field in FLAGS.items()},
        **_schedule(item, path),
        **{
            field: normal(field, _text(info, key, f"{path}.info"))
            for key, field in INFO.items()
        },
    }


def _expect(value: Any, kind: type, path: str) -> Any:
    if not isinstance(value, kind):
        is_list = kind is list
        reason = _("must be a list") if is_list else _("must be an object")
        raise DocumentError(path, reason)
    return value


def _refuse_keys(value: dict[str, Any], known: set[str], path: str) -> None:
    for key in value:
        if has_surrogate(key):
            raise DocumentError(
                path, _("the name of a field contains an invalid character")
            )
        if key not in known:
            raise DocumentError(f"{path}.{key}", _("is not a field of the document"))
        if value[key] is _TWICE:
            raise DocumentError(f"{path}.{key}", _("appears twice"))


def _text(value: dict[str, Any], key: str, path: str) -> str:
    text = value.get(key, "")
    if not isinstance(text, str):
        raise DocumentError(f"{path}.{key}", _("must be text"))
    if has_surrogate(text):
        raise DocumentError(f"{path}.{key}", _("contains an invalid character"))
    return text


def _flag(value: dict[str, Any], key: str, path: str) -> bool:
    flag = value.get(key)
    if not isinstance(flag, bool):
        raise DocumentError(f"{path}.{key}", _("must be true or false"))
    return flag


def _schedule(item: dict[str, Any], path: str) -> dict[str, Any]:
    """Return both ends of a schedule, if the item has one of them."""
    if SCHEDULE.keys().isdisjoint(item):
        return {}
    return {field: _moment(item, key, path) for key, field in SCHEDULE.items()}


def _moment(value: dict[str, Any], key: str, path: str) -> datetime | None:
    if key not in value:
        return None
    try:
        if written := parse_datetime(value[key]):
            return resolve(written)
    except ValidationError as error:
        raise DocumentError(f"{path}.{key}", error.messages[0]) from None
    except (TypeError, ValueError):
        pass  # no text, or a date that does not exist
    reason = _("must be a date and time, such as 2026-12-31T18:30Z")
    raise DocumentError(f"{path}.{key}", reason)
