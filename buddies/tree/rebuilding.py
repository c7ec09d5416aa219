"""The tree that clients would read a given document from."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from buddies.document import build, shape
from buddies.document.shape import Node
from buddies.models import Buddy
from buddies.tree import snapshot
from buddies.tree.snapshot import MOMENTS, PARENT, Group, Key, Snapshot, Values

HIDDEN = {"mobile_is_published": False, "web_is_published": False}

Entries = Sequence[tuple[Node, Buddy]]


def rebuilt(tree: Snapshot, document: Entries, at: datetime) -> Snapshot:
    """Return ``tree`` so changed that clients read ``document`` at that moment.

    ``document`` has an entry for each node, with an address. Those of the tree are
    found by their address. Nothing is deleted: visible entries that the document does
    not contain are hidden.
    """
    known = {values["address"]: key for key, values in tree.entries.items()}
    keys = [known.get(new.address, str(new.key)) for _node, new in document]
    entries = dict(tree.entries)
    wanted: dict[Group, list[Key]] = {}
    for (node, new), key in zip(document, keys, strict=True):
        group = None if node.parent is None else keys[node.parent]
        wanted.setdefault(group, []).append(key)
        values = entries.get(key) or snapshot.values_of(new, group)
        entries[key] = _rewritten(values, node.fields, group, at)
    orphans = _free_orphans(entries, set(keys))
    order = {
        group: [*wanted.get(group, []), *orphans] if group is None else wanted[group]
        for group in {None, *wanted}
    }
    for group, held in tree.order.items():
        left = [k for k in held if k in entries and entries[k][PARENT] == group]
        order[group] = among(order.get(group, []), left)
    order = {group: held for group, held in order.items() if held}
    return _hide_others(Snapshot(entries, order), set(keys), at)


def _rewritten(
    values: Values, fields: dict[str, Any], group: Group, at: datetime
) -> Values:
    # The entry was found by its address, or given a new one.
    fields = {name: value for name, value in fields.items() if name != "address"}
    result = {**values, **snapshot.change(values, fields, group), PARENT: group}
    if fields.keys().isdisjoint(MOMENTS):
        # The document shows it now, so no schedule may hide it.
        begin, end = (
            snapshot.read(name, value)
            for name, value in zip(MOMENTS, result[snapshot.SCHEDULE], strict=True)
        )
        shown = {
            "visible_from": None if begin and begin > at else begin,
            "visible_until": None if end and end <= at else end,
        }
        result |= snapshot.change(result, shown, None)
    return result


def _free_orphans(entries: dict[Key, Values], named: set[Key]) -> list[Key]:
    """Hide what is in groups that become channels, and put it at the top level."""
    channels = {k for k in named if entries[k]["type"] == Buddy.Type.CHANNEL}
    orphans = [
        key
        for key, values in entries.items()
        if key not in named and values[PARENT] in channels
    ]
    for key in orphans:
        entries[key] = {**entries[key], **HIDDEN, PARENT: None}
    return orphans


def among(wanted: list[Key], old: Iterable[Key]) -> list[Key]:
    """Return the wanted order, with others of the old one behind their neighbours."""
    gaps: dict[Group, list[Key]] = {}
    fixed, behind = set(wanted), None
    for key in old:
        if key in fixed:
            behind = key
        else:
            gaps.setdefault(behind, []).append(key)
    result = gaps.get(None, [])
    for key in wanted:
        result += [key, *gaps.get(key, [])]
    return result


def _hide_others(tree: Snapshot, named: set[Key], at: datetime) -> Snapshot:
    """Hide the topmost visible entries that are not named."""
    buddies = snapshot.draw(tree, {key: n for n, key in enumerate(tree.entries, 1)})
    shown = {tree.entries[key]["address"] for key in named}
    seen = shape.addresses(build.published(buddies, at)) - shown
    # Hiding one of two that share an address would show the other.
    withheld = build.withheld(buddies, at)
    hidden = {b.pk: b for b in buddies if b.address in seen or b.pk in withheld}
    topmost = [buddy for buddy in hidden.values() if buddy.parent_id not in hidden]
    entries = dict(tree.entries)
    for buddy in topmost:
        entries[str(buddy.key)] = {**entries[str(buddy.key)], **HIDDEN}
    return Snapshot(entries, tree.order)


# --- One branch -----------------------------------------------------------------------


def with_branch(tree: Snapshot, then: Snapshot, root: Key) -> Snapshot:
    """Return ``tree`` with one branch as ``then`` had it.

    What left the branch since comes back to it, and what came into it stays, behind
    its neighbours. The branch is where it was or, if that is no place any more, where
    it is; or at the top level.
    """
    keys = snapshot.branch(then, [root])
    entries = {**tree.entries, **{key: then.entries[key] for key in keys}}
    places = (then.entries[root][PARENT], tree.entries.get(root, {}).get(PARENT))
    group = next((one for one in places if _can_hold(entries, one, root)), None)
    entries[root] = {**entries[root], PARENT: group}
    order: dict[Group, list[Key]] = {}
    for one in {*tree.order, *then.order, group}:
        old = [k for k in then.order.get(one, []) if _is_in(entries, k, one)]
        new = [k for k in tree.order.get(one, []) if _is_in(entries, k, one)]
        held = among(old, new) if one in keys else among(new, old)
        if held:
            order[one] = held
    if root not in order.get(group, []):
        order.setdefault(group, []).append(root)
    return Snapshot(entries, order)


def _is_in(entries: dict[Key, Values], key: Key, group: Group) -> bool:
    return key in entries and entries[key][PARENT] == group


def _can_hold(entries: dict[Key, Values], group: Group, root: Key) -> bool:
    """Whether an entry can be in a group: one that exists, and is not inside it."""
    while group is not None:
        if group == root or group not in entries:
            return False
        group = entries[group][PARENT]
    return True
