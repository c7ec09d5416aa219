"""The log of the tree: who edited which entry, when, and what it was before.

An edit makes one version of the tree, and a record for each entry it touches;
so the log can say what an editor missed, and what can be undone.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Q, QuerySet
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


class LastEdit(NamedTuple):
    """An editor's newest edit: its version, what it did, whether it is an undo."""

    version: int
    words: str
    is_undo: bool


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


def of(version: int, editor: str) -> list[HistoricalBuddy]:
    """Return the records of the edit that made ``version``, if it is this editor's."""
    return list(HistoricalBuddy.objects.filter(version=version, history_user_id=editor))


def before(records: Iterable[HistoricalBuddy]) -> dict[int, HistoricalBuddy]:
    """Return each entry's record before these records of one edit, by its key."""
    older: dict[int, HistoricalBuddy] = {}
    records = list(records)
    keys = [record.id for record in records]
    earlier = HistoricalBuddy.objects.filter(
        id__in=keys, version__lt=records[0].version
    )
    for record in earlier.order_by("version", "history_id"):
        older[record.id] = record
    return older


def newest(editor: str) -> LastEdit | None:
    """The last edit of an editor; None before the first."""
    # Keys grow with versions, and the index on names keeps their order.
    own = HistoricalBuddy.objects.filter(history_user_id=editor).order_by("-history_id")
    last = own.first()
    if last is None:
        return None
    edit = own.filter(version=last.version)
    count = edit.count()
    words = _describe_one(last) if count <= 1 else _describe_many(edit, count)
    return LastEdit(last.version, words, last.history_change_reason == UNDO)


def made_at(version: int) -> datetime | None:
    """Return when an edit made this version of the tree."""
    at: datetime | None = (
        HistoricalBuddy.objects.filter(version=version)
        .values_list("history_date", flat=True)
        .first()
    )
    return at


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


def _describe_many(edit: QuerySet[HistoricalBuddy], count: int) -> str:
    # There may be thousands, and each poll of the state asks for them.
    kinds = {_effective_kind(kind, reason) for kind, reason in _kinds(edit)}
    params = {"count": count}
    if kinds == {ADDED}:
        return ngettext("Added %(count)s item", "Added %(count)s items", count) % params
    if kinds == {DELETED}:
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
    name = {"name": record.name}
    kind = _effective_kind(record.history_type, record.history_change_reason)
    if kind == ADDED:
        return _("Added “%(name)s”") % name
    if kind == DELETED:
        return _("Deleted “%(name)s”") % name
    changed = _changed(before([record]).get(record.id), record)
    if changed <= PLACE:
        return _("Moved “%(name)s”") % name
    if changed <= FLAGS:
        return _("Changed the visibility of “%(name)s”") % name
    return _("Edited “%(name)s”") % name


def missed(key: int, seen: int) -> str:
    """Say who did what to an entry after version ``seen``, and how long ago."""
    records = list(
        HistoricalBuddy.objects.filter(id=key, version__gt=seen).order_by(
            "version", "history_id"
        )
    )
    if not records:
        return _("Someone deleted this in the meantime.")
    last = records[-1]
    params = {
        "editor": last.history_user_id,
        "name": last.name,
        "ago": _ago(last.history_date),
    }
    if last.history_type == DELETED:
        return _("%(editor)s deleted “%(name)s” %(ago)s.") % params
    if last.history_type == ADDED:
        return _("%(editor)s added “%(name)s” %(ago)s.") % params
    # Nothing differs if it was added since, or changed back.
    old = before(records[:1]).get(key)
    if not (changed := _changed(old, last) if old else set()):
        return _("%(editor)s changed “%(name)s” %(ago)s.") % params
    params["what"] = _names(changed)
    return _("%(editor)s changed “%(name)s” %(ago)s: %(what)s.") % params


def _ago(at: datetime) -> str:
    if timezone.now() - at < timedelta(minutes=1):
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(at, depth=1)}


def _changed(old: HistoricalBuddy | None, new: HistoricalBuddy) -> set[str]:
    names = FIELDS.keys() - {"id", "version"}
    return {n for n in names if old is None or getattr(old, n) != getattr(new, n)}


def _names(changed: set[str]) -> str:
    words = [_("place")] if changed & PLACE else []
    fields = (FIELDS[name] for name in FIELDS if name in changed - PLACE)
    return get_text_list([*words, *(str(f.verbose_name) for f in fields)], _("and"))


class HistoryEntry(NamedTuple):
    """A record in words: when, by whom, what, and each difference."""

    at: datetime
    editor: str
    name: str
    words: str
    differences: list[tuple[str, str, str]]


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
        list(_differences(old, new)) if new.history_type == CHANGED else [],
    )


def _differences(
    old: HistoricalBuddy | None, new: HistoricalBuddy
) -> Iterator[tuple[str, str, str]]:
    changed = _changed(old, new)
    if changed & PLACE:
        yield _("place"), _group(old), _group(new)
    for name, field in FIELDS.items():
        if name in changed - PLACE:
            label = str(field.verbose_name)
            yield label, _value(getattr(old, name)), _value(getattr(new, name))


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


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return _("on") if value else _("off")
    if isinstance(value, datetime):
        return zoned_moment(value)
    return "" if value is None else str(value)
