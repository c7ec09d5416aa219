"""Every write to the tree, under its one lock.

Without the lock every tree library lost branches under concurrent moves. Each
function takes the ``editor``, a name for the log and for the release's author,
and rings for a new release after commit. ``seen`` is the tree's version that
the editor was looking at: what somebody changed since then is refused, Stale.
What the tree forbids raises Django's ValidationError, in words for the person;
an entry that is gone, TreeError.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby, pairwise
from operator import itemgetter
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from buddies.document import build as document
from buddies.document.build import DocumentError, Node
from buddies.models import Buddy, Tree, new_address
from buddies.tree import history as log
from xmppservice.runtime import wakeups

# Between two neighbours, so that a move writes the moved entry alone.
GAP = 2**16

Where = Literal["before", "after", "first", "last"]
INSIDE = ("first", "last")


def where(word: object) -> Where:
    """A word that came from outside, as a place; raises ValidationError."""
    for known in get_args(Where):
        if word == known:
            return cast(Where, known)
    raise ValidationError(_("There is no such place."))


class TreeError(ValueError):
    """The entry is not there any more."""


class Stale(TreeError):
    """Somebody changed the entry after the editor looked at it."""


class Edit:
    """One change of the tree: writes entries, and logs each one it writes."""

    def __init__(self, tree: Tree, editor: str, reason: str = "") -> None:
        self.version = tree.version + 1
        self.editor, self.reason = editor, reason
        self.at = timezone.now()
        self.has_written = False

    def create(self, buddies: Sequence[Buddy]) -> None:
        self._stamp(buddies)
        Buddy.objects.bulk_create(buddies, batch_size=500)
        self._log(log.ADDED, buddies)

    def update(self, buddies: Sequence[Buddy]) -> None:
        self._stamp(buddies)
        for buddy in buddies:
            buddy.save(force_update=True)
        self._log(log.CHANGED, buddies)

    def switch(self, buddies: Sequence[Buddy], flags: dict[str, bool]) -> None:
        """Like update, in one statement: thousands may be switched at once."""
        self._stamp(buddies)
        keys = [buddy.pk for buddy in buddies]
        Buddy.objects.filter(pk__in=keys).update(version=self.version, **flags)
        self._log(log.CHANGED, buddies)

    def delete(self, buddies: Sequence[Buddy]) -> None:
        self._stamp(buddies)
        self._log(log.DELETED, buddies)
        Buddy.objects.filter(pk__in=[buddy.pk for buddy in buddies]).delete()

    def _stamp(self, buddies: Sequence[Buddy]) -> None:
        for buddy in buddies:
            buddy.version = self.version

    def _log(self, kind: str, buddies: Sequence[Buddy]) -> None:
        self.has_written |= bool(buddies)
        log.write(kind, buddies, self.editor, self.at, self.reason)


@contextmanager
def editing(editor: str, reason: str = "") -> Iterator[Edit]:
    """Hold the tree's lock; when something was written its version moves on."""
    with transaction.atomic():
        tree = Tree.locked()
        edit = Edit(tree, editor, reason)
        yield edit
        if not edit.has_written:
            return
        tree.version = tree.editors[editor] = edit.version
        tree.save(update_fields=["version", "editors"])
        wakeups.worker(wakeups.SYNC_VCARD)


# --- One entry, or a few --------------------------------------------------------


def add(buddy: Buddy, editor: str) -> Buddy:
    """Save a new entry as the last one of its parent."""
    with editing(editor) as edit:
        _check(buddy)
        _seat([buddy], buddy.parent, "last")
        edit.create([buddy])
    return buddy


def change(
    buddies: Iterable[Buddy], editor: str, seen: int | None = None, **fields: Any
) -> list[Buddy]:
    """Set ``fields`` of entries, as they are stored now; return these.

    What is not named keeps what others wrote in the meantime. A new ``parent``
    moves an entry to that parent's end.
    """
    with editing(editor) as edit:
        stored = _fresh_ones(buddies, seen)
        above = {buddy.pk: buddy.parent_id for buddy in stored}
        changed = [buddy for buddy in stored if _set(buddy, fields)]
        moved = [buddy for buddy in changed if buddy.parent_id != above[buddy.pk]]
        if moved:
            _seat(moved, moved[0].parent, "last")
        if fields.keys() <= log.FLAGS:
            edit.switch(changed, fields)
        else:
            edit.update(changed)
    return stored


def _set(buddy: Buddy, fields: dict[str, Any]) -> bool:
    """Whether that changes the entry: what changes nothing is not an edit."""
    old = {name: getattr(buddy, name) for name in fields}
    for name, value in fields.items():
        setattr(buddy, name, value)
    if old == fields:
        return False
    if fields.keys() - log.FLAGS:
        # A switch can make nothing wrong.
        _check(buddy)
    return True


def move(
    buddies: Iterable[Buddy],
    editor: str,
    target: Buddy | None,
    where: Where,
    seen: int | None = None,
) -> list[Buddy]:
    """Put entries ``before`` or ``after`` another, or ``first`` or ``last`` in it.

    Without a ``target``: first or last at the top. They keep the order given.
    Return the entries as they stand now.
    """
    with editing(editor) as edit:
        moved = _fresh_ones(buddies, seen)
        beside = target and _fresh(target.pk, seen)
        if _stand_there(moved, beside, where):
            return moved
        pushed = _seat(moved, beside, where)
        if (parent := moved[0].parent) is not None:
            parent.check_can_hold(moved)
        edit.update([*moved, *pushed])
    return moved


def _stand_there(moved: list[Buddy], target: Buddy | None, where: Where) -> bool:
    """Whether a move would leave the order as it is."""
    if target in moved and where not in INSIDE:
        return True
    parent, before, behind = _around(moved, target, where)
    return [*before, *moved, *behind] == _siblings(parent.pk if parent else None)


def shift(
    buddies: Iterable[Buddy], editor: str, seen: int | None = None, *, down: bool
) -> None:
    """Move entries one place up or down among their siblings, keeping their order."""
    with editing(editor) as edit:
        stored = _fresh_ones(buddies, seen)
        chosen = {buddy.pk for buddy in stored}
        for parent in {buddy.parent_id for buddy in stored}:
            siblings = _siblings(parent)
            edit.update(_swap(siblings, _shifted(list(siblings), chosen, down)))


def _shifted(siblings: list[Buddy], chosen: set[int], down: bool) -> list[Buddy]:
    order = siblings[::-1] if down else siblings
    for place in range(1, len(order)):
        before, this = order[place - 1], order[place]
        if this.pk in chosen and before.pk not in chosen:
            order[place - 1 : place + 1] = this, before
    return order[::-1] if down else order


def _swap(siblings: list[Buddy], order: list[Buddy]) -> list[Buddy]:
    """Give siblings each other's positions; return those whose changed."""
    positions = [buddy.position for buddy in siblings]
    if order != siblings and len(set(positions)) < len(positions):
        return _number(order)
    return _place(order, positions)


def duplicate(buddies: Iterable[Buddy], editor: str) -> list[Buddy]:
    """Copy entries with all below them, as drafts with addresses of their own.

    Each copy stands behind its original. What lies below another one that is
    copied is copied with that.
    """
    with editing(editor) as edit:
        return [_duplicate(edit, root) for root in _tops(_fresh_ones(buddies))]


def _tops(buddies: list[Buddy]) -> list[Buddy]:
    parents = dict(Buddy.objects.order_by().values_list("pk", "parent_id"))
    chosen = {buddy.pk for buddy in buddies}

    def is_below(key: int | None) -> bool:
        while key is not None:
            key = parents.get(key)
            if key in chosen:
                return True
        return False

    return [buddy for buddy in buddies if not is_below(buddy.pk)]


def _duplicate(edit: Edit, original: Buddy) -> Buddy:
    originals = branch([original])
    place: dict[int | None, int] = {one.pk: nth for nth, one in enumerate(originals)}
    copies = [_copy(one) for one in originals]
    edit.update(_seat(copies[:1], original, "after"))
    _plant(edit, copies, [None, *(place[b.parent_id] for b in originals[1:])])
    return copies[0]


def _copy(original: Buddy) -> Buddy:
    fields: dict[str, Any] = {
        field.attname: getattr(original, field.attname)
        for field in Buddy._meta.concrete_fields
        if field.attname not in ("id", "address")
    }
    hidden = {"mobile_is_published": False, "web_is_published": False}
    return Buddy(**{**fields, **hidden, "address": new_address()})


def remove(buddies: Iterable[Buddy], editor: str, seen: int | None = None) -> int:
    """Delete entries with all below them; return how many went.

    Stale when any of them changed after ``seen``, or came.
    """
    with editing(editor) as edit:
        going = branch(_fresh_ones(buddies))
        for buddy in going:
            _refuse_stale(buddy, seen)
        edit.delete(going)
    return len(going)


def branch(roots: Iterable[Buddy]) -> list[Buddy]:
    """Entries with all below them, each one once, parents before children."""
    below: dict[int | None, list[Buddy]] = {}
    for buddy in Buddy.objects.all():
        below.setdefault(buddy.parent_id, []).append(buddy)
    found: dict[int, Buddy] = {}
    waiting = list(roots)[::-1]
    while waiting:
        buddy = waiting.pop()
        if buddy.pk not in found:
            found[buddy.pk] = buddy
            waiting.extend(reversed(below.get(buddy.pk, ())))
    return list(found.values())


# --- Taking back ----------------------------------------------------------------


def undo(version: int, editor: str) -> None:
    """Take back one's own edit that made ``version``: all of it, or nothing.

    Raises Stale when somebody has edited since what it would change.
    """
    with editing(editor, log.UNDO) as edit:
        records = log.of(version, editor)
        if not records:
            raise TreeError(_("There is nothing to take back."))
        _refuse_newer(records, version)
        before = log.before(records)
        try:
            with transaction.atomic():
                _restore(edit, records, before)
        except IntegrityError:
            text = _("The tree around it has changed since: it cannot be taken back.")
            raise Stale(text) from None


def _refuse_newer(records: list[Any], version: int) -> None:
    stored = Buddy.objects.in_bulk([record.id for record in records])
    for record in records:
        buddy = stored.get(record.id)
        is_there = record.history_type != log.DELETED
        if is_there != (buddy is not None) or (buddy and buddy.version > version):
            raise Stale(log.missed(record.id, version))


def _restore(edit: Edit, records: list[Any], before: dict[int, Any]) -> None:
    added = [r.instance for r in records if r.history_type == log.ADDED]
    changed = [before[r.id].instance for r in records if r.history_type == log.CHANGED]
    deleted = [r.instance for r in records if r.history_type == log.DELETED]
    own = Buddy.objects.filter(parent__in=[buddy.pk for buddy in added])
    if own.exclude(pk__in=[record.id for record in records]).exists():
        raise Stale(_("It holds entries by now: it cannot be taken back."))
    _refuse_gone_parents([*changed, *deleted], {buddy.pk for buddy in deleted})
    _clear(changed)
    edit.delete(added)
    edit.create(deleted)
    edit.update(changed)


def _clear(changed: list[Buddy]) -> None:
    """Let no entry be in another's way on the way to what they were."""
    # No circle, and nothing below what becomes a channel or goes.
    Buddy.objects.filter(pk__in=[buddy.pk for buddy in changed]).update(parent=None)
    groups = [buddy.pk for buddy in changed if buddy.type == Buddy.Type.GROUP]
    empty = {"server_address": "", "default_message": ""}
    Buddy.objects.filter(pk__in=groups).update(type=Buddy.Type.GROUP, **empty)


def _refuse_gone_parents(buddies: list[Buddy], returning: set[int]) -> None:
    # Foreign keys are checked at the commit, too late for a word about it.
    wanted = {b.parent_id for b in buddies if b.parent_id is not None} - returning
    there = Buddy.objects.filter(pk__in=wanted).count()
    if there < len(wanted):
        raise Stale(_("The group it stood in is gone: it cannot be taken back."))


# --- The whole tree -------------------------------------------------------------


def load(
    documents: Sequence[tuple[str, list[Node]]], editor: str, replace: bool
) -> int:
    """Add the nodes of named documents at the end; return how many.

    ``replace`` empties the tree first. All or nothing: raises DocumentError,
    its path beginning with the document's name.
    """
    checked = [(name, _entries(name, nodes)) for name, nodes in documents]
    with editing(editor) as edit:
        if replace:
            edit.delete(list(Buddy.objects.all()))
        taken = set(Buddy.objects.values_list("address", flat=True))
        for name, entries in checked:
            _refuse_taken(name, entries, taken)
            _append(edit, entries)
    return sum(len(entries) for _name, entries in checked)


def _append(edit: Edit, entries: "Entries") -> None:
    buddies = [buddy for _node, buddy in entries]
    parents = [node.parent for node, _buddy in entries]
    top = _siblings(None)
    last: dict[int | None, int] = {None: top[-1].position if top else 0}
    for buddy, parent in zip(buddies, parents, strict=True):
        buddy.position = last[parent] = last.get(parent, 0) + GAP
    _plant(edit, buddies, parents)


def rebuild(name: str, nodes: list[Node], editor: str) -> None:
    """Make the document that clients would read equal to the one of ``nodes``.

    Entries are found by their address. Nothing is deleted: what the document
    does not name is hidden, when it would be seen. Raises DocumentError.
    """
    entries = _entries(name, nodes)
    _refuse_taken(name, entries, set())
    with editing(editor) as edit:
        stored = {buddy.address: buddy for buddy in Buddy.objects.all()}
        was = {buddy.pk: _state(buddy) for buddy in stored.values()}
        parents = [node.parent for node, _buddy in entries]
        wanted = [
            _rewrite(stored.pop(buddy.address, buddy), node.fields, edit)
            for node, buddy in entries
        ]
        _order(wanted, parents)
        _make_way(edit, wanted, parents, list(stored.values()))
        _plant(edit, wanted, parents, was)
        _hide_others(edit, {buddy.address for buddy in wanted})


def _state(buddy: Buddy) -> list[Any]:
    return [getattr(buddy, name) for name in log.FIELDS]


def _rewrite(buddy: Buddy, fields: dict[str, Any], edit: Edit) -> Buddy:
    for name, value in fields.items():
        # The address is what it was found by, or made because there was none.
        if name != "address":
            setattr(buddy, name, value)
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
        if any(one.position >= next.position for one, next in pairwise(siblings)):
            _number(siblings)


def _make_way(
    edit: Edit, wanted: list[Buddy], parents: list[int | None], others: list[Buddy]
) -> None:
    """Take out of their places whatever could be in the way of the new ones."""
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
    """Hide the topmost ones of what is seen and not named."""
    buddies = list(Buddy.objects.all())
    seen = document.addresses(document.build(buddies, edit.at)) - named
    hidden = {buddy.pk: buddy for buddy in buddies if buddy.address in seen}
    topmost = [buddy for buddy in hidden.values() if buddy.parent_id not in hidden]
    for buddy in topmost:
        buddy.mobile_is_published = buddy.web_is_published = False
    edit.update(topmost)


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
            reason = _("Another entry has this address.") + " (address)"
            raise DocumentError(f"{name}: {node.path}", reason)
        taken.add(buddy.address)


def _plant(
    edit: Edit,
    buddies: list[Buddy],
    parents: list[int | None],
    was: Mapping[int, list[Any]] = MappingProxyType({}),
) -> None:
    """Store entries, a level of the tree at a time.

    ``parents`` are places in ``buddies``; what has none keeps its parent.
    ``was`` is how those that are stored already stood.
    """
    level = [place for place, parent in enumerate(parents) if parent is None]
    while level:
        for place in level:
            above = parents[place]
            if above is not None:
                buddies[place].parent = buddies[above]
        at_level = [buddies[place] for place in level]
        stored = [buddy for buddy in at_level if buddy.pk in was]
        edit.create([buddy for buddy in at_level if buddy.pk not in was])
        edit.update([buddy for buddy in stored if _state(buddy) != was[buddy.pk]])
        above_next = set(level)
        level = [place for place, above in enumerate(parents) if above in above_next]


def weave(
    edit: Edit, wanted: list[Buddy], parents: list[int | None], moved: set[int]
) -> None:
    """Make the whole tree what is wanted; write what differs from that alone.

    ``wanted`` are all entries, new ones among them, siblings in their order;
    ``parents`` are places in it, and ``moved`` the places of those that stand
    elsewhere now. What an entry may be is for the caller to check.
    """
    was = {buddy.pk: _state(buddy) for buddy in Buddy.objects.all()}
    siblings: dict[int | None, list[int]] = {}
    for place, parent in enumerate(parents):
        siblings.setdefault(parent, []).append(place)
    for places in siblings.values():
        if not moved.isdisjoint(places):
            _fit([(wanted[place], place in moved) for place in places])
    _make_way(edit, wanted, parents, [])
    _plant(edit, wanted, parents, was)


def _fit(siblings: list[tuple[Buddy, bool]]) -> None:
    """Give those that moved positions between their neighbours."""
    before: list[Buddy] = []
    grouped = groupby(siblings, key=itemgetter(1))
    runs = [(has_moved, [buddy for buddy, _moved in run]) for has_moved, run in grouped]
    for place, (has_moved, run) in enumerate(runs):
        if has_moved:
            behind = runs[place + 1][1] if place + 1 < len(runs) else []
            positions = _free_positions(before, behind, len(run))
            if not positions:
                _number([buddy for buddy, _has_moved in siblings])
                return
            _place(run, positions)
        before = run


# --- Places ---------------------------------------------------------------------


def _check(buddy: Buddy) -> None:
    if buddy.parent_id is not None:
        # As it is under the lock: it may have become a channel, or be gone.
        buddy.parent = _fresh(buddy.parent_id)
    buddy.full_clean()


def _fresh(pk: int, seen: int | None = None) -> Buddy:
    """The entry as it is stored now; Stale when it changed after ``seen``."""
    buddy = Buddy.objects.filter(pk=pk).first()
    if buddy is None:
        raise TreeError(log.missed(pk, seen or 0))
    _refuse_stale(buddy, seen)
    return buddy


def _refuse_stale(buddy: Buddy, seen: int | None) -> None:
    if seen is not None and buddy.version > seen:
        raise Stale(log.missed(buddy.pk, seen))


def _fresh_ones(buddies: Iterable[Buddy], seen: int | None = None) -> list[Buddy]:
    """Entries as they are stored now, in their order, each one once."""
    keys = list(dict.fromkeys(buddy.pk for buddy in buddies))
    stored = Buddy.objects.in_bulk(keys)
    for key in keys:
        if key not in stored:
            raise TreeError(log.missed(key, seen or 0))
        _refuse_stale(stored[key], seen)
    return [stored[key] for key in keys]


def _siblings(parent_id: int | None) -> list[Buddy]:
    return list(Buddy.objects.filter(parent_id=parent_id))


def _seat(moved: list[Buddy], target: Buddy | None, where: Where) -> list[Buddy]:
    """Give entries their parent and position; return who must make room."""
    parent, before, behind = _around(moved, target, where)
    for buddy in moved:
        buddy.parent = parent
    positions = _free_positions(before, behind, len(moved))
    if positions:
        _place(moved, positions)
        return []
    renumbered = _number([*before, *moved, *behind])
    return [buddy for buddy in renumbered if buddy not in moved]


def _around(
    moved: list[Buddy], target: Buddy | None, where: Where
) -> tuple[Buddy | None, list[Buddy], list[Buddy]]:
    """The parent for entries, and what else it holds: before them, and behind."""
    parent = target if target is None or where in INSIDE else target.parent
    keys = {buddy.pk for buddy in moved}
    others = [s for s in _siblings(parent.pk if parent else None) if s.pk not in keys]
    index = _index(others, target, where)
    return parent, others[:index], others[index:]


def _index(siblings: list[Buddy], target: Buddy | None, where: Where) -> int:
    if where == "first":
        return 0
    if target is None or where == "last":
        return len(siblings)
    return siblings.index(target) + (where == "after")


def _free_positions(before: list[Buddy], behind: list[Buddy], count: int) -> list[int]:
    """``count`` positions between the two; none without room."""
    low = before[-1].position if before else None
    high = behind[0].position if behind else None
    if low is None:
        low = 0 if high is None else high - GAP * (count + 1)
    if high is None:
        high = low + GAP * (count + 1)
    step = (high - low) // (count + 1)
    return [low + step * (nth + 1) for nth in range(count)] if step else []


def _number(siblings: list[Buddy]) -> list[Buddy]:
    """Spread siblings in this order; return those whose position changed."""
    return _place(siblings, [GAP * (nth + 1) for nth in range(len(siblings))])


def _place(buddies: list[Buddy], positions: list[int]) -> list[Buddy]:
    """Give each its position; return those whose position changed."""
    pairs = zip(buddies, positions, strict=True)
    moved = [
        (buddy, position) for buddy, position in pairs if buddy.position != position
    ]
    for buddy, position in moved:
        buddy.position = position
    return [buddy for buddy, _position in moved]
