"""Build the document from the tree: for clients, or the whole tree."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from django.utils.translation import gettext_lazy

from buddies.document.judgement import Fault, faults, route_of, taken
from buddies.document.shape import (
    FLAGS,
    INFO,
    PICTURES,
    SCHEDULE,
    Document,
    Item,
    absolute,
    items,
)
from buddies.models import Buddy

# "\\n" or "&amp;" in a text: it was escaped twice.
_DOUBLE_ESCAPED = re.compile(r"\\[nrtu\"]|&(?:amp|lt|gt|quot|#\d+);")


def published(buddies: Iterable[Buddy], at: datetime) -> Document:
    """The document that clients read: no drafts, no empty groups.

    ``buddies`` is the whole tree, in any order; ``at`` is the moment at which
    schedules are evaluated.
    """
    buddies = list(buddies)
    left_out = withheld(buddies, at)

    shown = [
        buddy
        for buddy in buddies
        if buddy.is_published and buddy.is_due(at) and buddy.pk not in left_out
    ]
    return _assemble(shown, lambda item: item.get("items") != [])


def withheld(buddies: Iterable[Buddy], at: datetime) -> dict[int, Fault]:
    """Return the entries that would be shown if they had no fault, by their key.

    No edit makes such an entry: it was stored by an older version, or by hand. Of
    two that an XMPP server can't tell apart, the first one is shown.

    Source: decision 0040.
    """
    results: dict[int, Fault] = {}
    routes: dict[str, Buddy] = {}
    shown: set[int | None] = {None}
    for buddy in _depth_first(_children(buddies)):
        if not (buddy.parent_id in shown and buddy.is_published and buddy.is_due(at)):
            continue
        fault = next(iter(faults(buddy)), None)
        route = route_of(buddy)
        other = routes.setdefault(route, buddy) if route else buddy
        if fault is None and other is not buddy:
            fault = Fault("address", taken(other.address))
        if fault is None:
            shown.add(buddy.pk)
        else:
            results[buddy.pk] = fault
    return results


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


def whole(buddies: Iterable[Buddy]) -> Document:
    """The whole tree: drafts, empty groups, schedules. It loads back without loss."""
    buddies = list(buddies)
    document = _assemble(buddies, lambda item: True)
    by_address = {buddy.address: buddy for buddy in buddies}
    for item in items(document):
        for key, field in SCHEDULE.items():
            if moment := getattr(by_address[item["address"]], field):
                item[key] = moment.isoformat()
    return document


def dumps(document: Document) -> str:
    """The document as compact JSON text, the same bytes for the same tree."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _assemble(buddies: Iterable[Buddy], wanted: Callable[[Item], bool]) -> Document:
    children = _children(buddies)
    made: dict[int, Item] = {}
    # Children before parents, so that a group with no shown child is empty.
    for buddy in reversed(list(_depth_first(children))):
        item = _item(buddy)
        if buddy.type == Buddy.Type.GROUP:
            below = children.get(buddy.pk, ())
            item["items"] = [made[child.pk] for child in below if child.pk in made]
        if wanted(item):
            made[buddy.pk] = item
    top = children.get(None, ())
    return {"items": [made[buddy.pk] for buddy in top if buddy.pk in made]}


def _children(buddies: Iterable[Buddy]) -> dict[int | None, list[Buddy]]:
    children: dict[int | None, list[Buddy]] = {}
    for buddy in sorted(buddies, key=lambda buddy: (buddy.position, buddy.pk)):
        children.setdefault(buddy.parent_id, []).append(buddy)
    return children


def _depth_first(children: dict[int | None, list[Buddy]]) -> Iterator[Buddy]:
    # An explicit stack: a tree may be deeper than Python's.
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


def for_platform(document: Document, flag: str) -> Document:
    """Return the document for one platform, without branches that lack its ``flag``."""
    return {"items": _filter(document["items"], flag)}


def _filter(items: list[Item], flag: str) -> list[Item]:
    # Recursion is safe: no release is deeper than MAX_LEVELS.
    shown = [_filter_item(item, flag) for item in items if item[flag]]
    return [item for item in shown if item.get("items") != []]


def _filter_item(item: Item, flag: str) -> Item:
    return {**item, "items": _filter(item["items"], flag)} if "items" in item else item


DRAFT = gettext_lazy("draft: not published anywhere")
EMPTY_GROUP = gettext_lazy("empty group: not shown to apps")
SCHEDULED = gettext_lazy("hidden by its schedule")
ESCAPED = gettext_lazy("contains escaped text such as &amp;")


def remarks(buddy: Buddy, is_empty: bool, at: datetime) -> list[str]:
    """Return remarks for staff: why clients do not see an entry, or see it garbled."""
    hidden = (
        (DRAFT, not buddy.is_published),
        (SCHEDULED, buddy.is_published and not buddy.is_due(at)),
    )
    return [*(str(why) for why, holds in hidden if holds), *warnings(buddy, is_empty)]


def warnings(buddy: Buddy, is_empty: bool) -> list[str]:
    """Return what is probably a mistake in an entry, in words for staff."""
    texts = (getattr(buddy, field) for field in INFO.values())
    results = (
        *((fault.about(buddy), True) for fault in faults(buddy)),
        (EMPTY_GROUP, is_empty and buddy.type == Buddy.Type.GROUP),
        (ESCAPED, any(map(_DOUBLE_ESCAPED.search, texts))),
    )
    return [str(warning) for warning, holds in results if holds]


def looks_escaped(item: Item) -> bool:
    """Whether a text of an item seems to have been escaped twice."""
    return any(map(_DOUBLE_ESCAPED.search, item["info"].values()))
