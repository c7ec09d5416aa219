"""The differences between two documents, in words for staff."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.document.shape import FLAGS, INFO, Document, Item
from buddies.document.unseen import part_of, reveal_both
from buddies.models import Buddy

MAX_CHARACTERS = 60
PATHS: dict[tuple[str, ...], str] = {
    ("type",): "type",
    ("serverAddress",): "server_address",
    **{("info", key): field for key, field in INFO.items()},
}


class DocumentChange(NamedTuple):
    """One difference of the entry called ``name``.

    ``kind`` is added, removed, moved, reordered, shown, hidden or edited;
    ``words`` say where, or the old and the new value.
    """

    kind: str
    address: str
    name: str
    words: str

    @property
    def label(self) -> str:
        return label_of(self.kind)


def label_of(kind: str) -> str:
    """A kind of changes in the reader's language."""
    return {
        "added": _("added"),
        "removed": _("removed"),
        "moved": _("moved"),
        "reordered": _("reordered"),
        "shown": _("shown"),
        "hidden": _("hidden"),
        "edited": _("edited"),
    }[kind]


class PlacedItem(NamedTuple):
    """An item and its group, which is None at the top level."""

    item: Item
    group: Item | None

    @property
    def where(self) -> str | None:
        return None if self.group is None else str(self.group["address"])


Index = dict[str, PlacedItem]


def between(old: Document, new: Document) -> list[DocumentChange]:
    """List the changes from ``old`` to ``new``: removed, added, then all others.

    An added or removed group includes everything added or removed with it. What is
    only switched off is removed, too: see :func:`hidden`.
    """
    old_index, new_index = _index(old), _index(new)
    results = [
        _branch_change("removed", placed, new_index)
        for placed in _tops(old_index, new_index)
    ]
    results += [
        _branch_change("added", placed, old_index)
        for placed in _tops(new_index, old_index)
    ]
    for address, placed in new_index.items():
        if address in old_index:
            results += _differences(old_index[address], placed)
    return [*results, *_reordered(old_index, new_index)]


def removed(changes: Iterable[DocumentChange]) -> list[str]:
    """Return the addresses of what is removed."""
    return [change.address for change in changes if change.kind == "removed"]


def hidden(
    changes: Iterable[DocumentChange], there: Collection[str]
) -> list[DocumentChange]:
    """Call hidden what clients lose although it is still ``there``, in the tree."""
    return [
        change._replace(kind="hidden")
        if change.kind == "removed" and change.address in there
        else change
        for change in changes
    ]


def _index(document: Document) -> Index:
    index: Index = {}
    stack: list[PlacedItem] = [
        PlacedItem(item, None) for item in document["items"][::-1]
    ]
    while stack:
        placed = stack.pop()
        index[placed.item["address"]] = placed
        below = reversed(placed.item.get("items", ()))
        stack.extend(PlacedItem(item, placed.item) for item in below)
    return index


def _tops(index: Index, others: Index) -> Iterator[PlacedItem]:
    """Yield items that only ``these`` have, except those that their group includes."""
    for address, placed in index.items():
        if address not in others and (placed.where is None or placed.where in others):
            yield placed


def _branch_change(kind: str, placed: PlacedItem, others: Index) -> DocumentChange:
    below = _count_below(placed.item, others)
    words = _place(placed)
    if below:
        more = ngettext("with %(count)s item", "with %(count)s items", below)
        words += ", " + more % {"count": below}
    return _change(kind, placed.item, words)


def _count_below(item: Item, others: Index) -> int:
    count, waiting = 0, [*item.get("items", ())]
    while waiting:
        child = waiting.pop()
        # Items in both documents, and those below them, are listed separately.
        if child["address"] not in others:
            count += 1
            waiting.extend(child.get("items", ()))
    return count


def _differences(old: PlacedItem, new: PlacedItem) -> Iterator[DocumentChange]:
    if old.where != new.where:
        yield _change("moved", new.item, f"{_group(old)} → {_group(new)}")
    for key, field in FLAGS.items():
        if old.item[key] != new.item[key]:
            kind = "shown" if new.item[key] else "hidden"
            yield _change(kind, new.item, _("on %(app)s") % {"app": _label(field)})
    for path, field in PATHS.items():
        before, after = _value_at(old.item, path), _value_at(new.item, path)
        if before != after:
            text = f"{_label(field)}: {_from_to(before, after)}"
            yield _change("edited", new.item, text)


def _value_at(item: Item, path: tuple[str, ...]) -> str:
    value = item["info"].get(path[1], "") if len(path) > 1 else item.get(path[0], "")
    return str(value)


def _from_to(before: str, after: str) -> str:
    old, new = reveal_both(before, after, MAX_CHARACTERS)
    return f"“{old}” → “{new}”"


def _reordered(old: Index, new: Index) -> Iterator[DocumentChange]:
    """Yield the fewest entries whose moves among their siblings explain the order."""
    groups: dict[str | None, list[str]] = {}
    for address, placed in new.items():
        if address in old and old[address].where == placed.where:
            groups.setdefault(placed.where, []).append(address)
    rank = {address: place for place, address in enumerate(old)}
    for addresses in groups.values():
        unmoved = longest_ascending([rank[address] for address in addresses])
        for place, address in enumerate(addresses):
            if place not in unmoved:
                yield _change("reordered", new[address].item, _place(new[address]))


def longest_ascending(ranks: list[int]) -> set[int]:
    """Places of a longest ascending subsequence (patience sorting)."""
    ends: list[int] = []  # the smallest rank that ends a run of each length
    last: list[int] = []  # its place
    before: list[int] = []
    for place, rank in enumerate(ranks):
        length = bisect_left(ends, rank)
        before.append(last[length - 1] if length else -1)
        ends[length : length + 1] = [rank]
        last[length : length + 1] = [place]
    result = set()
    place = last[-1] if last else -1
    while place >= 0:
        result.add(place)
        place = before[place]
    return result


def _change(kind: str, item: Item, words: str) -> DocumentChange:
    return DocumentChange(kind, item["address"], item["info"]["name"], words)


def _place(placed: PlacedItem) -> str:
    if placed.group is None:
        return _("at the top")
    return _("inside “%(group)s”") % {"group": placed.group["info"]["name"]}


def _group(placed: PlacedItem) -> str:
    if placed.group is None:
        return _("top level")
    return _quoted(placed.group["info"]["name"])


def _quoted(text: str) -> str:
    return f"“{part_of(text, MAX_CHARACTERS)}”"


def _label(field: str) -> str:
    return str(Buddy._meta.get_field(field).verbose_name)  # type: ignore[union-attr]  # not a relation
