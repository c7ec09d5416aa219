"""Undo an edit."""

from copy import copy
from typing import NamedTuple

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from buddies.models import Buddy, HistoricalBuddy
from buddies.tree import history
from buddies.tree.lock import Edit, Stale, TreeError, check, editing, free_addresses

MAX_CHECKED = 200  # entries


def undo(version: int, editor: str, *, of_anybody: bool = False) -> Edit:
    """Undo the editor's own edit that made ``version``, or that of anybody.

    All of it, or nothing. What others changed since in other fields stays. Return the
    edit that did so. Raises Stale if another edit stands in the way.
    """
    with editing(editor, history.UNDO) as edit:
        records = history.of(version, None if of_anybody else editor)
        _restore_or_refuse(edit, _restored(records, history.before(records)))
    return edit


def put_back(number: int, first: int, last: int, editor: str) -> Edit:
    """Undo what the edits from version ``first`` to ``last`` did to one entry.

    As :func:`undo` does, whoever made them.
    """
    with editing(editor, history.UNDO) as edit:
        own = HistoricalBuddy.objects.filter(id=number, version__range=(first, last))
        records = list(own.order_by("version", "history_id"))
        if records and records[0].history_type == history.ADDED:
            restored = _without_addition(records)
        else:
            restored = _restored(records[-1:], history.before(records[:1]))
        _restore_or_refuse(edit, restored)
    return edit


def _without_addition(records: list[HistoricalBuddy]) -> "Restored":
    """Return what undoes that an entry was added, and then edited."""
    last = records[-1]
    current = Buddy.objects.in_bulk([last.id])
    if last.id not in current or current[last.id].version > last.version:
        raise Stale(history.missed(last.id, last.version))
    restored = Restored([current[last.id]], [], [], current)
    _refuse_groups(restored)
    return restored


def _restore_or_refuse(edit: Edit, restored: "Restored") -> None:
    try:
        with transaction.atomic():
            _restore(edit, restored)
    except IntegrityError:
        text = _("It can't be undone because the tree has changed since.")
        raise Stale(text) from None


def can_undo(version: int, editor: str) -> bool:
    """Whether no other edit stands in the way of undoing one, as far as can be told.

    Only the undo itself knows whether an address is free again. An edit of very many
    entries is not looked at: pages ask after each edit of anybody.
    """
    if history.size_of(version, editor) > MAX_CHECKED:
        return True
    try:
        records = history.of(version, editor)
        _restored(records, history.before(records))
    except TreeError:
        return False
    return True


class Restored(NamedTuple):
    """The entries that an undo deletes, those that it makes, and those it changes.

    ``current`` is what the changed ones are before it.
    """

    deleted: list[Buddy]
    created: list[Buddy]
    changed: list[Buddy]
    current: dict[int, Buddy]


def _restored(
    records: list[HistoricalBuddy], before: dict[int, HistoricalBuddy]
) -> Restored:
    """Return what undoes an edit, of which these are the records.

    ``before`` are the records that its entries had before it.
    """
    if not records:
        raise TreeError(_("There is nothing to undo."))
    changed = {r.id for r in records if r.history_type == history.CHANGED}
    if not changed <= before.keys():
        raise TreeError(_("There is nothing to undo."))
    current = Buddy.objects.in_bulk([record.id for record in records])
    _refuse_newer(records, before, current, records[0].version)
    kinds: dict[str, list[HistoricalBuddy]] = {}
    for record in records:
        kinds.setdefault(record.history_type, []).append(record)
    restored = Restored(
        deleted=[record.buddy for record in kinds.get(history.ADDED, ())],
        created=[record.buddy for record in kinds.get(history.DELETED, ())],
        changed=[
            _back(record, before[record.id], current[record.id])
            for record in kinds.get(history.CHANGED, ())
        ],
        current=current,
    )
    _refuse_groups(restored)
    return restored


def _back(record: HistoricalBuddy, old: HistoricalBuddy, current: Buddy) -> Buddy:
    """Return an entry without what an edit changed, and with what others did since."""
    back = copy(current)
    for name in history.changed(old, record):
        setattr(back, name, getattr(old, name))
    return back


def _refuse_newer(
    records: list[HistoricalBuddy],
    before: dict[int, HistoricalBuddy],
    current: dict[int, Buddy],
    version: int,
) -> None:
    for record in records:
        buddy = current.get(record.id)
        if (record.history_type != history.DELETED) != (buddy is not None):
            raise Stale(history.missed(record.id, version))
        if buddy is None or buddy.version <= version:
            continue
        is_change = record.history_type == history.CHANGED
        old = before[record.id] if is_change else None
        newer = history.changed(record, buddy)
        if not newer.isdisjoint(history.changed(old, record)):
            raise Stale(history.missed(record.id, version))


def _refuse_groups(restored: Restored) -> None:
    deleted = {buddy.pk for buddy in restored.deleted}
    staying = any(
        buddy.parent_id in deleted for buddy in (*restored.changed, *restored.created)
    )
    returning = {buddy.pk for buddy in restored.created}
    children = Buddy.objects.filter(parent__in=deleted)
    if staying or children.exclude(pk__in=list(restored.current)).exists():
        raise Stale(_("It can't be undone because the group is no longer empty."))
    _refuse_deleted_parents([*restored.changed, *restored.created], returning)


def _restore(edit: Edit, restored: Restored) -> None:
    changed, created = restored.changed, restored.created
    _detach(changed)
    free_addresses(changed)
    edit.delete(restored.deleted)
    edit.create(created)
    edit.update(changed)
    current = restored.current
    check([*created, *(b for b in changed if _has_to_be_right(b, current[b.pk]))])


def _has_to_be_right(buddy: Buddy, current: Buddy) -> bool:
    """Whether more comes back than a place among siblings, or a flag that is off."""
    back = history.changed(buddy, current) - {"position"}
    return bool(back - history.FLAGS) or any(getattr(buddy, name) for name in back)


def _detach(changed: list[Buddy]) -> None:
    """Detach entries, so that restoring one does not conflict with another."""
    # No cycle, and nothing below what becomes a channel or is deleted.
    Buddy.objects.filter(pk__in=[buddy.pk for buddy in changed]).update(parent=None)
    groups = [buddy.pk for buddy in changed if buddy.type == Buddy.Type.GROUP]
    empty = {"server_address": "", "default_message": ""}
    Buddy.objects.filter(pk__in=groups).update(type=Buddy.Type.GROUP, **empty)


def _refuse_deleted_parents(buddies: list[Buddy], returning: set[int]) -> None:
    # Foreign keys are checked at commit, too late for a good message.
    wanted = {b.parent_id for b in buddies if b.parent_id is not None} - returning
    existing = Buddy.objects.filter(pk__in=wanted).count()
    if existing < len(wanted):
        raise Stale(_("It can't be undone because its group was deleted."))
