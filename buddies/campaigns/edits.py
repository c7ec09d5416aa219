"""The edits of a campaign: those of :mod:`buddies.tree.edits`, of its tree.

Each takes the same arguments, and raises the same errors. ``seen`` is the campaign's
version that the editor saw; only the same value of the same entry makes an edit stale.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from buddies.campaigns import log, rows
from buddies.campaigns.merge import STRUCTURE, Differences, merge, record, weave
from buddies.campaigns.rows import ENTRY, Author, Row, Rows
from buddies.campaigns.sketch import Sketch
from buddies.campaigns.view import View, view_of
from buddies.document.text import NORMAL, normal
from buddies.models import Buddy, Campaign, DifferenceLog, new_address
from buddies.tree import history, snapshot
from buddies.tree.lock import Stale, TreeError, check
from buddies.tree.positions import Where
from buddies.tree.snapshot import PARENT, Key, Snapshot
from buddies.tree.undo import MAX_CHECKED

PLACED = (PARENT,)


def locked(number: int) -> Campaign:
    """Return a campaign that can be edited, locked until the end of the transaction."""
    campaign = Campaign.objects.select_for_update().filter(pk=number).first()
    if campaign is None:
        raise TreeError(_("This campaign does not exist any more."))
    if not campaign.is_editable:
        text = _("“%(name)s” can't be edited any more: it is %(state)s.")
        params = {"name": campaign.name, "state": campaign.get_state_display()}
        raise TreeError(text % params)
    return campaign


def view_to_edit(campaign: Campaign) -> View:
    """Return the view of a campaign under its lock; its own rows are read anew."""
    view, stored = view_of(campaign), rows.read(campaign)
    return view if stored == view.stored else View(campaign, view.base, stored)


class Edit:
    """One edit of a campaign, under its lock."""

    def __init__(self, campaign: Campaign) -> None:
        self.campaign = campaign
        self.view = view_to_edit(campaign)
        self.sketch = Sketch(self.view.tree)
        self.after = self.view.tree

    @cached_property
    def live(self) -> Snapshot:
        return self.view.base.tree

    def keys(
        self,
        buddies: Iterable[Buddy],
        seen: int | None = None,
        names: Collection[str] = snapshot.NAMES,
    ) -> list[Key]:
        """Return the keys of entries, each once; refuse what is gone or newer."""
        found = list(dict.fromkeys(self._key(buddy, seen) for buddy in buddies))
        self.refuse_stale(found, seen, names)
        return found

    def _key(self, buddy: Buddy, seen: int | None) -> Key:
        key = self.view.keys.get(buddy.pk)
        if key is None:
            raise TreeError(history.missed(buddy.pk, 0))
        if key not in self.sketch.entries:
            missed = log.missed(self.campaign, [key], (), seen or 0)
            raise TreeError(missed or history.gone())
        return key

    def group(self, number: int | None) -> Key | None:
        """Return the key of a group; None for the top level."""
        return None if number is None else self._key(Buddy(pk=number), None)

    def refuse_stale(
        self, keys: Collection[Key], seen: int | None, names: Collection[str]
    ) -> None:
        if seen is None:
            return
        if words := log.missed(self.campaign, keys, names, seen):
            raise Stale(words)

    def check(self, keys: Collection[Key], editable: Collection[str] = ()) -> None:
        """Refuse entries with a fault, as the tree itself does."""
        drawn = self.view.draw_loose(self.sketch.entries)
        check([drawn[key] for key in keys], editable, drawn.values())


class CampaignEdits:
    """The edits of one campaign."""

    def __init__(self, number: int) -> None:
        self.number = number

    @contextmanager
    def _editing(self, editor: str) -> Iterator[Edit]:
        """Lock the campaign, and store what the edit changed."""
        with transaction.atomic():
            edit = Edit(locked(self.number))
            yield edit
            edit.after = edit.sketch.finish()
            if edit.after == edit.view.tree:
                return
            differences = record(edit.view.differences, edit.live, edit.after)
            author = Author(editor, timezone.now())
            store(edit.campaign, edit.view, differences, edit.after, author)

    def add(self, buddy: Buddy, editor: str) -> Buddy:
        """Add a new entry as the last one of its parent; return it with its number."""
        with self._editing(editor) as edit:
            for name in NORMAL:
                setattr(buddy, name, normal(name, getattr(buddy, name)))
            buddy.address = buddy.address or new_address()
            key, parent = str(buddy.key), edit.group(buddy.parent_id)
            edit.sketch.add(key, snapshot.values_of(buddy, parent))
            edit.check([key], history.FIELDS.keys() | {"parent"})
        buddy.pk = rows.number_of(edit.campaign, key)
        return buddy

    def change(
        self,
        buddies: Iterable[Buddy],
        editor: str,
        seen: int | None = None,
        **fields: Any,
    ) -> list[Buddy]:
        """Set ``fields`` of entries; return these."""
        with self._editing(editor) as edit:
            fields = {name: normal(name, value) for name, value in fields.items()}
            if fields.get("address") == "":
                fields["address"] = new_address()
            names = {snapshot.name_of(field) for field in fields}
            keys = edit.keys(buddies, seen, names)
            changed = []
            for key in keys:
                old = edit.sketch.entries[key]
                group = (
                    edit.group(fields["parent"] and fields["parent"].pk)
                    if "parent" in fields
                    else None
                )
                new = snapshot.change(old, fields, group)
                changed += edit.sketch.change([key], new)
            if changed and (fields.keys() - history.FLAGS or any(fields.values())):
                edit.check(changed, fields)
        return _drawn(edit, keys)

    def move(
        self,
        buddies: Iterable[Buddy],
        editor: str,
        target: Buddy | None,
        where: Where,
        seen: int | None = None,
    ) -> list[Buddy]:
        """Put entries ``before`` or ``after`` another, ``first`` or ``last`` in it."""
        with self._editing(editor) as edit:
            keys = edit.keys(buddies, seen, PLACED)
            beside = edit.keys([target], seen, PLACED)[0] if target else None
            edit.sketch.move(keys, beside, where)
            if edit.sketch.finish() != edit.view.tree:
                edit.check(keys, ("parent",))
        return _drawn(edit, keys)

    def shift(
        self,
        buddies: Iterable[Buddy],
        editor: str,
        seen: int | None = None,
        *,
        down: bool,
    ) -> None:
        """Move entries one place up or down among their siblings."""
        with self._editing(editor) as edit:
            keys = edit.keys(buddies, seen, PLACED)
            edit.check(keys)
            edit.sketch.shift(keys, down=down)

    def duplicate(self, buddies: Iterable[Buddy], editor: str) -> list[Buddy]:
        """Copy entries with everything below them, as drafts with new addresses."""
        with self._editing(editor) as edit:
            keys = edit.keys(buddies)
            below = {
                k for key in keys for k in snapshot.branch(edit.view.tree, [key])[1:]
            }
            copies = []
            for root in keys:
                if root not in below:
                    edit.check(snapshot.branch(edit.view.tree, [root]))
                    copies.append(edit.sketch.duplicate(root)[0])
        return _drawn(edit, copies)

    def remove(
        self, buddies: Iterable[Buddy], editor: str, seen: int | None = None
    ) -> int:
        """Delete entries with everything below them; return how many."""
        with self._editing(editor) as edit:
            roots = edit.keys(buddies)
            branch = snapshot.branch(edit.view.tree, roots)
            edit.refuse_stale(branch, seen, snapshot.NAMES)
            return len(edit.sketch.remove(roots))

    def replace(
        self, editor: str, change: Callable[[View], Snapshot], seen: int | None = None
    ) -> None:
        """Make its tree what ``change`` makes of it: an import, a restore."""
        with self._editing(editor) as edit:
            if seen is not None and edit.campaign.version != seen:
                text = _(
                    "Someone changed the campaign in the meantime. Look at the "
                    "changes again."
                )
                raise Stale(text)
            edit.sketch = Sketch(change(edit.view))

    def rewrite(
        self, editor: str, change: Callable[[View], Differences], reason: str = ""
    ) -> None:
        """Make its differences what ``change`` makes of them: a decision."""
        with transaction.atomic():
            campaign = locked(self.number)
            view = view_to_edit(campaign)
            differences = change(view)
            after = merge(view.base.tree, differences).tree
            author = Author(editor, timezone.now(), reason)
            store(campaign, view, differences, after, author)

    def undo(self, version: int, editor: str) -> None:
        """Undo the editor's own edit that made ``version``: all of it, or nothing."""
        with transaction.atomic():
            campaign = locked(self.number)
            view = view_to_edit(campaign)
            differences, tree = _undone(view, version, editor)
            author = Author(editor, timezone.now(), history.UNDO)
            store(campaign, view, differences, tree, author)


def can_undo(view: View, version: int, editor: str) -> bool:
    """Whether no other edit stands in the way of undoing one of a campaign."""
    if len(log.of(view.campaign, version, editor)) > MAX_CHECKED:
        return True
    try:
        _undone(view, version, editor)
    except TreeError:
        return False
    return True


def _undone(view: View, version: int, editor: str) -> tuple[Differences, Snapshot]:
    """Return the differences without an edit, and the tree that they make."""
    edit = log.of(view.campaign, version, editor)
    if not edit:
        raise TreeError(_("There is nothing to undo."))
    before = dict(view.stored.rows)
    for one in edit:
        _take_back(view, before, one)
    differences = rows.differences_of(before)
    merged = merge(view.base.tree, differences)
    new = set(merged.conflicts).difference(view.conflicts)
    if any(conflict.kind in STRUCTURE for conflict in new):
        raise Stale(_("It can't be undone because the tree has changed since."))
    return differences, merged.tree


def _drawn(edit: Edit, keys: Collection[Key]) -> list[Buddy]:
    """Return entries as the campaign has them after an edit."""
    new = [key for key in keys if key not in edit.view.ids]
    numbers = {key: rows.number_of(edit.campaign, key) for key in new}
    drawn = {str(buddy.key): buddy for buddy in edit.view.draw(edit.after, numbers)}
    return [drawn[key] for key in keys]


def _take_back(view: View, stored: Rows, one: DifferenceLog) -> None:
    """Put back, in the rows, what one row was before an edit."""
    at = (one.about, one.key)
    newer = view.campaign.log.filter(
        about=one.about, key=one.key, version__gt=one.version
    )
    old = one.before
    if newer.exists() and one.about == ENTRY:
        words = log.missed(view.campaign, [one.key], snapshot.NAMES, one.version)
        raise Stale(words)
    if newer.exists():
        old = _order_without(view, stored.get(at), one)
    if old is None:
        stored.pop(at, None)
    else:
        stored[at] = old


def _order_without(view: View, current: Row | None, one: DifferenceLog) -> Row:
    """Return the order of a group without what one edit of it did."""
    live = view.base.tree.order.get(one.key or None, [])
    orders = (row["now"] if row else live for row in (one.after, one.before, current))
    order, is_agreed = weave(*orders)
    if not is_agreed:
        raise Stale(_("It can't be undone because the tree has changed since."))
    return {"was": current["was"] if current else live, "now": order}


def store(
    campaign: Campaign,
    view: View,
    differences: Differences,
    after: Snapshot,
    author: Author,
) -> bool:
    """Store what a campaign changes from now on; return whether that is new."""
    names = {key: values["name"] for key, values in view.base.tree.entries.items()}
    names |= {key: values["name"] for key, values in view.tree.entries.items()}
    names |= {key: values["name"] for key, values in after.entries.items()}
    new = rows.rows_of(differences)
    return rows.write(campaign, view.stored.rows, new, names, author)
