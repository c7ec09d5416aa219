"""Edits of the tree: one entry, or a few.

Each function takes the ``editor``, a name for the log and for the release's author,
and ``seen``, the tree's version that the editor was looking at. An edit is stale only
if another one changed the same values of the same entry since.
"""

from collections.abc import Iterable
from typing import Any

from buddies.document.text import NORMAL, normal
from buddies.models import Buddy, new_address
from buddies.tree import history, snapshot
from buddies.tree.lock import Edit, check, editing, fetch, fetch_all, refuse_stale
from buddies.tree.positions import (
    INSIDE,
    Where,
    neighbours,
    place_entries,
    renumber,
    set_positions,
    siblings_of,
)
from buddies.tree.snapshot import PARENT
from buddies.tree.whole_tree import store_by_level


def add(buddy: Buddy, editor: str) -> Buddy:
    """Save a new entry as the last one of its parent."""
    with editing(editor) as edit:
        for name in NORMAL:
            setattr(buddy, name, normal(name, getattr(buddy, name)))
        buddy.address = buddy.address or new_address()
        _read_group(buddy)
        check([buddy], history.FIELDS.keys() | {"parent"})
        place_entries([buddy], buddy.parent, "last")
        edit.create([buddy])
    return buddy


def _read_group(buddy: Buddy) -> None:
    if buddy.parent_id is not None:
        # Read under the lock: it may have become a channel, or been deleted.
        buddy.parent = fetch(buddy.parent_id)


def change(
    buddies: Iterable[Buddy], editor: str, seen: int | None = None, **fields: Any
) -> list[Buddy]:
    """Set ``fields`` of the stored entries; return these.

    Other fields keep what others wrote in the meantime. A new ``parent`` moves
    an entry to that parent's end.
    """
    with editing(editor) as edit:
        stored = fetch_all(buddies, seen, _columns(fields))
        old_parents = {buddy.pk: buddy.parent_id for buddy in stored}
        fields = {name: normal(name, value) for name, value in fields.items()}
        if fields.get("address") == "":
            fields["address"] = new_address()
        changed = [buddy for buddy in stored if _set(buddy, fields)]
        # Any entry may be hidden, even one with a fault.
        if changed and (fields.keys() - history.FLAGS or any(fields.values())):
            check(changed, fields)
        moved = [buddy for buddy in changed if buddy.parent_id != old_parents[buddy.pk]]
        if moved:
            place_entries(moved, moved[0].parent, "last")
        if fields.keys() <= history.FLAGS:
            edit.switch(changed, fields)
        else:
            edit.update(changed)
    return stored


def _columns(fields: Iterable[str]) -> set[str]:
    """Return the columns whose change by others makes a change of fields stale."""
    names = snapshot.fields_of({snapshot.name_of(field) for field in fields})
    return {f"{name}_id" if name == PARENT else name for name in names}


def _set(buddy: Buddy, fields: dict[str, Any]) -> bool:
    """Set fields; return whether that changed the entry, as only then it is an edit."""
    old = {name: getattr(buddy, name) for name in fields}
    for name, value in fields.items():
        setattr(buddy, name, value)
    if old == fields:
        return False
    if "parent" in fields:
        _read_group(buddy)
    return True


def move(
    buddies: Iterable[Buddy],
    editor: str,
    target: Buddy | None,
    where: Where,
    seen: int | None = None,
) -> list[Buddy]:
    """Put entries ``before`` or ``after`` another, or ``first`` or ``last`` in it.

    Without a ``target``: first or last at the top level. They keep the given
    order. Return the entries as they are now.
    """
    with editing(editor) as edit:
        moved = fetch_all(buddies, seen, history.PLACE)
        stored_target = target and fetch(target.pk, seen, history.PLACE)
        if _is_unchanged(moved, stored_target, where):
            return moved
        displaced = place_entries(moved, stored_target, where)
        check(moved, ("parent",))
        edit.update([*moved, *displaced])
    return moved


def _is_unchanged(moved: list[Buddy], target: Buddy | None, where: Where) -> bool:
    """Whether a move would leave the order as it is."""
    if target in moved and where not in INSIDE:
        return True
    parent, before, behind = neighbours(moved, target, where)
    return [*before, *moved, *behind] == siblings_of(parent.pk if parent else None)


def shift(
    buddies: Iterable[Buddy], editor: str, seen: int | None = None, *, down: bool
) -> None:
    """Move entries one place up or down among their siblings, keeping their order."""
    with editing(editor) as edit:
        stored = fetch_all(buddies, seen, history.PLACE)
        check(stored)
        chosen = {buddy.pk for buddy in stored}
        for parent in {buddy.parent_id for buddy in stored}:
            siblings = siblings_of(parent)
            edit.update(_swap(siblings, _shifted(list(siblings), chosen, down)))


def _shifted(siblings: list[Buddy], chosen: set[int], down: bool) -> list[Buddy]:
    order = siblings[::-1] if down else siblings
    for place in range(1, len(order)):
        before, this = order[place - 1], order[place]
        if this.pk in chosen and before.pk not in chosen:
            order[place - 1 : place + 1] = this, before
    return order[::-1] if down else order


def _swap(siblings: list[Buddy], order: list[Buddy]) -> list[Buddy]:
    """Give siblings each other's positions; return those that changed."""
    positions = [buddy.position for buddy in siblings]
    if order != siblings and len(set(positions)) < len(positions):
        return renumber(order)
    return set_positions(order, positions)


def duplicate(buddies: Iterable[Buddy], editor: str) -> list[Buddy]:
    """Copy entries with everything below them, as drafts with new addresses.

    Each copy follows its original. An entry below another of ``buddies`` is
    copied only with that one.
    """
    with editing(editor) as edit:
        roots, below = _tops(fetch_all(buddies)), _below()
        check([one for root in roots for one in branch([root], below)])
        return [_duplicate(edit, root, below) for root in roots]


def _tops(buddies: list[Buddy]) -> list[Buddy]:
    parents = dict(Buddy.objects.order_by().values_list("pk", "parent_id"))
    chosen = {buddy.pk for buddy in buddies}

    def is_below(key: int | None) -> bool:
        while key is not None:
            key = parents.get(key)
            if key in chosen:
                return True
        return False

    return [buddy for buddy in buddies if not is_below(buddy.pk)]


def _duplicate(edit: Edit, original: Buddy, below: "Below") -> Buddy:
    originals = branch([original], below)
    index: dict[int | None, int] = {
        buddy.pk: place for place, buddy in enumerate(originals)
    }
    copies = [_copy(buddy) for buddy in originals]
    edit.update(place_entries(copies[:1], original, "after"))
    store_by_level(edit, copies, [None, *(index[b.parent_id] for b in originals[1:])])
    return copies[0]


def _copy(original: Buddy) -> Buddy:
    fields: dict[str, Any] = {
        field.attname: getattr(original, field.attname)
        for field in Buddy._meta.concrete_fields
        if field.attname not in ("id", "key", "address")
    }
    hidden = {"mobile_is_published": False, "web_is_published": False}
    return Buddy(**{**fields, **hidden, "address": new_address()})


def remove(buddies: Iterable[Buddy], editor: str, seen: int | None = None) -> int:
    """Delete entries with everything below them; return how many.

    Raises Stale if any of them was changed or added after ``seen``.
    """
    with editing(editor) as edit:
        removed = branch(fetch_all(buddies))
        for buddy in removed:
            refuse_stale(buddy, seen)
        edit.delete(removed)
    return len(removed)


Below = dict[int | None, list[Buddy]]  # what each group holds


def _below() -> Below:
    below: Below = {}
    for buddy in Buddy.objects.all():
        below.setdefault(buddy.parent_id, []).append(buddy)
    return below


def branch(roots: Iterable[Buddy], below: Below | None = None) -> list[Buddy]:
    """Return entries with everything below them, each once, parents first.

    ``below`` is what each group holds, if the caller has read that.
    """
    below = _below() if below is None else below
    results: dict[int, Buddy] = {}
    waiting = list(roots)[::-1]
    while waiting:
        buddy = waiting.pop()
        if buddy.pk not in results:
            results[buddy.pk] = buddy
            waiting.extend(reversed(below.get(buddy.pk, ())))
    return list(results.values())
