"""The log of the tree: who edited which entry, when, and what it was before.

An edit makes one version of the tree, and a record for each entry it touches;
so the log can say what an editor missed, and what can be undone.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Max, Q, QuerySet
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.models import Buddy, HistoricalBuddy
from xmppservice.backoffice.words import zoned_moment

UNDO = "undo"  # the reason on the records of an edit that undoes another

ADDED, CHANGED, DELETED = "+", "~", "-"
OPPOSITE = {ADDED: DELETED, CHANGED: CHANGED, DELETED: ADDED}
PLACE = {"parent_id", "position"}
FLAGS = {"mobile_is_published", "web_is_published"}
FIELDS = {field.attname: field for field in Buddy._meta.fields}
VALUES = FIELDS.keys() - {"id", "key", "version"}  # what an edit can change


class LastEdit(NamedTuple):
    """An editor's newest edit: its version, what it did, whether it is an undo.

    Undoing it deletes ``added`` entries.
    """

    version: int
    words: str
    is_undo: bool
    added: int


def write(
    kind: str, buddies: Iterable[Buddy], editor: str, at: datetime, reason: str
) -> None:
    """Log entries as one edit left them."""
    records = (
        HistoricalBuddy(
            history_date=at,
            history_type=kind,
            history_user_id=editor,
            history_change_reason=reason,
            **{name: getattr(buddy, name) for name in FIELDS},
        )
        for buddy in buddies
    )
    HistoricalBuddy.objects.bulk_create(records, batch_size=500)


def of(version: int, editor: str | None) -> list[HistoricalBuddy]:
    """Return the records of the edit that made ``version``, if it is this editor's.

    Without an editor: whoever made it.
    """
    records = HistoricalBuddy.objects.filter(version=version)
    return list(records if editor is None else records.filter(history_user_id=editor))


def size_of(version: int, editor: str) -> int:
    """Return how many entries an edit wrote."""
    own = HistoricalBuddy.objects.filter(version=version, history_user_id=editor)
    return own.count()


def before(records: Iterable[HistoricalBuddy]) -> dict[int, HistoricalBuddy]:
    """Return each entry's record before these records of one edit, by its key."""
    records = list(records)
    if not records:
        return {}
    keys = [record.id for record in records]
    earlier = HistoricalBuddy.objects.filter(
        id__in=keys, version__lt=records[0].version
    )
    return {record.id: record for record in _newest_of_each(earlier)}


def _newest_of_each(
    records: "QuerySet[HistoricalBuddy]",
) -> "QuerySet[HistoricalBuddy]":
    """Return the newest of these records of each entry."""
    # Keys grow with versions.
    newest_ones = records.order_by().values("id").annotate(last=Max("history_id"))
    return HistoricalBuddy.objects.filter(history_id__in=newest_ones.values("last"))


def tree_at(version: int) -> list[Buddy]:
    """Return the entries as a version of the tree had them.

    The log may lack a group that somebody added by hand: then what was in it is at the
    top level.
    """
    records = _newest_of_each(HistoricalBuddy.objects.filter(version__lte=version))
    buddies = [record.buddy for record in records.exclude(history_type=DELETED)]
    numbers = {buddy.pk for buddy in buddies}
    for buddy in buddies:
        if buddy.parent_id not in numbers:
            buddy.parent_id = None
    return buddies


def newest(editor: str) -> LastEdit | None:
    """The last edit of an editor; None before the first."""
    # Keys grow with versions, and the index on names keeps their order.
    own = HistoricalBuddy.objects.filter(history_user_id=editor).order_by("-history_id")
    last = own.first()
    if last is None:
        return None
    edit = own.filter(version=last.version)
    count = edit.count()
    words = _describe_one(last) if count <= 1 else describe_many(edit, count)
    added = edit.filter(history_type=ADDED).count()
    return LastEdit(last.version, words, last.history_change_reason == UNDO, added)


def made_at(version: int) -> datetime | None:
    """Return when an edit made this version of the tree."""
    records = HistoricalBuddy.objects.filter(version=version).order_by()
    # All records of one edit are of one moment, and may be thousands.
    return next(iter(records.values_list("history_date", flat=True)[:1]), None)


def version_at(at: datetime) -> int:
    """Return the tree's version at a moment; 0 before its first edit."""
    records = HistoricalBuddy.objects.filter(history_date__lte=at)
    newest = records.order_by("-version").values_list("version", flat=True).first()
    return newest or 0


def addresses_at(addresses: Collection[str], version: int) -> set[str]:
    """Return which of these addresses entries of a version of the tree had."""
    known = HistoricalBuddy.objects.filter(version__lte=version)
    touched = known.filter(address__in=addresses).order_by().values("id")
    records = _newest_of_each(known.filter(id__in=touched))
    there = records.exclude(history_type=DELETED).order_by()
    return set(there.values_list("address", flat=True)).intersection(addresses)


def first_after(version: int) -> datetime | None:
    """When the first edit after a version of the tree was made."""
    at: datetime | None = (
        HistoricalBuddy.objects.filter(version__gt=version)
        .order_by("version")
        .values_list("history_date", flat=True)
        .first()
    )
    return at


def was_shown(key: int, address: str, version: int) -> bool:
    """Whether an entry with this address had a flag on, up to a version."""
    shown = Q(mobile_is_published=True) | Q(web_is_published=True)
    known = HistoricalBuddy.objects.filter(
        id=key, address=address, version__lte=version
    )
    return bool(known.filter(shown).exists())


def describe_many(edit: QuerySet[HistoricalBuddy], count: int) -> str:
    """Say what an edit of so many entries did."""
    # There may be thousands, and each poll of the state asks for them.
    kinds = {_effective_kind(kind, reason) for kind, reason in _kinds(edit)}
    return many_in_words(kinds.pop() if len(kinds) == 1 else CHANGED, count)


def many_in_words(kind: str, count: int) -> str:
    """Say that an edit did this to so many entries."""
    params = {"count": count}
    if kind == ADDED:
        return ngettext("Added %(count)s item", "Added %(count)s items", count) % params
    if kind == DELETED:
        text = ngettext("Deleted %(count)s item", "Deleted %(count)s items", count)
        return text % params
    text = ngettext("Changed %(count)s item", "Changed %(count)s items", count)
    return text % params


def _kinds(
    edit: QuerySet[HistoricalBuddy],
) -> QuerySet[HistoricalBuddy, tuple[str, str | None]]:
    result = edit.order_by().values_list("history_type", "history_change_reason")
    return result.distinct()


def _effective_kind(kind: str, reason: str | None) -> str:
    """Return what was done; for an undo, what was undone."""
    return OPPOSITE[kind] if reason == UNDO else kind


def _describe_one(record: HistoricalBuddy) -> str:
    return describe(record, before([record]).get(record.id))


def describe(record: HistoricalBuddy, old: HistoricalBuddy | None) -> str:
    """Say what an edit of one entry did, which had the ``old`` record before."""
    kind = _effective_kind(record.history_type, record.history_change_reason)
    names = changed(old, record) if kind == CHANGED else ()
    return one_in_words(kind, record.name, names)


def one_in_words(kind: str, name: str, columns: Collection[str] = ()) -> str:
    """Say that an edit did this to an entry, and to these of its fields."""
    params = {"name": name}
    if kind == ADDED:
        return _("Added “%(name)s”") % params
    if kind == DELETED:
        return _("Deleted “%(name)s”") % params
    if PLACE.issuperset(columns):
        return _("Moved “%(name)s”") % params
    if FLAGS.issuperset(columns):
        return _("Changed the visibility of “%(name)s”") % params
    return _("Edited “%(name)s”") % params


def missed(key: int, seen: int) -> str:
    """Say who did what to an entry after version ``seen``, and how long ago."""
    records = list(
        HistoricalBuddy.objects.filter(id=key, version__gt=seen).order_by(
            "version", "history_id"
        )
    )
    if not records:
        return gone()
    last = records[-1]
    # Nothing differs if it was added since, or changed back.
    old = before(records[:1]).get(key)
    names = changed(old, last) if old else set()
    author = Author(last.history_user_id, last.history_date)
    return missed_in_words(last.history_type, last.name, author, names)


def changed_since(buddy: Buddy, seen: int) -> set[str]:
    """Return the columns of an entry that differ from what version ``seen`` had.

    All of them if that version did not have the entry.
    """
    known = HistoricalBuddy.objects.filter(id=buddy.pk, version__lte=seen)
    return changed(known.order_by("-version", "-history_id").first(), buddy)


def gone() -> str:
    """Say that an entry is deleted, when nobody knows by whom."""
    return _("Someone deleted this in the meantime.")


class Author(NamedTuple):
    """Who edited, and when."""

    editor: str
    at: datetime


def missed_in_words(kind: str, name: str, author: Author, columns: set[str]) -> str:
    """Say who did what to an entry, how long ago, and to which of its fields."""
    params = {"editor": author.editor, "name": name, "ago": _ago(author.at)}
    if kind == DELETED:
        return _("%(editor)s deleted “%(name)s” %(ago)s.") % params
    if kind == ADDED:
        return _("%(editor)s added “%(name)s” %(ago)s.") % params
    if not columns:
        return _("%(editor)s changed “%(name)s” %(ago)s.") % params
    params["what"] = names_in_words(columns)
    return _("%(editor)s changed “%(name)s” %(ago)s: %(what)s.") % params


def _ago(at: datetime) -> str:
    if timezone.now() - at < timedelta(minutes=1):
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(at, depth=1)}


def changed(
    old: HistoricalBuddy | Buddy | None, new: HistoricalBuddy | Buddy
) -> set[str]:
    """Return the columns in which two states of an entry differ; all without one."""
    return {n for n in VALUES if old is None or getattr(old, n) != getattr(new, n)}


def names_in_words(columns: Collection[str]) -> str:
    """List the fields of an entry that were changed."""
    words = [] if PLACE.isdisjoint(columns) else [_("place")]
    fields = (FIELDS[n] for n in FIELDS if n in columns and n not in PLACE)
    return get_text_list([*words, *(str(f.verbose_name) for f in fields)], _("and"))


class Difference(NamedTuple):
    """A field that an edit changed, in words; ``field`` can be put back."""

    label: str
    old: str
    new: str
    field: str = ""


class HistoryEntry(NamedTuple):
    """A record in words: when, by whom, what, and each difference.

    ``record`` is its key in the log, and ``before`` the version of the tree before it,
    which had the entry; 0 without one.
    """

    at: datetime
    editor: str
    name: str
    words: str
    differences: list[Difference]
    record: int = 0
    before: int = 0
    is_group: bool = False


def of_entry(key: int) -> list[HistoryEntry]:
    """Return everything that was done to an entry, newest first."""
    records = HistoricalBuddy.objects.filter(id=min(key, 2**63 - 1))
    ordered = list(records.order_by("version", "history_id"))
    results = [
        _entry(old, new) for old, new in zip([None, *ordered], ordered, strict=False)
    ]
    return results[::-1]


def _entry(old: HistoricalBuddy | None, new: HistoricalBuddy) -> HistoryEntry:
    words = _describe_one(new)
    if new.history_change_reason == UNDO:
        words = _("Undone: %(what)s") % {"what": words}
    return HistoryEntry(
        new.history_date,
        new.history_user_id,
        new.name,
        words,
        list(differences(old, new)) if new.history_type == CHANGED else [],
        new.history_id,
        0 if new.history_type == ADDED else new.version - 1,
        new.type == Buddy.Type.GROUP,
    )


def differences(
    old: HistoricalBuddy | None, new: HistoricalBuddy
) -> Iterator[Difference]:
    """Yield how two records of an entry differ."""
    names = changed(old, new)
    if names & PLACE:
        can_return = "parent" if "parent_id" in names else ""
        yield Difference(_("place"), _group(old), _group(new), can_return)
    for name, field in FIELDS.items():
        if name in names - PLACE:
            label = str(field.verbose_name)
            was, after = (getattr(one, name) for one in (old, new))
            yield Difference(label, value_in_words(was), value_in_words(after), name)


def _group(record: HistoricalBuddy | None) -> str:
    if record is None:
        return ""
    if record.parent_id is None:
        return _("top level")
    named = HistoricalBuddy.objects.filter(
        id=record.parent_id, version__lte=record.version
    )
    group = named.order_by("-version", "-history_id").first()
    return group.name if group else ""


def value_in_words(value: Any) -> str:
    """A value of a field for staff."""
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, datetime):
        return zoned_moment(value)
    return "" if value is None else str(value)
