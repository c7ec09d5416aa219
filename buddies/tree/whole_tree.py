"""Many entries at once: loading, restoring and importing a tree."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext as _

from buddies.document import build, judgement, shape
from buddies.document.judgement import Fault
from buddies.document.shape import DocumentError, Node
from buddies.models import Buddy, new_address
from buddies.tree import history
from buddies.tree.lock import Edit, editing, find_faults
from buddies.tree.positions import GAP, place_moved, renumber, siblings_of


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

    Entries are found by their address. Nothing is deleted: visible entries that
    the document does not contain are hidden. Raises DocumentError.
    """
    entries = _entries(name, nodes)
    _refuse_taken(name, entries, set())
    with editing(editor) as edit:
        stored = {buddy.address: buddy for buddy in Buddy.objects.all()}
        old_states = {buddy.pk: _state(buddy) for buddy in stored.values()}
        parents = [node.parent for node, _buddy in entries]
        wanted = [
            _rewrite(stored.pop(buddy.address, buddy), node.fields, edit)
            for node, buddy in entries
        ]
        _order(wanted, parents)
        _detach_conflicts(edit, wanted, parents, list(stored.values()))
        store_by_level(edit, wanted, parents, old_states)
        _hide_others(edit, {buddy.address for buddy in wanted})
        _refuse_faults(name, entries, wanted)


def _state(buddy: Buddy) -> list[Any]:
    return [getattr(buddy, name) for name in history.FIELDS]


def _rewrite(buddy: Buddy, fields: dict[str, Any], edit: Edit) -> Buddy:
    for name, value in fields.items():
        # The entry was found by its address, or given a new one.
        if name != "address":
            setattr(buddy, name, value)
    if any(name in fields for name in shape.SCHEDULE.values()):
        return buddy
    # The document shows it now, so no schedule may hide it.
    if buddy.visible_from and buddy.visible_from > edit.at:
        buddy.visible_from = None
    if buddy.visible_until and buddy.visible_until <= edit.at:
        buddy.visible_until = None
    return buddy


def _order(buddies: list[Buddy], parents: list[int | None]) -> None:
    """Renumber the children of each parent that are not in the order given."""
    children: dict[int | None, list[Buddy]] = {}
    for buddy, parent in zip(buddies, parents, strict=True):
        children.setdefault(parent, []).append(buddy)
    for siblings in children.values():
        if any(a.position >= b.position for a, b in pairwise(siblings)):
            renumber(siblings)


def _detach_conflicts(
    edit: Edit, wanted: list[Buddy], parents: list[int | None], others: list[Buddy]
) -> None:
    """Detach entries that could conflict with the new places."""
    moved = [
        buddy.pk
        for buddy, parent in zip(wanted, parents, strict=True)
        if buddy.parent_id != (None if parent is None else wanted[parent].pk)
    ]
    Buddy.objects.filter(pk__in=moved).update(parent=None)
    channels = {buddy.pk for buddy in wanted if buddy.type == Buddy.Type.CHANNEL}
    orphans = [other for other in others if other.parent_id in channels]
    for orphan in orphans:
        orphan.parent = None
        orphan.mobile_is_published = orphan.web_is_published = False
    edit.update(orphans)
    for buddy, parent in zip(wanted, parents, strict=True):
        if parent is None:
            buddy.parent = None


def _hide_others(edit: Edit, named: set[str]) -> None:
    """Hide the topmost visible entries that are not named."""
    buddies = list(Buddy.objects.all())
    seen = shape.addresses(build.published(buddies, edit.at)) - named
    # Hiding one of two that share an address would show the other.
    withheld = build.withheld(buddies, edit.at)
    hidden = {b.pk: b for b in buddies if b.address in seen or b.pk in withheld}
    topmost = [buddy for buddy in hidden.values() if buddy.parent_id not in hidden]
    for buddy in topmost:
        buddy.mobile_is_published = buddy.web_is_published = False
    edit.update(topmost)


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


def _refuse_faults(name: str, entries: "Entries", stored: list[Buddy]) -> None:
    """Refuse entries that are wrong beside the others of the tree, once stored."""
    nodes = {
        buddy.pk: node for (node, _entry), buddy in zip(entries, stored, strict=True)
    }
    for buddy, fault in find_faults(stored):
        raise _refusal(name, nodes[buddy.pk], fault)


def _refuse_taken(name: str, entries: Entries, taken: set[str]) -> None:
    for node, buddy in entries:
        if buddy.address in taken:
            fault = Fault("address", _("This address is already taken."))
            raise _refusal(name, node, fault)
        taken.add(buddy.address)


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


def update_tree(
    edit: Edit, wanted: list[Buddy], parents: list[int | None], moved: set[int]
) -> None:
    """Make the whole tree what is wanted; write only the differences.

    ``wanted`` holds all entries, including new ones, with siblings in order;
    ``parents`` are indexes in it, and ``moved`` the indexes of moved entries.
    The caller judges the entries.
    """
    old_states = {buddy.pk: _state(buddy) for buddy in Buddy.objects.all()}
    siblings: dict[int | None, list[int]] = {}
    for place, parent in enumerate(parents):
        siblings.setdefault(parent, []).append(place)
    for places in siblings.values():
        if not moved.isdisjoint(places):
            place_moved([(wanted[place], place in moved) for place in places])
    _detach_conflicts(edit, wanted, parents, [])
    store_by_level(edit, wanted, parents, old_states)
