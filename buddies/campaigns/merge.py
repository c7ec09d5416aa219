"""A campaign's differences, laid over the tree that is live now.

Pure: no database, no clock. A conflict is a state, not an event: while the live value
is neither one that the campaign departs from nor what it wants, a person must decide.

Source: decision 0057.
"""

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any, NamedTuple

from buddies.document.judgement import route_of
from buddies.models import Buddy
from buddies.tree.snapshot import PARENT, Group, Key, Snapshot, Values


class Change(NamedTuple):
    """What a value becomes, and the live values that it knowingly departs from."""

    was: tuple[Any, ...]
    now: Any


class Order(NamedTuple):
    """The keys in a group: as they were live, and as the campaign has them."""

    was: tuple[Key, ...]
    now: tuple[Key, ...]


class Differences(NamedTuple):
    """All that a campaign changes. ``removed`` has the values seen when removing."""

    added: dict[Key, Values]
    removed: dict[Key, Values]
    changed: dict[Key, dict[str, Change]]
    orders: dict[Group, Order]


NONE = Differences({}, {}, {}, {})

FIELD, GONE, INSIDE, CIRCLE = "field", "gone", "inside", "circle"
KIND, ADDRESS, ORDER = "kind", "address", "order"
STRUCTURE = (INSIDE, CIRCLE, KIND, ADDRESS)  # what no tree can have
ROUTED = ("type", "address", "server_address")  # what a channel is reached by


class Conflict(NamedTuple):
    """What a person has to decide: see the kinds.

    field: both changed the value ``detail`` of the entry ``key``. gone: one changed
    the entry, the other deleted it. inside: it is in the group ``detail``, which the
    other one deleted. circle: two moves put entries inside each other. kind: a group
    became a channel, or the reverse, and its contents do not fit. address: the entry
    and the entry ``detail`` have one address. order: both changed the order in the
    group ``key``.
    """

    kind: str
    key: Group
    detail: str = ""


class Merged(NamedTuple):
    """The tree that results. With conflicts it is only to be looked at."""

    tree: Snapshot
    conflicts: list[Conflict]


# --- Laying it over -------------------------------------------------------------------


def merge(live: Snapshot, campaign: Differences) -> Merged:
    """Return the tree as it would be if the campaign went live now."""
    entries = dict(live.entries)
    # What the campaign leaves alone has no conflict: a large tree is not searched.
    touched = {*campaign.removed, *campaign.changed, *campaign.added}
    found = [
        *_remove(entries, campaign),
        *_change(entries, live, campaign),
        *_add(entries, campaign),
    ]
    # What follows from an open decision is not asked as well.
    undecided = {conflict.key for conflict in found}
    for look in (_orphans, _circles, _wrong_kinds, _shared_addresses):
        more = list(look(entries, live, touched, undecided))
        found += more
        undecided |= {conflict.key for conflict in more}
    order = dict(live.order)
    for group, held in _contents(entries, live, touched, campaign.orders).items():
        order[group], is_agreed = _arrange(group, held, live, campaign)
        if not is_agreed:
            found.append(Conflict(ORDER, group))
    order = {group: held for group, held in order.items() if held}
    return Merged(Snapshot(entries, order), found)


def _remove(entries: dict[Key, Values], campaign: Differences) -> Iterator[Conflict]:
    for key, seen in campaign.removed.items():
        if key in entries and entries[key] != seen:
            yield Conflict(GONE, key)
        else:
            entries.pop(key, None)


def _change(
    entries: dict[Key, Values], live: Snapshot, campaign: Differences
) -> Iterator[Conflict]:
    for key, changes in campaign.changed.items():
        if key not in live.entries:
            yield Conflict(GONE, key)
            continue
        theirs = live.entries[key]
        for name, change in changes.items():
            if theirs[name] not in (*change.was, change.now):
                yield Conflict(FIELD, key, name)
        entries[key] = theirs | {name: change.now for name, change in changes.items()}


def _add(entries: dict[Key, Values], campaign: Differences) -> Iterator[Conflict]:
    for key, values in campaign.added.items():
        # It exists if the campaign was live before, or if an undo brought it back.
        for name, value in entries.get(key, values).items():
            if value != values[name]:
                yield Conflict(FIELD, key, name)
        entries[key] = values


def _orphans(
    entries: dict[Key, Values], live: Snapshot, touched: set[Key], undecided: set[Group]
) -> Iterator[Conflict]:
    """Yield those whose group is deleted; keep it until somebody has decided."""
    candidates = touched.union(*(live.order.get(key, ()) for key in touched))
    orphans = [
        key
        for key in _those(candidates, entries)
        if (group := entries[key][PARENT]) is not None and group not in entries
    ]
    groups = [(key, entries[key][PARENT]) for key in orphans]
    yield from (
        Conflict(INSIDE, key, group)
        for key, group in groups
        if undecided.isdisjoint((key, group))
    )
    for key in orphans:
        at = key
        while (group := entries[at][PARENT]) is not None and group not in entries:
            if group in live.entries:
                entries[group] = live.entries[group]
                at = group
            else:
                entries[at] = entries[at] | {PARENT: None}


def _those(keys: set[Key], entries: dict[Key, Values]) -> list[Key]:
    """Return the keys that have an entry, in the order of these."""
    return [key for key in entries if key in keys]


def _circles(
    entries: dict[Key, Values], live: Snapshot, touched: set[Key], undecided: set[Group]
) -> Iterator[Conflict]:
    while circle := _find_circle(entries, _those(touched, entries)):
        if undecided.isdisjoint(circle):
            yield from (Conflict(CIRCLE, key) for key in circle)
        # The campaign moved one of them, or there would be no circle.
        for key in live.entries.keys() & set(circle):
            entries[key] = entries[key] | {PARENT: live.entries[key][PARENT]}


def _find_circle(entries: dict[Key, Values], starts: Iterable[Key]) -> list[Key]:
    known: set[Group] = {None}
    for start in starts:
        path: dict[Key, None] = {}
        at: Group = start
        while at is not None and at not in known and at not in path:
            path[at] = None
            at = entries[at][PARENT]
        if at in path:
            found = list(path)
            return found[found.index(at) :]
        known.update(path)
    return []


def _wrong_kinds(
    entries: dict[Key, Values], live: Snapshot, touched: set[Key], undecided: set[Group]
) -> Iterator[Conflict]:
    held = _contents(entries, live, touched)
    groups = {key for key in held if key is not None}
    for key in _those(touched | groups, entries):
        if key in undecided:
            continue
        values = entries[key]
        has_text = values["server_address"] or values["default_message"]
        is_group = values["type"] == Buddy.Type.GROUP
        below = held[key] if key in held else live.order.get(key, ())
        if has_text if is_group else not undecided.issuperset(below):
            yield Conflict(KIND, key)


def _shared_addresses(
    entries: dict[Key, Values], live: Snapshot, touched: set[Key], undecided: set[Group]
) -> Iterator[Conflict]:
    """Yield pairs that clients or servers could not tell apart."""
    # Live may have such a pair from before a rule: no campaign has to mend it.
    changed = {
        key
        for key in touched & entries.keys()
        if (old := live.entries.get(key)) is None
        or any(entries[key][name] != old[name] for name in ROUTED)
    }
    if not changed:
        return
    exact: dict[str, Key] = {}
    routed: dict[str, Key] = {}
    for key, values in entries.items():
        if key in undecided:
            continue
        other = exact.setdefault(values["address"], key)
        if other == key and (route := _route(values)):
            other = routed.setdefault(route, key)
        if other != key and not changed.isdisjoint((key, other)):
            # In one order, whichever side is laid over the other.
            yield Conflict(ADDRESS, min(key, other), max(key, other))


def _route(values: Values) -> str:
    return route_of(SimpleNamespace(**{name: values[name] for name in ROUTED}))


def _contents(
    entries: dict[Key, Values],
    live: Snapshot,
    touched: set[Key],
    more: Iterable[Group] = (),
) -> dict[Group, set[Key]]:
    """Return what the groups hold that may hold something else than live, and more."""
    contents: dict[Group, set[Key]] = {group: set() for group in more}
    for key in touched:
        for values in (live.entries.get(key), entries.get(key)):
            if values is not None:
                contents.setdefault(values[PARENT], set())
    for group, held in contents.items():
        old = live.order.get(group, ())
        held.update(k for k in old if k in entries and entries[k][PARENT] == group)
    for key in touched & entries.keys():
        contents[entries[key][PARENT]].add(key)
    return contents


# --- The order in a group -------------------------------------------------------------


def _arrange(
    group: Group, held: set[Key], live: Snapshot, campaign: Differences
) -> tuple[list[Key], bool]:
    """Return what a group holds in its order, and whether both sides agree on it."""
    theirs = [key for key in live.order.get(group, ()) if key in held]
    wish = campaign.orders.get(group)
    if wish is None:
        return [*theirs, *sorted(held.difference(theirs))], True
    mine = [key for key in wish.now if key in held]
    order, is_agreed = weave(list(wish.was), mine, theirs)
    return [*order, *sorted(held.difference(order))], is_agreed


def weave(was: list[Key], mine: list[Key], theirs: list[Key]) -> tuple[list[Key], bool]:
    """Combine both orders; when they agree, which is whose does not matter.

    What both have keeps the order of the side that changed it. What one side alone has
    stays behind the same neighbour; where both put something into one gap, the smaller
    key comes first.
    """
    both = set(mine) & set(theirs)
    shared, is_agreed = _shared(was, _only(mine, both), _only(theirs, both))
    ours, others = _gaps(mine, both), _gaps(theirs, both)
    order = _by_heads(ours.get(None, []), others.get(None, []))
    for key in shared:
        order += [key, *_by_heads(ours.get(key, []), others.get(key, []))]
    return order, is_agreed


def _shared(
    was: list[Key], mine: list[Key], theirs: list[Key]
) -> tuple[list[Key], bool]:
    """Return the order of what both have; the campaign's own if they disagree."""
    known = _only(was, set(mine))
    if mine == theirs:
        return mine, True
    # What both put here since, because the campaign was live, must be alike.
    if _gaps(mine, set(known)) == _gaps(theirs, set(known)):
        if known == _only(mine, set(known)):
            return theirs, True
        if known == _only(theirs, set(known)):
            return mine, True
    return mine, False


def _only(keys: Iterable[Key], wanted: set[Key]) -> list[Key]:
    return [key for key in keys if key in wanted]


def _gaps(keys: list[Key], shared: set[Key]) -> dict[Group, list[Key]]:
    """Return the runs of keys that are not shared, by the shared key before them."""
    gaps: dict[Group, list[Key]] = {}
    behind: Group = None
    for key in keys:
        if key in shared:
            behind = key
        else:
            gaps.setdefault(behind, []).append(key)
    return gaps


def _by_heads(these: list[Key], those: list[Key]) -> list[Key]:
    """Combine two runs, each in its own order: the smaller head first."""
    order, these, those = [], these[::-1], those[::-1]
    while these and those:
        order.append((these if these[-1] < those[-1] else those).pop())
    return order + these[::-1] + those[::-1]


# --- Recording an edit ----------------------------------------------------------------


def record(campaign: Differences, live: Snapshot, after: Snapshot) -> Differences:
    """Return the differences after the campaign's tree was edited to ``after``.

    What the edit did not touch keeps its row, and with it each open conflict.
    """
    merged = merge(live, campaign)
    before = merged.tree
    added, removed = dict(campaign.added), dict(campaign.removed)
    changed = {key: dict(changes) for key, changes in campaign.changed.items()}
    for key in before.entries.keys() - after.entries.keys():
        changed.pop(key, None)
        if added.pop(key, None) is None or key in live.entries:
            removed[key] = live.entries[key]
    for key, values in after.entries.items():
        if before.entries.get(key) == values:
            continue
        if key in added:
            # What is shown otherwise until somebody decides is no wish.
            shown = before.entries[key]
            edited = {n: v for n, v in values.items() if v != shown[n]}
            added[key] = {**added[key], **edited}
            continue
        if key not in live.entries:
            added[key] = values
            continue
        removed.pop(key, None)
        rows = changed.setdefault(key, {})
        _note(rows, live.entries[key], before.entries.get(key), values)
        if not rows:
            del changed[key]
    orders = dict(campaign.orders)
    disputed = {one.key for one in merged.conflicts if one.kind == ORDER}
    for group in before.order.keys() | after.order.keys():
        _note_order(orders, group, live, before, after, group in disputed)
    return Differences(added, removed, changed, orders)


def _note(
    rows: dict[str, Change], live: Values, before: Values | None, after: Values
) -> None:
    for name, value in after.items():
        if before is not None and before[name] == value:
            continue
        was = rows[name].was if name in rows else (live[name],)
        if value == live[name]:
            rows.pop(name, None)
        else:
            rows[name] = Change(was, value)


def _note_order(
    orders: dict[Group, Order],
    group: Group,
    live: Snapshot,
    before: Snapshot,
    after: Snapshot,
    is_disputed: bool,
) -> None:
    old, new = before.order.get(group, []), after.order.get(group, [])
    if not new:
        orders.pop(group, None)
    elif new != _only(old, set(new)):
        was = orders[group].was if is_disputed else tuple(live.order.get(group, ()))
        orders[group] = Order(was, tuple(new))


# --- Deciding -------------------------------------------------------------------------


def resolve(
    campaign: Differences, live: Snapshot, conflict: Conflict, keeps_own: bool
) -> Differences:
    """Return the differences after somebody chose the campaign's wish, or what is live.

    For field, gone and order; an entry that is deleted live can only be left out here.
    """
    added, removed = dict(campaign.added), dict(campaign.removed)
    changed, orders = dict(campaign.changed), dict(campaign.orders)
    if conflict.kind == ORDER:
        wish = orders.pop(conflict.key)
        if keeps_own:
            was = tuple(live.order.get(conflict.key, ()))
            orders[conflict.key] = Order(was, wish.now)
        return Differences(added, removed, changed, orders)
    key = str(conflict.key)
    if conflict.kind == FIELD and key in added:
        wished, name = added.pop(key), conflict.detail
        changed[key] = _decided_of_added(wished, live.entries[key], name, keeps_own)
    elif conflict.kind == FIELD:
        rows = dict(changed.pop(key))
        change = rows.pop(conflict.detail)
        if keeps_own:
            was = (*change.was, live.entries[key][conflict.detail])
            rows[conflict.detail] = Change(was, change.now)
        changed[key] = rows
    elif key in removed:
        del removed[key]
        if keeps_own:
            removed[key] = live.entries[key]
    elif not keeps_own:
        del changed[key]
    if not changed.get(key, True):
        del changed[key]
    return Differences(added, removed, changed, orders)


def _decided_of_added(
    wished: Values, live: Values, name: str, keeps_own: bool
) -> dict[str, Change]:
    """Return an added entry as changes of the one that is live; one is decided."""
    # Departing from themselves, the other values stay open.
    rows = {n: Change((v,), v) for n, v in wished.items() if v != live[n]}
    own = rows.pop(name).now
    return rows | ({name: Change((live[name],), own)} if keeps_own else {})
