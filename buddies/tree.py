"""Every write to the tree, under its one lock.

Without the lock every tree library lost branches under concurrent moves. Each
function takes the ``editor``, a user name for the release's author, and rings
for a new release after commit. What the tree forbids raises Django's
ValidationError, in words for the person; an entry that is gone, TreeError.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from buddies.document import DocumentError, Node
from buddies.models import Buddy, Tree, new_address
from xmppservice import bells


class TreeError(ValueError):
    """The entry is not there any more."""


@contextmanager
def editing(editor: str) -> Iterator[Tree]:
    """Hold the tree's lock; on success its version has moved on."""
    with transaction.atomic():
        tree = Tree.locked()
        yield tree
        tree.version += 1
        tree.editors[editor] = tree.version
        tree.save(update_fields=["version", "editors"])
        bells.worker(bells.SYNC_VCARD)


def add(buddy: Buddy, editor: str) -> Buddy:
    """Save a new entry as the last one of its parent."""
    with editing(editor):
        buddy.position = _next_position(buddy.parent_id)
        _save(buddy)
    return buddy


def change(buddy: Buddy, editor: str, **fields: Any) -> Buddy:
    """Set ``fields`` of an entry, as it is stored now; return it.

    What is not named keeps what others wrote in the meantime. A new ``parent``
    moves the entry to that parent's end.
    """
    with editing(editor):
        stored = _fresh(buddy.pk)
        parent_id = stored.parent_id
        for name, value in fields.items():
            setattr(stored, name, value)
        if stored.parent_id != parent_id:
            stored.position = _next_position(stored.parent_id)
        _save(stored)
    return stored


def move(buddy: Buddy, editor: str, *, parent: Buddy | None, place: int) -> None:
    """Put an entry below ``parent`` (None: the top), as its child number ``place``."""
    with editing(editor):
        buddy = _fresh(buddy.pk)
        buddy.parent = _fresh(parent.pk) if parent else None
        buddy.clean()
        siblings = list(
            Buddy.objects.filter(parent_id=buddy.parent_id).exclude(pk=buddy.pk)
        )
        siblings.insert(max(0, min(place, len(siblings))), buddy)
        _number(siblings)


def shift(buddies: Iterable[Buddy], editor: str, *, down: bool) -> None:
    """Move entries one place up or down among their siblings, keeping their order."""
    chosen = {buddy.pk for buddy in buddies}
    with editing(editor):
        parents = Buddy.objects.filter(pk__in=chosen).order_by().values("parent_id")
        for parent in parents.distinct():
            siblings = list(Buddy.objects.filter(parent_id=parent["parent_id"]))
            _number(_shifted(siblings, chosen, down))


def _shifted(siblings: list[Buddy], chosen: set[int], down: bool) -> list[Buddy]:
    order = siblings[::-1] if down else siblings
    for place in range(1, len(order)):
        before, this = order[place - 1], order[place]
        if this.pk in chosen and before.pk not in chosen:
            order[place - 1 : place + 1] = this, before
    return order[::-1] if down else order


def duplicate(buddy: Buddy, editor: str) -> Buddy:
    """Copy an entry with all below it, as drafts with addresses of their own."""
    with editing(editor):
        branch = _branch(_fresh(buddy.pk))
        copies: dict[int | None, Buddy] = {}
        for original in branch:
            copy = _copy(original)
            if original is branch[0]:
                copy.position = _next_position(original.parent_id)
            else:
                copy.parent = copies[original.parent_id]
            copy.save(force_insert=True)
            copies[original.pk] = copy
    return copies[buddy.pk]


def remove(buddies: Iterable[Buddy], editor: str) -> int:
    """Delete entries with all below them; return how many went."""
    with editing(editor):
        roots = Buddy.objects.filter(pk__in=[buddy.pk for buddy in buddies])
        return roots.delete()[0]


def load(
    documents: Sequence[tuple[str, list[Node]]], editor: str, replace: bool
) -> int:
    """Add the nodes of named documents at the end; return how many.

    ``replace`` empties the tree first. All or nothing: raises DocumentError,
    its path beginning with the document's name.
    """
    checked = [(name, _entries(name, nodes)) for name, nodes in documents]
    with editing(editor):
        if replace:
            Buddy.objects.all().delete()
        taken = set(Buddy.objects.values_list("address", flat=True))
        for name, entries in checked:
            _refuse_taken(name, entries, taken)
            _create(entries)
    return sum(len(entries) for _, entries in checked)


Entries = list[tuple[Node, Buddy]]


def _entries(name: str, nodes: list[Node]) -> Entries:
    """Entries that the model accepts, as far as that needs no database."""
    return [(node, _entry(f"{name}: {node.path}", node)) for node in nodes]


def _entry(path: str, node: Node) -> Buddy:
    buddy = Buddy(**node.fields)
    try:
        buddy.clean()
        buddy.clean_fields(exclude={"parent"})
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise DocumentError(path, f"{reasons[0]} ({field})") from None
    return buddy


def _refuse_taken(name: str, entries: Entries, taken: set[str]) -> None:
    for node, buddy in entries:
        if buddy.address in taken:
            reason = "Another entry has this address. (address)"
            raise DocumentError(f"{name}: {node.path}", reason)
        taken.add(buddy.address)


def _create(entries: Entries) -> None:
    """Store entries, a level of the tree in one statement."""
    buddies = [buddy for _, buddy in entries]
    level = [place for place, (node, _) in enumerate(entries) if node.parent is None]
    # Positions go on from level to level: among siblings only their order counts.
    position = _next_position(None)
    while level:
        for place in level:
            parent = entries[place][0].parent
            buddies[place].parent = None if parent is None else buddies[parent]
            buddies[place].position = position
            position += 1
        Buddy.objects.bulk_create([buddies[place] for place in level], batch_size=500)
        above = set(level)
        level = [p for p, (node, _) in enumerate(entries) if node.parent in above]


def _save(buddy: Buddy) -> None:
    if buddy.parent_id is not None:
        # As it is under the lock: it may have become a channel, or be gone.
        buddy.parent = _fresh(buddy.parent_id)
    buddy.full_clean()
    buddy.save()


def _fresh(pk: int) -> Buddy:
    try:
        return Buddy.objects.get(pk=pk)
    except Buddy.DoesNotExist:
        raise TreeError("Somebody deleted this entry in the meantime.") from None


def _next_position(parent_id: int | None) -> int:
    last = Buddy.objects.filter(parent_id=parent_id).order_by("position").last()
    return last.position + 1 if last else 0


def _number(siblings: list[Buddy]) -> None:
    for position, sibling in enumerate(siblings):
        sibling.position = position
    Buddy.objects.bulk_update(siblings, ["position", "parent"], batch_size=500)


def _branch(root: Buddy) -> list[Buddy]:
    return list(Buddy.objects.descendants(root, include_self=True).with_tree_fields())


def _copy(original: Buddy) -> Buddy:
    fields: dict[str, Any] = {
        field.attname: getattr(original, field.attname)
        for field in Buddy._meta.concrete_fields
        if field.attname not in ("id", "address")
    }
    hidden = {"mobile_is_published": False, "web_is_published": False}
    return Buddy(**{**fields, **hidden, "address": new_address()})
