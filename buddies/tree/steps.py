"""What happened to the tree, in steps that a person would tell.

Texts are saved while one types, so what one person did to one entry within a quarter of
an hour is one step.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from django.db.models import Count, Max, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _

from buddies.models import HistoricalBuddy
from buddies.tree import history
from buddies.tree.history import Difference

T = TypeVar("T")

FOLDED = timedelta(minutes=15)
SHOWN = 50  # steps on a page
READ = 400  # versions that are read for them, at most


class Step(NamedTuple):
    """One or more edits: those from version ``first`` to ``last``, of one editor.

    ``entry`` is the number of the only entry that they touched, ``name`` its name. To
    put it back deletes ``added`` entries.
    """

    first: int
    last: int
    at: datetime
    editor: str
    words: str
    is_undo: bool
    added: int
    entry: int | None = None
    name: str = ""
    differences: tuple[Difference, ...] = ()


class Wanted(NamedTuple):
    """Which steps: of an editor, of entries with a name, between two moments."""

    editor: str = ""
    name: str = ""
    begin: datetime | None = None
    end: datetime | None = None


def folded(items: Iterable[T], goes_on: Callable[[T, T], bool]) -> Iterator[list[T]]:
    """Yield runs of items, in each of which every one goes on with the one before."""
    run: list[T] = []
    for item in items:
        if run and not goes_on(run[-1], item):
            yield run
            run = []
        run.append(item)
    if run:
        yield run


class Page(NamedTuple):
    """Some steps, newest first; ``older`` is the version before which others follow."""

    steps: list[Step]
    older: int | None


def page(wanted: Wanted, before: int | None = None) -> Page:
    """Return the newest steps, of versions before one."""
    records = _wanted(wanted)
    if before is not None:
        records = records.filter(version__lt=before)
    found = records.order_by("-version").values_list("version", flat=True).distinct()
    versions = list(found[:READ])
    runs = list(folded(_edits(versions), _goes_on))
    is_more = len(versions) == READ or len(runs) > SHOWN
    steps = list(_steps(runs[:SHOWN]))
    return Page(steps, steps[-1].first if is_more and steps else None)


def between(begin: datetime, end: datetime, most: int) -> list[Step]:
    """Return the newest steps between two moments, of so many versions at most.

    Without their differences.
    """
    records = _wanted(Wanted(begin=begin, end=end)).order_by("-version")
    versions = list(records.values_list("version", flat=True).distinct()[:most])
    return list(_steps(folded(_edits(versions), _goes_on), in_detail=False))


def editors(since: datetime) -> list[str]:
    """Return who edited the tree lately."""
    names = HistoricalBuddy.objects.filter(history_date__gte=since).order_by()
    return sorted(set(names.values_list("history_user_id", flat=True).distinct()))


def _wanted(wanted: Wanted) -> "QuerySet[HistoricalBuddy]":
    conditions = {
        "history_user_id": wanted.editor or None,
        "name__icontains": wanted.name or None,
        "history_date__gte": wanted.begin,
        "history_date__lt": wanted.end,
    }
    given = {name: value for name, value in conditions.items() if value is not None}
    return HistoricalBuddy.objects.filter(**given)


class _Edit(NamedTuple):
    """The edit that made a version: how many entries it touched, and added."""

    version: int
    touched: int
    added: int
    record: HistoricalBuddy  # the newest of them
    older: int | None  # the key of that entry's record before it


def _edits(versions: list[int]) -> list[_Edit]:
    made = HistoricalBuddy.objects.filter(version__in=versions).order_by()
    # Of an edit of very many entries, one record is enough.
    counted = made.values("version").annotate(
        newest=Max("pk"),
        touched=Count("pk"),
        added=Count("pk", filter=Q(history_type=history.ADDED)),
    )
    counts = {row["newest"]: (row["touched"], row["added"]) for row in counted}
    earlier = HistoricalBuddy.objects.filter(
        id=OuterRef("id"), version__lt=OuterRef("version")
    ).order_by("-version", "-history_id")
    records: Any = HistoricalBuddy.objects.filter(pk__in=counts).annotate(
        older=Subquery(earlier.values("history_id")[:1])
    )
    edits = [_Edit(r.version, *counts[r.pk], r, r.older) for r in records]
    return sorted(edits, key=lambda edit: edit.version, reverse=True)


def _goes_on(newer: _Edit, edit: _Edit) -> bool:
    """Whether one step has both edits: nobody else changed the entry in between."""
    one, other = newer.record, edit.record
    return (
        newer.touched == edit.touched == 1
        and newer.older == other.history_id
        and one.history_user_id == other.history_user_id
        and one.history_type == history.CHANGED
        # An undo, or a campaign that went live.
        and not (one.history_change_reason or other.history_change_reason)
        and one.history_date - other.history_date <= FOLDED
    )


def _steps(runs: Iterable[list[_Edit]], in_detail: bool = True) -> Iterator[Step]:
    found = list(runs)
    before = HistoricalBuddy.objects.in_bulk([run[-1].older or 0 for run in found])
    for run in found:
        yield _step(run, before.get(run[-1].older or 0), in_detail)


def _step(run: list[_Edit], old: HistoricalBuddy | None, in_detail: bool) -> Step:
    newest, oldest = run[0], run[-1]
    record = newest.record
    is_undo = record.history_change_reason == history.UNDO
    own = (oldest.version, newest.version, record.history_date, record.history_user_id)
    if newest.touched > 1:
        edit = HistoricalBuddy.objects.filter(version=newest.version)
        words = history.describe_many(edit, newest.touched)
        return Step(*own, _undone(words, is_undo), is_undo, newest.added)
    words = history.describe(record, old)
    if oldest.record.history_type == history.ADDED:
        words = history.one_in_words(history.ADDED, record.name)
    differences: Iterable[Difference] = ()
    if in_detail and old and record.history_type == history.CHANGED:
        differences = history.differences(old, record)
    return Step(
        *own,
        _undone(words, is_undo),
        is_undo,
        oldest.added,
        record.id,
        record.name,
        tuple(differences),
    )


def _undone(words: str, is_undo: bool) -> str:
    return _("Undone: %(what)s") % {"what": words} if is_undo else words
