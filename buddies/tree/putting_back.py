"""Putting back what an entry was: one field of it, or it with everything inside it.

Unlike an undo, it does not ask what happened since: it makes that as it was.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from buddies.models import Buddy, HistoricalBuddy
from buddies.tree import edits, history, snapshot, whole_tree
from buddies.tree.lock import TreeError, check, editing
from buddies.tree.rebuilding import with_branch
from buddies.tree.snapshot import PARENT, Snapshot


def put_field_back(record: int, field: str, editor: str) -> Buddy:
    """Give an entry the value of a field that it had before a record of the log.

    A ``parent`` moves it to the end of the group that it was in. Raises TreeError.
    """
    newer = HistoricalBuddy.objects.filter(pk=record).first()
    old = history.before([newer]).get(newer.id) if newer else None
    if newer is None or old is None or field not in FIELDS:
        raise TreeError(_("There is nothing to undo."))
    value = getattr(old, field, None)
    if field == PARENT:
        value = old.parent_id and Buddy(pk=old.parent_id)
    (buddy,) = edits.change([Buddy(pk=newer.id)], editor, **{field: value})
    return buddy


FIELDS = history.VALUES - history.PLACE | {PARENT}


def put_branch_back(number: int, version: int, editor: str) -> None:
    """Make an entry, and what is inside it, as a version of the tree had them.

    It may be deleted now. Raises TreeError if that version did not have it either.
    """
    # Before the lock: it reads much, and what was does not change.
    then = snapshot.of(history.tree_at(version))
    known = HistoricalBuddy.objects.filter(id=number).values_list("key", flat=True)
    key = str(known.first())
    if key not in then.entries:
        raise TreeError(_("There is nothing to undo."))
    with editing(editor) as edit:
        tree = snapshot.of(Buddy.objects.all())
        wanted = with_branch(tree, then, key)
        _check(tree, wanted)
        whole_tree.write(edit, wanted)


def _check(tree: Snapshot, wanted: Snapshot) -> None:
    """Refuse what would be wrong: an address that is taken, a channel with entries."""
    numbers = {key: number for number, key in enumerate(wanted.entries, 1)}
    drawn = {str(one.key): one for one in snapshot.draw(wanted, numbers)}
    changed = [k for k, v in wanted.entries.items() if tree.entries.get(k) != v]
    held = [k for key in changed for k in wanted.order.get(key, [])]
    check([drawn[k] for k in dict.fromkeys((*changed, *held))], among=drawn.values())


# --- What was deleted -----------------------------------------------------------------


class Deleted(NamedTuple):
    """An entry that was deleted, with how many others inside it.

    ``version`` is the last one of the tree that had it.
    """

    number: int
    version: int
    name: str
    at: datetime
    editor: str
    inside: int


def deleted_since(since: datetime) -> Iterator[Deleted]:
    """Yield what was deleted and is not back, the latest first."""
    fields = ("id", "version", "parent_id", "name", "history_date", "history_user_id")
    records = _deleted(since).order_by("-version", "history_id").only(*fields)
    seen: set[int] = set()
    edits_: dict[int, list[HistoricalBuddy]] = {}
    for record in records:
        if record.id not in seen:
            seen.add(record.id)
            edits_.setdefault(record.version, []).append(record)
    for deleted in edits_.values():
        yield from _branches(deleted)


def count_deleted(since: datetime) -> int:
    """Count all that was deleted and is not back."""
    return _deleted(since).order_by().values("id").distinct().count()


def _deleted(since: datetime) -> "QuerySet[HistoricalBuddy]":
    there = Buddy.objects.order_by().values("pk")
    deleted = HistoricalBuddy.objects.filter(
        history_type=history.DELETED, history_date__gte=since
    )
    return deleted.exclude(id__in=there)


def _branches(deleted: list[HistoricalBuddy]) -> Iterator[Deleted]:
    """Yield the topmost entries that one edit deleted."""
    parents = {record.id: record.parent_id for record in deleted}
    sizes = dict.fromkeys(parents, -1)
    for number in parents:
        top: int | None = number
        while top is not None and parents[top] in parents:
            top = parents[top]
        if top is not None:
            sizes[top] += 1
    for record in deleted:
        if record.parent_id not in parents:
            yield Deleted(
                record.id,
                record.version - 1,
                record.name,
                record.history_date,
                record.history_user_id,
                sizes[record.id],
            )
