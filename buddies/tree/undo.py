"""Undo an edit."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from buddies.models import Buddy, HistoricalBuddy
from buddies.tree import history
from buddies.tree.lock import Edit, Stale, TreeError, check, editing, free_addresses


def undo(version: int, editor: str) -> Edit:
    """Undo the editor's own edit that made ``version``: all of it, or nothing.

    Return the edit that did so. Raises Stale if an entry that it would change was
    edited since.
    """
    with editing(editor, history.UNDO) as edit:
        records = history.of(version, editor)
        if not records:
            raise TreeError(_("There is nothing to undo."))
        _refuse_newer(records, version)
        before = history.before(records)
        try:
            with transaction.atomic():
                _restore(edit, records, before)
        except IntegrityError:
            text = _("It can't be undone because the tree has changed since.")
            raise Stale(text) from None
    return edit


def _refuse_newer(records: list[HistoricalBuddy], version: int) -> None:
    stored = Buddy.objects.in_bulk([record.id for record in records])
    for record in records:
        buddy = stored.get(record.id)
        has_to_exist = record.history_type != history.DELETED
        if has_to_exist != (buddy is not None) or (buddy and buddy.version > version):
            raise Stale(history.missed(record.id, version))


def _restore(
    edit: Edit, records: list[HistoricalBuddy], before: dict[int, HistoricalBuddy]
) -> None:
    added = [r.buddy for r in records if r.history_type == history.ADDED]
    changed = [before[r.id].buddy for r in records if r.history_type == history.CHANGED]
    deleted = [r.buddy for r in records if r.history_type == history.DELETED]
    children = Buddy.objects.filter(parent__in=[buddy.pk for buddy in added])
    if children.exclude(pk__in=[record.id for record in records]).exists():
        raise Stale(_("It can't be undone because the group is no longer empty."))
    _refuse_deleted_parents([*changed, *deleted], {buddy.pk for buddy in deleted})
    _detach(changed)
    free_addresses(changed)
    edit.delete(added)
    edit.create(deleted)
    edit.update(changed)
    undone = {record.id: record for record in records}
    check([*deleted, *(b for b in changed if _has_to_be_right(b, undone[b.pk]))])


def _has_to_be_right(buddy: Buddy, undone: HistoricalBuddy) -> bool:
    """Whether more comes back than a place among siblings, or a flag that is off."""
    names = history.FIELDS.keys() - {"version", "position"}
    back = {name for name in names if getattr(buddy, name) != getattr(undone, name)}
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
