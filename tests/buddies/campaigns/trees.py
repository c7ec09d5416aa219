"""Random trees and random edits of them, in memory."""

import random
from typing import Any

from hypothesis import strategies as st

from buddies.campaigns.merge import NONE, Conflict, Differences, Merged, record
from buddies.campaigns.sketch import Sketch
from buddies.tree.snapshot import Group, Key, Snapshot, Values, branch

FIELDS: dict[str, Any] = {
    "name": "xyz",
    "mobile_is_published": (False, True),
    "web_is_published": (False, True),
    "schedule": ([None, None], ["2026-12-01", "2026-12-24"], ["2026-12-08", None]),
    "address": ("p", "q", "r"),
    "default_message": ("", "hello"),
}
KINDS = ("add", "edit", "edit", "move", "move", "order", "order", "remove", "turn")
SEEDS = st.integers(0, 10**6)
_NUMBERS = st.integers(0, 99)
EDITS = st.lists(
    st.tuples(st.sampled_from(KINDS), _NUMBERS, _NUMBERS, _NUMBERS), max_size=6
)
Edits = list[tuple[str, int, int, int]]


def values(group: Group, kind: str, address: str, **more: Any) -> Values:
    return {
        "parent": group,
        "type": kind,
        "address": address,
        "server_address": "",
        "mobile_is_published": False,
        "web_is_published": True,
        "name": address,
        "status": "",
        "image_url": "",
        "thumb_url": "",
        "default_message": "",
        "schedule": [None, None],
        **more,
    }


def some_tree(seed: int, size: int | None = None) -> Snapshot:
    """Return a tree of up to eleven entries, or of ``size``."""
    rng = random.Random(seed)
    sketch = Sketch(Snapshot({}, {}))
    for number in range(rng.randrange(12) if size is None else size):
        key = f"{rng.randrange(16**6):06x}{number}"
        kind = rng.choice(("group", "channel", "channel"))
        group = rng.choice(groups(sketch))
        sketch.add(key, values(group, kind, f"a-{key}"))
        place(sketch, key, group, rng.randrange(99))
    return sketch.finish()


def groups(sketch: Sketch) -> list[Group]:
    found = [k for k, v in sketch.entries.items() if v["type"] == "group"]
    return [None, *found]


def place(sketch: Sketch, key: Key, group: Group, number: int) -> None:
    """Move an entry to a place of a group, counted around."""
    held = [k for k in sketch.finish().order.get(group, []) if k != key]
    at = number % (len(held) + 1)
    if at == len(held):
        sketch.move([key], group, "last")
    else:
        sketch.move([key], held[at], "before")


def edited(tree: Snapshot, edits: Edits, editor: str) -> Snapshot:
    """Return the tree after the edits that make sense in it."""
    sketch = Sketch(tree)
    for number, edit in enumerate(edits):
        _apply(sketch, edit, f"{editor}{number}")
    return sketch.finish()


def _apply(sketch: Sketch, edit: tuple[str, int, int, int], name: str) -> None:
    kind, a, b, c = edit
    known = groups(sketch)
    if kind == "add":
        key = f"{random.Random(f'{name}{a}{b}{c}').randrange(16**6):06x}{name}"
        group = known[a % len(known)]
        entry_kind = ("group", "channel")[c % 2]
        sketch.add(key, values(group, entry_kind, f"a-{key}"))
        place(sketch, key, group, b)
    elif sketch.entries:
        keys = sorted(sketch.entries)
        _change(sketch, keys[a % len(keys)], known, edit)


def _change(
    sketch: Sketch, key: Key, known: list[Group], edit: tuple[str, int, int, int]
) -> None:
    kind, _a, b, c = edit
    if kind == "edit":
        name = sorted(FIELDS)[b % len(FIELDS)]
        _set(sketch, key, name, FIELDS[name][c % len(FIELDS[name])])
    elif kind == "move":
        group = known[b % len(known)]
        if group not in branch(sketch.finish(), [key]):
            place(sketch, key, group, c)
    elif kind == "order":
        place(sketch, key, sketch.entries[key]["parent"], c)
    elif kind == "remove":
        sketch.remove([key])
    else:
        _turn(sketch, key)


def _set(sketch: Sketch, key: Key, name: str, value: Any) -> None:
    is_taken = any(one["address"] == value for one in sketch.entries.values())
    is_group = sketch.entries[key]["type"] == "group"
    refused = {"address": is_taken, "default_message": is_group}
    if not refused.get(name, False):
        sketch.change([key], {name: value})


def _turn(sketch: Sketch, key: Key) -> None:
    one = sketch.entries[key]
    if one["type"] == "group" and not sketch.finish().order.get(key):
        sketch.change([key], {"type": "channel"})
    elif one["type"] == "channel" and not one["default_message"]:
        sketch.change([key], {"type": "group"})


def of(base: Snapshot, tree: Snapshot) -> Differences:
    """Return the differences of a campaign that makes ``tree`` of ``base``."""
    return record(NONE, base, tree)


def assert_is_a_tree(tree: Snapshot) -> None:
    """Each entry is in one place, and can be reached from the top."""
    assert sorted(k for held in tree.order.values() for k in held) == sorted(
        tree.entries
    )
    assert all(tree.order.values())
    for group, held in tree.order.items():
        assert group is None or group in tree.entries
        assert all(tree.entries[key]["parent"] == group for key in held)
    assert set(branch(tree, tree.order.get(None, []))) == set(tree.entries)


def assert_can_be_stored(tree: Snapshot) -> None:
    """What the database and the judgement demand of a tree."""
    assert_is_a_tree(tree)
    addresses = [one["address"] for one in tree.entries.values()]
    assert len(set(addresses)) == len(addresses)
    for key, one in tree.entries.items():
        if one["type"] == "group":
            assert (one["default_message"], one["server_address"]) == ("", "")
        else:
            assert key not in tree.order


def first_of(merged: Merged) -> set[Conflict]:
    """Return what has to be decided first: others may hide behind it."""
    first = ("field", "gone", "inside", "order")
    return {conflict for conflict in merged.conflicts if conflict.kind in first}
