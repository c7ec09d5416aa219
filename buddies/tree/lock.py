"""The tree's one lock, which every write takes.

Without the lock every tree library lost branches under concurrent moves. Each edit
wakes a worker for a new release after commit. An edit raises ValidationError, with a
message for the user, if the tree forbids it; TreeError if an entry was deleted; Stale
if one was changed after the editor saw it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from buddies.document import judgement
from buddies.document.judgement import Fault
from buddies.models import Buddy, Tree, new_address
from buddies.tree import history
from xmppservice.runtime import wakeups


class TreeError(ValueError):
    """The entry no longer exists."""


class Stale(TreeError):
    """The entry was changed after the editor saw it."""


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
        self._log(history.ADDED, buddies)

    def update(self, buddies: Sequence[Buddy]) -> None:
        self._stamp(buddies)
        for buddy in buddies:
            buddy.save(force_update=True)
        self._log(history.CHANGED, buddies)

    def switch(self, buddies: Sequence[Buddy], flags: dict[str, bool]) -> None:
        """Like update, in one statement: thousands may be switched at once."""
        self._stamp(buddies)
        keys = [buddy.pk for buddy in buddies]
        Buddy.objects.filter(pk__in=keys).update(version=self.version, **flags)
        self._log(history.CHANGED, buddies)

    def delete(self, buddies: Sequence[Buddy]) -> None:
        self._stamp(buddies)
        self._log(history.DELETED, buddies)
        Buddy.objects.filter(pk__in=[buddy.pk for buddy in buddies]).delete()

    def _stamp(self, buddies: Sequence[Buddy]) -> None:
        for buddy in buddies:
            buddy.version = self.version

    def _log(self, kind: str, buddies: Sequence[Buddy]) -> None:
        self.has_written |= bool(buddies)
        history.write(kind, buddies, self.editor, self.at, self.reason)


def free_addresses(buddies: Iterable[Buddy]) -> None:
    """Give stored entries that will have another address one that nobody wants.

    So that another one may take theirs first.
    """
    wanted = {buddy.pk: buddy.address for buddy in buddies if buddy.pk}
    stored = Buddy.objects.filter(pk__in=wanted).values_list("pk", "address")
    for number, address in list(stored.order_by()):
        if address != wanted[number]:
            Buddy.objects.filter(pk=number).update(address=new_address())


@contextmanager
def editing(editor: str, reason: str = "") -> Iterator[Edit]:
    """Hold the tree's lock; if something is written, increase its version."""
    with transaction.atomic():
        tree = Tree.locked()
        edit = Edit(tree, editor, reason)
        yield edit
        if not edit.has_written:
            return
        tree.version = tree.editors[editor] = edit.version
        tree.save(update_fields=["version", "editors"])
        wakeups.wake_worker(wakeups.SYNC_VCARD)


def find_faults(
    buddies: Sequence[Buddy],
    ignored: Collection[str] = (),
    among: Iterable[Any] | None = None,
) -> Iterator[tuple[Buddy, Fault]]:
    """Yield what is wrong with entries, new or stored, if they are stored like this.

    ``ignored`` fields are known to be wrong. ``among`` are the entries of the tree:
    by default, those that are stored.
    """
    for buddy in buddies:
        yield from ((buddy, fault) for fault in judgement.faults(buddy, ignored))
    if among is None:
        columns = ("pk", "parent_id", "type", "address", "server_address")
        among = Buddy.objects.order_by().values_list(*columns, named=True)
    entries: dict[int, Any] = {row.pk: row for row in among}
    groups = {key: row.parent_id for key, row in entries.items()}
    # A new entry has no key yet, and nothing inside it. Other negative numbers are
    # those of entries that are not live.
    judged = {b.pk or -(2**63) - place: b for place, b in enumerate(buddies)}
    entries |= judged
    groups |= {key: buddy.parent_id for key, buddy in judged.items()}
    for key, fault in judgement.faults_of_places(entries, groups, judged):
        if fault.field not in ignored:
            yield judged[key], fault


def check(
    buddies: Sequence[Buddy],
    editable: Collection[str] = (),
    among: Iterable[Any] | None = None,
) -> None:
    """Refuse entries with a fault; raises ValidationError with the fields.

    The words name the entry and the field too, unless it is one of the ``editable``
    fields, which the editor is looking at.
    """
    # Each sentence once: as a dictionary's keys.
    reasons: dict[str, dict[str, None]] = {}
    for buddy, fault in find_faults(buddies, among=among):
        words = fault.words if fault.field in editable else fault.about(buddy)
        reasons.setdefault(fault.field, {})[words] = None
    if reasons:
        raise ValidationError({field: [*words] for field, words in reasons.items()})


def fetch(
    pk: int, seen: int | None = None, columns: Collection[str] = history.VALUES
) -> Buddy:
    """Return the stored entry.

    Raises Stale if one of these columns of it was changed after ``seen``.
    """
    buddy = Buddy.objects.filter(pk=pk).first()
    if buddy is None:
        raise TreeError(history.missed(pk, seen or 0))
    refuse_stale(buddy, seen, columns)
    return buddy


def refuse_stale(
    buddy: Buddy, seen: int | None, columns: Collection[str] = history.VALUES
) -> None:
    if seen is None or buddy.version <= seen:
        return
    if not history.changed_since(buddy, seen).isdisjoint(columns):
        raise Stale(history.missed(buddy.pk, seen))


def fetch_all(
    buddies: Iterable[Buddy],
    seen: int | None = None,
    columns: Collection[str] = history.VALUES,
) -> list[Buddy]:
    """Return the stored entries in their order, each once; raises like ``fetch``."""
    keys = list(dict.fromkeys(buddy.pk for buddy in buddies))
    stored = Buddy.objects.in_bulk(keys)
    for key in keys:
        if key not in stored:
            raise TreeError(history.missed(key, seen or 0))
        refuse_stale(stored[key], seen, columns)
    return [stored[key] for key in keys]
