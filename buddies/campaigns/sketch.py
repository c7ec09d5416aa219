"""Edits of a tree in memory: what :mod:`buddies.tree.edits` does to the stored one.

There are no positions here, only lists of keys. Nothing is judged.
"""

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from buddies.models import new_address
from buddies.tree import snapshot
from buddies.tree.positions import INSIDE, Where
from buddies.tree.snapshot import PARENT, Group, Key, Snapshot, Values


class Sketch:
    """A tree that is being edited. The snapshot that it begins with stays as it is."""

    def __init__(self, begin: Snapshot) -> None:
        self.entries = dict(begin.entries)
        self._order = {group: list(held) for group, held in begin.order.items()}

    def finish(self) -> Snapshot:
        order = {group: held for group, held in self._order.items() if held}
        return Snapshot(self.entries, order)

    def add(self, key: Key, values: Values) -> None:
        """Add an entry as the last one of its group."""
        self.entries[key] = values
        self._held(values[PARENT]).append(key)

    def change(self, keys: Iterable[Key], values: Mapping[str, Any]) -> list[Key]:
        """Set values of entries; return those that differ now.

        A new group gets them as its last ones.
        """
        changed, moved = [], []
        for key in keys:
            old = self.entries[key]
            if any(old[name] != value for name, value in values.items()):
                changed.append(key)
                self.entries[key] = {**old, **values, PARENT: old[PARENT]}
                if values.get(PARENT, old[PARENT]) != old[PARENT]:
                    moved.append(key)
        if moved:
            self._put(moved, values[PARENT], None)
        return changed

    def move(self, keys: list[Key], target: Group, where: Where) -> None:
        """Put entries before or after another, or first or last in it."""
        if where in INSIDE:
            held = self._held(target)
            at = next((k for k in held if k not in keys), None)
            self._put(keys, target, at if where == "first" else None)
            return
        if target is None or target in keys:
            return
        group = self.entries[target][PARENT]
        held = [key for key in self._held(group) if key not in keys]
        place = held.index(target) + (where == "after")
        self._put(keys, group, held[place] if place < len(held) else None)

    def _put(self, keys: list[Key], group: Group, before: Group) -> None:
        for key in keys:
            self._held(self.entries[key][PARENT]).remove(key)
            self.entries[key] = {**self.entries[key], PARENT: group}
        held = self._held(group)
        place = len(held) if before is None else held.index(before)
        held[place:place] = keys

    def _held(self, group: Group) -> list[Key]:
        return self._order.setdefault(group, [])

    def shift(self, keys: Iterable[Key], *, down: bool) -> None:
        """Move entries one place up or down in their groups, keeping their order."""
        chosen = set(keys)
        for group in {self.entries[key][PARENT] for key in chosen}:
            held = self._held(group)
            order = held[::-1] if down else held[:]
            for place in range(1, len(order)):
                before, this = order[place - 1], order[place]
                if this in chosen and before not in chosen:
                    order[place - 1 : place + 1] = this, before
            held[:] = order[::-1] if down else order

    def duplicate(self, root: Key) -> list[Key]:
        """Copy an entry with everything below it, as drafts; the copy follows it.

        Return the new keys, the copy of ``root`` first.
        """
        originals = snapshot.branch(self.finish(), [root])
        copies = {key: str(uuid.uuid4()) for key in originals}
        hidden = {"mobile_is_published": False, "web_is_published": False}
        for key, copy in copies.items():
            values = {**self.entries[key], **hidden, "address": new_address()}
            values[PARENT] = copies.get(values[PARENT], values[PARENT])
            self.add(copy, values)
        self.move([copies[root]], root, "after")
        return list(copies.values())

    def remove(self, roots: Iterable[Key]) -> list[Key]:
        """Delete entries with everything below them; return their keys."""
        removed = snapshot.branch(self.finish(), roots)
        gone = set(removed)
        for group in {self.entries[key][PARENT] for key in removed}:
            self._order[group] = [k for k in self._held(group) if k not in gone]
        for key in removed:
            del self.entries[key]
        return removed
