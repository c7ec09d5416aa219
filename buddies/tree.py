"""Every write to the tree, under its one lock.

Without the lock every tree library lost branches under concurrent moves. Each
function takes the ``editor``, a user name for the release's author, and rings
for a new release after commit. What the tree forbids raises Django's
ValidationError, in words for the person; an entry that is gone, TreeError.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
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


def shift(buddy: Buddy, editor: str, *, by: int) -> None:
    """Move an entry up (-1) or down (+1) among its siblings."""
    siblings = list(Buddy.objects.filter(parent_id=buddy.parent_id))
    place = [sibling.pk for sibling in siblings].index(buddy.pk) + by
    move(buddy, editor, parent=buddy.parent, place=max(0, place))


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
    with editing(editor):
        if replace:
            Buddy.objects.all().delete()
        return sum(_load(name, nodes) for name, nodes in documents)


def _load(name: str, nodes: list[Node]) -> int:
    saved: list[Buddy] = []
    positions: dict[int | None, int] = {}
    for node in nodes:
        parent = None if node.parent is None else saved[node.parent]
        key = parent.pk if parent else None
        positions.setdefault(key, _next_position(key))
        buddy = Buddy(parent=parent, position=positions[key], **node.fields)
        positions[key] += 1
        try:
            _save(buddy)
        except ValidationError as error:
            field, reasons = next(iter(error.message_dict.items()))
            where = "" if field == NON_FIELD_ERRORS else f" ({field})"
            reason = f"{reasons[0]}{where}"
            raise DocumentError(f"{name}: {node.path}", reason) from None
        saved.append(buddy)
    return len(saved)


def _save(buddy: Buddy) -> None:
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
