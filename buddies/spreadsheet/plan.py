"""Plan an import of a table into the tree, and run it.

A :class:`Plan` shows what all rows would change, for a person to review, and
:func:`run_import` does that in one edit of the tree.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from hashlib import sha256
from itertools import accumulate
from math import inf
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import gettext as _

from buddies.document import judgement
from buddies.document.diff import longest_ascending
from buddies.document.judgement import Fault
from buddies.document.text import normal
from buddies.document.unseen import part_of, reveal, reveal_both
from buddies.models import Buddy, Tree, new_address
from buddies.spreadsheet.cells import COLUMN_OF, FIELDS, VALUES, Entry, entries
from buddies.spreadsheet.files import Row
from buddies.spreadsheet.groups import Groups
from buddies.spreadsheet.problems import (
    Problem,
    error_texts,
    in_sentences,
    look_alikes,
)
from buddies.spreadsheet.source import FileError
from buddies.tree import history, snapshot, whole_tree
from buddies.tree.lock import Edit, Stale, editing
from buddies.tree.snapshot import Snapshot
from xmppservice.backoffice.words import zoned_moment


class Outcome(NamedTuple):
    """What a row does: ``kind`` is added, edited or same; and what differs."""

    row: int
    kind: str
    name: str
    differences: list[tuple[str, str, str]]

    @property
    def label(self) -> str:
        """The kind in the reader's language."""
        return _("added") if self.kind == "added" else _("edited")


class Plan:
    """What rows would do to the tree of ``buddies``, which is at ``version``.

    Entries are found by their address. A row changes only what it has columns
    for; an empty cell clears the value. Places count from 1; if rows request none,
    the order stays. With ``problems``, nothing may be written. ``warnings`` are for
    the reviewer, as are ``notes``: what was assumed.
    """

    def __init__(self, rows: list[Row], buddies: list[Buddy], version: int) -> None:
        self.version = version
        self.problems: list[Problem] = []
        self._entries = entries(buddies)
        self._by_address = {
            normal("address", entry.buddy.address): entry for entry in self._entries
        }
        self._imported = [entry for row in rows for entry in self._read_row(row)]
        groups = Groups(self._entries)
        for entry in self._imported:
            self._set_group(entry, groups)
        self.notes = list(groups.notes)
        self._siblings = self._arrange()
        self.outcomes = [self._outcome(entry) for entry in self._imported]
        self._judge()
        # Each entry in a group reports the same problem of that group.
        self.problems = sorted(set(self.problems))
        self.warnings = sorted({*look_alikes(self._entries), *self._error_texts()})

    def of_kind(self, kind: str) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.kind == kind]

    @property
    def has_changes(self) -> bool:
        return any(outcome.kind != "same" for outcome in self.outcomes)

    @cached_property
    def digest(self) -> str:
        """Identifies what was shown: another tree or file has another digest."""
        shown = (self.outcomes, self.warnings, self.notes)
        return sha256(repr(shown).encode()).hexdigest()

    @property
    def changed(self) -> list[Buddy]:
        """The stored entries that would change."""
        pairs = zip(self._imported, self.outcomes, strict=True)
        return [e.buddy for e, o in pairs if o.kind != "same" and not e.is_new]

    def tree(self) -> Snapshot:
        """Return the tree as the plan would leave it."""
        tree = Snapshot({}, {})
        for group, siblings in self._siblings.items():
            above = str(group.buddy.key) if group else None
            tree.order[above] = [str(entry.buddy.key) for entry in siblings]
            for entry in siblings:
                entry.buddy.address = entry.buddy.address or new_address()
                values = snapshot.values_of(entry.buddy, above)
                tree.entries[str(entry.buddy.key)] = values
        return tree

    def write(self, edit: Edit) -> None:
        """Apply the plan, under the tree's lock."""
        moved = {str(e.buddy.key) for e in self._entries if e.has_moved}
        whole_tree.write(edit, self.tree(), moved)

    # --- A row ----------------------------------------------------------------

    def _read_row(self, row: Row) -> Iterator[Entry]:
        """Yield a row's entry, with the row's values; none without a valid address."""
        cells = dict(self._read_cells(row))
        if "address" not in cells:
            return
        address = normal("address", cells["address"])
        entry = self._by_address.get(address) or Entry(Buddy(address=address))
        if entry.row:
            text = _("Row %(row)s has the same address.") % {"row": entry.row}
            self._add_problem(row.number, "address", text)
            return
        if entry.is_new:
            self._entries.append(entry)
            if address:
                self._by_address[address] = entry
        entry.row, entry.cells = row.number, cells
        unread = row.cells.keys() - cells.keys()
        entry.unread = frozenset(FIELDS[name].attribute for name in unread)
        for name in VALUES:
            attribute = FIELDS[name].attribute
            old = entry.old_values[name] = getattr(entry.buddy, attribute)
            # A text that was stored before a rule stays, unless the row changes it.
            if name in cells and cells[name] != old:
                setattr(entry.buddy, attribute, normal(attribute, cells[name]))
        yield entry

    def _read_cells(self, row: Row) -> Iterator[tuple[str, Any]]:
        for name, cell in row.cells.items():
            try:
                yield name, FIELDS[name].read(cell)
            except ValueError as error:
                self._add_problem(row.number, name, str(error))

    def _add_problem(self, row: int, column: str, words: str) -> None:
        self.problems.append(Problem(row, column, words))

    def _set_group(self, entry: Entry, groups: Groups) -> None:
        """Give an entry the group that its row names."""
        if "parent" not in entry.cells:
            return
        text = normal("address", entry.cells["parent"])
        try:
            entry.group = groups.find(text) if text else None
        except ValueError as error:
            entry.group = None
            self._add_problem(entry.row, "parent", str(error))

    # --- Whether the tree would be valid ------------------------------------------

    def _judge(self) -> None:
        """Note what is wrong with the entries that would change."""
        pairs = zip(self._imported, self.outcomes, strict=True)
        changed = {e: None for e, outcome in pairs if outcome.kind != "same"}
        moved = {entry for entry in changed if entry.is_new_in_group}
        buddies = {entry: entry.buddy for entry in self._entries}
        groups = {entry: entry.group for entry in self._entries}
        for entry in changed:
            self._note(entry, judgement.faults(entry.buddy, entry.unread))
        places = judgement.faults_of_places(buddies, groups, changed, moved)
        for entry, fault in places:
            unread = entry.group.unread if entry.group else ()
            # A group whose type cannot be read may be the right place.
            if fault.field != "parent" or "type" not in unread:
                self._note(entry, [fault])

    def _note(self, entry: Entry, faults: list[Fault]) -> None:
        for fault in faults:
            self._add_problem(entry.row, COLUMN_OF[fault.field], fault.words)

    # --- Places -----------------------------------------------------------------

    def _arrange(self) -> dict[Entry | None, list[Entry]]:
        """Return the siblings in each group, in the order that the rows request."""
        siblings: dict[Entry | None, list[Entry]] = {}
        for entry in self._entries:
            siblings.setdefault(entry.group, []).append(entry)
        return {group: _ordered(held) for group, held in siblings.items()}

    # --- In words ---------------------------------------------------------------

    def _outcome(self, entry: Entry) -> Outcome:
        differences = list(_differences(entry))
        kind = "added" if entry.is_new else "edited" if differences else "same"
        return Outcome(
            entry.row,
            kind,
            reveal(part_of(entry.buddy.name)),
            differences,
        )

    def _error_texts(self) -> Iterator[Problem]:
        for entry, outcome in zip(self._imported, self.outcomes, strict=True):
            if outcome.kind != "same":
                yield from error_texts(entry)


def _ordered(siblings: list[Entry]) -> list[Entry]:
    """Return siblings in order: requests at their places, the others around them."""
    order = [entry for entry in siblings if not entry.has_place_request]
    requesting = [entry for entry in siblings if entry.has_place_request]
    last = -1
    for entry in sorted(requesting, key=lambda e: (e.cells.get("place") or inf, e.row)):
        place = min((entry.cells.get("place") or inf) - 1, len(order))
        last = max(int(place), last + 1)
        order.insert(last, entry)
    unmoved = _unmoved([entry for entry in order if not entry.is_new_in_group])
    for place, entry in enumerate(order, 1):
        entry.place, entry.has_moved = place, entry not in unmoved
    return order


def _unmoved(siblings: list[Entry]) -> set[Entry]:
    """Return the entries that keep their place: as many as possible.

    Those without a request always do. Inserting a row and renumbering all rows
    after it moves none of them.
    """
    ranks = [entry.old_place for entry in siblings]
    # Entries that request no place keep their order: find the nearest two of them.
    fixed = [0 if entry.has_place_request else entry.old_place for entry in siblings]
    lows = accumulate(fixed, max)
    highs = [*accumulate((rank or inf for rank in reversed(fixed)), min)][::-1]
    bounds = zip(siblings, ranks, lows, highs, strict=True)
    fitting = [entry for entry, rank, low, high in bounds if low <= rank <= high]
    return {fitting[n] for n in longest_ascending([e.old_place for e in fitting])}


def _differences(entry: Entry) -> Iterator[tuple[str, str, str]]:
    """Yield what a row changes in its entry: the field, its old and its new value."""
    if entry.is_new_in_group:
        source = "" if entry.is_new else _group(entry.old_group)
        yield _("inside"), source, _group(entry.group)
    elif entry.has_moved:
        yield _("place"), str(entry.old_place), str(entry.place)
    for name in VALUES:
        new = getattr(entry.buddy, FIELDS[name].attribute)
        old: Any = None if entry.is_new else entry.old_values[name]
        if new != old and not (entry.is_new and (name == "name" or not new)):
            yield _label(name), *_both_in_words(name, old, new)


def _group(entry: Entry | None) -> str:
    return _("top level") if entry is None else str(entry.buddy)


def _label(column: str) -> str:
    model_field: Any = Buddy._meta.get_field(FIELDS[column].attribute)
    return str(model_field.verbose_name)


def _both_in_words(column: str, old: Any, new: Any) -> tuple[str, str]:
    """Return two different values of a column, so that the difference can be seen."""
    if not isinstance(new, str) or column == "type":
        return _in_words(column, old), _in_words(column, new)
    return reveal_both(old or "", new)


def _in_words(column: str, value: Any) -> str:
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, datetime):
        return zoned_moment(value)
    return str(Buddy.Type(value).label) if value else ""


# --- Plan and run ---------------------------------------------------------------


def plan_import(rows: list[Row]) -> Plan:
    """Plan what rows would do to the current tree."""
    with transaction.atomic():
        # The lock makes version and entries one consistent state.
        version = Tree.locked().version
        buddies = list(Buddy.objects.all())
    return Plan(rows, buddies, version)


def run_import(rows: list[Row], editor: str, seen: int, digest: str) -> Plan:
    """Import rows in one edit of the tree; return what was done.

    ``seen`` and ``digest`` are the version and the digest of the plan that the
    editor reviewed. Raises Stale if it would do something else now. All or
    nothing: raises FileError if a row has a problem.
    """
    with editing(editor) as edit:
        result = Plan(rows, list(Buddy.objects.all()), edit.version - 1)
        for buddy in result.changed:
            if buddy.version > seen:
                raise Stale(history.missed(buddy.pk, seen))
        if result.digest != digest:
            text = _(
                "Someone changed the channels in the meantime. Review the "
                "changes again."
            )
            raise Stale(text)
        for sentence in in_sentences(result.problems):
            raise FileError(sentence)
        result.write(edit)
    return result
