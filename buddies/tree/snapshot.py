"""The whole tree in memory: its entries by their keys, and the order in each group.

The values are those that JSON keeps, so that the same ones are compared, stored and
read back. A pair of fields that only make sense together, visible from and until, is
one value here: ``schedule``.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from buddies.models import Buddy
from buddies.tree.positions import GAP

Key = str
Group = Key | None  # None: the top level
Values = dict[str, Any]

PARENT, SCHEDULE = "parent", "schedule"
# The fields that are stored as they are.
PLAIN = (
    "type",
    "address",
    "server_address",
    "mobile_is_published",
    "web_is_published",
    "name",
    "status",
    "image_url",
    "thumb_url",
    "default_message",
)
MOMENTS = ("visible_from", "visible_until")
NAMES = (PARENT, *PLAIN, SCHEDULE)


class Snapshot(NamedTuple):
    """All entries, and the keys in each group in their order: no empty lists."""

    entries: dict[Key, Values]
    order: dict[Group, list[Key]]


NOTHING = Snapshot({}, {})


def of(
    buddies: Iterable[Buddy], known: Mapping[Key, Values] = MappingProxyType({})
) -> Snapshot:
    """Return the snapshot of a whole tree, in any order.

    ``known`` are the values of some of the entries.
    """
    buddies = sorted(buddies, key=lambda buddy: (buddy.position, buddy.pk))
    keys = {buddy.pk: str(buddy.key) for buddy in buddies}
    entries: dict[Key, Values] = {}
    order: dict[Group, list[Key]] = {}
    for buddy in buddies:
        key = keys[buddy.pk]
        group = None if buddy.parent_id is None else keys[buddy.parent_id]
        entries[key] = known.get(key) or values_of(buddy, group)
        order.setdefault(group, []).append(key)
    return Snapshot(entries, order)


def values_of(buddy: Buddy, group: Group) -> Values:
    """Return the values of an entry that is in this group."""
    values: Values = {PARENT: group}
    for name in PLAIN:
        values[name] = getattr(buddy, name)
    values[SCHEDULE] = [_written(getattr(buddy, name)) for name in MOMENTS]
    return values


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat()


def set_values(buddy: Buddy, values: Mapping[str, Any]) -> None:
    """Set an entry's fields, except its group."""
    for name in PLAIN:
        setattr(buddy, name, values[name])
    for name, moment in zip(MOMENTS, values[SCHEDULE], strict=True):
        setattr(buddy, name, read(name, moment))


def read(field: str, value: Any) -> Any:
    """Return the value of a model's field as Django has it."""
    is_moment = field in MOMENTS and value is not None
    return datetime.fromisoformat(value) if is_moment else value


def change(values: Values, fields: Mapping[str, Any], group: Group) -> Values:
    """Return what ``values`` become when these fields of the model are set.

    ``group`` is the key of the ``parent`` among the fields.
    """
    result = {name: value for name, value in fields.items() if name in PLAIN}
    if PARENT in fields:
        result[PARENT] = group
    if not fields.keys().isdisjoint(MOMENTS):
        pairs = zip(MOMENTS, values[SCHEDULE], strict=True)
        result[SCHEDULE] = [
            _written(fields[name]) if name in fields else old for name, old in pairs
        ]
    return result


def fields_of(names: Iterable[str]) -> list[str]:
    """Return the model's fields that hold these values."""
    results: list[str] = []
    for name in names:
        results += MOMENTS if name == SCHEDULE else [name]
    return results


def name_of(field: str) -> str:
    """Return the name of the value that has a field of the model."""
    return SCHEDULE if field in MOMENTS else field


def depth_first(snapshot: Snapshot) -> Iterator[Key]:
    """Yield the keys, each group before what it holds."""
    waiting = snapshot.order.get(None, [])[::-1]
    while waiting:
        key = waiting.pop()
        yield key
        waiting += snapshot.order.get(key, [])[::-1]


def branch(snapshot: Snapshot, roots: Iterable[Key]) -> list[Key]:
    """Return the keys of entries with everything below them, each once."""
    found: dict[Key, None] = {}
    waiting = list(roots)[::-1]
    while waiting:
        key = waiting.pop()
        if key not in found:
            found[key] = None
            waiting += snapshot.order.get(key, [])[::-1]
    return list(found)


def positions(
    snapshot: Snapshot,
    stored: Mapping[Key, Buddy],
    order: Mapping[Group, list[Key]] = MappingProxyType({}),
) -> dict[Key, int]:
    """Return a position for each entry; the stored ones of groups in that order.

    Without those of the groups in which the stored entries have this very ``order``.
    """
    results: dict[Key, int] = {}
    for group, held in snapshot.order.items():
        if held is order.get(group):
            continue
        known = [stored[key].position for key in held if key in stored]
        is_kept = len(known) == len(held) and all(a < b for a, b in pairwise(known))
        results |= zip(
            held,
            known if is_kept else range(GAP, GAP * (len(held) + 1), GAP),
            strict=True,
        )
    return results


def draw(
    tree: Snapshot,
    ids: Mapping[Key, int],
    stored: Mapping[Key, Buddy] = MappingProxyType({}),
    live: Snapshot = NOTHING,
) -> list[Buddy]:
    """Return the entries of a tree, each group before what it holds.

    ``ids`` are their numbers. Those that are as they are ``live`` are the ``stored``
    ones themselves.
    """
    places = positions(tree, stored, live.order)
    drawn: dict[Group, Buddy | None] = {None: None}
    for key in depth_first(tree):
        values, old = tree.entries[key], stored.get(key)
        place = places[key] if key in places or old is None else old.position
        if old and live.entries.get(key) == values and old.position == place:
            drawn[key] = old
            continue
        version = old.version if old else 0
        buddy = Buddy(key=UUID(key), pk=ids.get(key), version=version)
        set_values(buddy, values)
        buddy.parent, buddy.position = drawn[values[PARENT]], place
        drawn[key] = buddy
    return [buddy for buddy in drawn.values() if buddy is not None]
