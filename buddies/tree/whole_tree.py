"""Many entries at once: loading, restoring and importing a tree."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from buddies.document import judgement
from buddies.document.diff import longest_ascending
from buddies.document.judgement import Fault
from buddies.document.shape import DocumentError, Node
from buddies.models import Buddy, HistoricalBuddy, new_address
from buddies.tree import history, snapshot
from buddies.tree.lock import Edit, editing, find_faults, free_addresses
from buddies.tree.positions import GAP, place_moved, siblings_of
from buddies.tree.rebuilding import rebuilt
from buddies.tree.snapshot import PARENT, Key, Snapshot


def load(
    documents: Sequence[tuple[str, list[Node]]], editor: str, replace: bool
) -> int:
    """Add the nodes of named documents at the end; return how many.

    ``replace`` empties the tree first. All or nothing: raises DocumentError,
    whose path starts with the document's name.
    """
    checked = [(name, _entries(name, nodes)) for name, nodes in documents]
    with editing(editor) as edit:
        if replace:
            edit.delete(list(Buddy.objects.all()))
        taken = set(Buddy.objects.values_list("address", flat=True))
        for name, entries in checked:
            _refuse_taken(name, entries, taken)
            _append(edit, entries)
            _refuse_faults(name, entries, [buddy for _node, buddy in entries])
    return sum(len(entries) for _name, entries in checked)


def _append(edit: Edit, entries: "Entries") -> None:
    buddies = [buddy for _node, buddy in entries]
    parents = [node.parent for node, _buddy in entries]
    top = siblings_of(None)
    last: dict[int | None, int] = {None: top[-1].position if top else 0}
    for buddy, parent in zip(buddies, parents, strict=True):
        buddy.position = last[parent] = last.get(parent, 0) + GAP
    store_by_level(edit, buddies, parents)


def rebuild(name: str, nodes: list[Node], editor: str) -> None:
    """Change the tree so that clients would read the document of ``nodes``.

    See :mod:`buddies.tree.rebuilding`. Raises DocumentError.
    """
    entries = _document_of(name, nodes)
    with editing(editor) as edit:
        tree = snapshot.of(Buddy.objects.all())
        write(edit, rebuilt(tree, entries, edit.at))
        _refuse_faults(name, entries, Buddy.objects.all())


def rebuilt_of(
    name: str, nodes: list[Node], tree: Snapshot
) -> tuple[Snapshot, list[Buddy]]:
    """Return the tree that ``rebuild`` would make of this one, and its entries.

    Raises DocumentError, too.
    """
    entries = _document_of(name, nodes)
    wanted = rebuilt(tree, entries, timezone.now())
    drawn = snapshot.draw(wanted, {key: n for n, key in enumerate(wanted.entries, 1)})
    _refuse_faults(name, entries, drawn, drawn)
    return wanted, drawn


def _document_of(name: str, nodes: list[Node]) -> "Entries":
    """Return nodes with their entries, for a rebuilding; raises DocumentError."""
    entries = _entries(name, nodes)
    _refuse_taken(name, entries, set())
    return entries


Entries = list[tuple[Node, Buddy]]


def _entries(name: str, nodes: list[Node]) -> Entries:
    """Return nodes with their entries, judged as far as needs no database."""
    for place, fault in judgement.faults_of_nodes(nodes):
        raise _refusal(name, nodes[place], fault)
    return [(node, _entry(node)) for node in nodes]


def _entry(node: Node) -> Buddy:
    address = node.fields["address"] or new_address()
    return Buddy(**{**node.fields, "address": address})


def _refusal(name: str, node: Node, fault: Fault) -> DocumentError:
    return DocumentError(f"{name}: {node.path}", f"{fault.words} ({fault.field})")


def _refuse_faults(
    name: str,
    entries: "Entries",
    buddies: Iterable[Buddy],
    among: Iterable[Any] | None = None,
) -> None:
    """Refuse what a document makes of entries if it is wrong beside the others.

    ``buddies`` contain those of the document; ``among`` is the whole tree, by default
    the stored one.
    """
    nodes = {buddy.address: node for node, buddy in entries}
    wanted = [buddy for buddy in buddies if buddy.address in nodes]
    for buddy, fault in find_faults(wanted, among=among):
        raise _refusal(name, nodes[buddy.address], fault)


def _refuse_taken(name: str, entries: Entries, taken: set[str]) -> None:
    for node, buddy in entries:
        if buddy.address in taken:
            fault = Fault("address", _("This address is already taken."))
            raise _refusal(name, node, fault)
        taken.add(buddy.address)


def _state(buddy: Buddy) -> list[Any]:
    return [getattr(buddy, name) for name in history.FIELDS]


def store_by_level(
    edit: Edit,
    buddies: list[Buddy],
    parents: list[int | None],
    old_states: Mapping[int, list[Any]] = MappingProxyType({}),
) -> None:
    """Store entries, one level of the tree at a time.

    ``parents`` are indexes in ``buddies``; an entry without one keeps its parent.
    ``old_states`` holds the field values of entries that are stored already.
    """
    level = [place for place, parent in enumerate(parents) if parent is None]
    while level:
        for place in level:
            above = parents[place]
            if above is not None:
                buddies[place].parent = buddies[above]
        at_level = [buddies[place] for place in level]
        stored = [buddy for buddy in at_level if buddy.pk in old_states]
        edit.create([buddy for buddy in at_level if buddy.pk not in old_states])
        edit.update(
            [buddy for buddy in stored if _state(buddy) != old_states[buddy.pk]]
        )
        above_next = set(level)
        level = [place for place, above in enumerate(parents) if above in above_next]


def write(
    edit: Edit, wanted: Snapshot, moved: Collection[Key] | None = None
) -> list[Buddy]:
    """Make the whole tree what is wanted; write only the differences.

    ``moved`` are the entries that get new positions: by default, as few as possible.
    Return the entries with other values than before, for the caller to judge.
    """
    stored = {str(buddy.key): buddy for buddy in Buddy.objects.all()}
    before = snapshot.of(stored.values())
    old_states = {buddy.pk: _state(buddy) for buddy in stored.values()}
    keys = list(snapshot.depth_first(wanted))
    # What comes back has its number again, by which the log knows it.
    gone = HistoricalBuddy.objects.filter(key__in=[k for k in keys if k not in stored])
    numbers = {str(key): number for key, number in gone.values_list("key", "id")}
    buddies = {
        key: stored.get(key) or Buddy(key=key, pk=numbers.get(key)) for key in keys
    }
    for key, buddy in buddies.items():
        snapshot.set_values(buddy, wanted.entries[key])
    for group, held in wanted.order.items():
        old = before.order.get(group, [])
        runs = _moved(held, old) if moved is None else set(moved)
        if not runs.isdisjoint(held):
            place_moved([(buddies[key], key in runs) for key in held])
    parents = [wanted.entries[key][PARENT] for key in keys]
    _detach(buddies, before, wanted)
    edit.delete([buddy for key, buddy in stored.items() if key not in buddies])
    free_addresses(buddies.values())
    at = {key: place for place, key in enumerate(keys)}
    places = [None if parent is None else at[parent] for parent in parents]
    store_by_level(edit, list(buddies.values()), places, old_states)
    return [b for k, b in buddies.items() if before.entries.get(k) != wanted.entries[k]]


def _moved(held: list[Key], old: list[Key]) -> set[Key]:
    """Return the fewest entries that explain the order of a group."""
    rank = {key: place for place, key in enumerate(old)}
    stayed = [key for key in held if key in rank]
    unmoved = longest_ascending([rank[key] for key in stayed])
    return set(held).difference(stayed[place] for place in unmoved)


def _detach(buddies: Mapping[Key, Buddy], before: Snapshot, wanted: Snapshot) -> None:
    """Detach entries that could conflict with the new places."""
    moved = []
    for key, buddy in buddies.items():
        group = wanted.entries[key][PARENT]
        if key in before.entries and before.entries[key][PARENT] != group:
            moved.append(buddy.pk)
        if group is None:
            buddy.parent = None
    Buddy.objects.filter(pk__in=moved).update(parent=None)
