"""The log of a campaign in words: who edited what, and what it was.

It is to a campaign what :mod:`buddies.tree.history` is to the tree.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from django.utils.translation import gettext as _

from buddies.campaigns.rows import (
    ADDED,
    CHANGED,
    ENTRY,
    REMOVED,
    Row,
    differences_of,
)
from buddies.models import Buddy, Campaign, DifferenceLog, HistoricalBuddy
from buddies.tree import history, snapshot
from buddies.tree.snapshot import (
    NAMES,
    PARENT,
    SCHEDULE,
    Group,
    Key,
    Snapshot,
    Values,
)

PLACE = {PARENT}
LIVE = "live"  # the reason of an edit that made a change live, without the campaign


def of(campaign: Campaign, version: int, editor: str) -> list[DifferenceLog]:
    """Return the rows of the edit that made ``version``, if it is this editor's."""
    return list(campaign.log.filter(version=version, editor=editor))


def newest(campaign: Campaign, editor: str) -> history.LastEdit | None:
    """The last edit of an editor; None before the first."""
    own = campaign.log.filter(editor=editor)
    # In one query: the campaign may go between two.
    newest_one = own.order_by("-version").values("version")[:1]
    edit = list(own.filter(version__in=newest_one))
    return in_words(edit, edit[0].version) if edit else None


def went_live(campaign: Campaign, version: int) -> bool:
    """Whether the edit that made ``version`` made a change of the campaign live."""
    return campaign.log.filter(version=version, reason=LIVE).exists()


def in_words(edit: Iterable[DifferenceLog], version: int) -> history.LastEdit:
    """Say what the rows of one edit did."""
    records = list(edit)
    entries = [one for one in records if one.about == ENTRY]
    is_undo = records[0].reason == history.UNDO
    if not entries:
        return history.LastEdit(version, _order_in_words(records), is_undo, 0)
    kinds = {_kind(one, is_undo) for one in entries}
    if len(entries) > 1:
        kind = kinds.pop() if len(kinds) == 1 else history.CHANGED
        words = history.many_in_words(kind, len(entries))
    else:
        (one,) = entries
        fields = fields_of(changed(one.before, one.after))
        words = history.one_in_words(kinds.pop(), one.name, fields)
    added = sum(kind_of(one.before, one.after) == history.ADDED for one in entries)
    return history.LastEdit(version, words, is_undo, added)


def _order_in_words(records: list[DifferenceLog]) -> str:
    names = sorted(f"“{one.name}”" for one in records if one.key)
    if not names:
        return _("Changed the order at the top level")
    return _("Changed the order in %(names)s") % {"names": ", ".join(names)}


def _kind(one: DifferenceLog, is_undo: bool) -> str:
    """What was done to the entry; for an undo, what was undone."""
    before, after = (one.after, one.before) if is_undo else (one.before, one.after)
    return kind_of(before, after)


def kind_of(before: Row | None, after: Row | None) -> str:
    """What an edit did to an entry, by its row before and after."""
    was_there, is_there = (
        _is_there(row, other) for row, other in ((before, after), (after, before))
    )
    if was_there == is_there:
        return history.CHANGED
    return history.ADDED if is_there else history.DELETED


def _is_there(row: Row | None, other: Row | None) -> bool:
    """Whether the campaign's tree had the entry; without a row it is as it is live."""
    if row is None:
        # The other row adds what is not live, and changes or removes what is.
        return other is None or other["kind"] in (CHANGED, REMOVED)
    return bool(row["kind"] != REMOVED)


def fields_of(names: Iterable[str]) -> set[str]:
    """Return the fields in the history of the tree that hold these values."""
    found = set(snapshot.fields_of(names))
    return found - PLACE | (history.PLACE if PARENT in found else set())


def changed(before: Row | None, after: Row | None) -> set[str]:
    """Return the names of the values of an entry that an edit changed."""
    return {name for name in NAMES if _said(before, name) != _said(after, name)}


def _said(row: Row | None, name: str) -> Any:
    if row is None or name not in row["fields"]:
        return None
    said = row["fields"][name]
    return [said["now"]] if row["kind"] == CHANGED else [said, row["kind"]]


# --- What an editor missed ------------------------------------------------------------


def missed(
    campaign: Campaign, keys: Collection[Key], names: Collection[str], seen: int
) -> str:
    """Say who changed these values of an entry after ``seen``; empty if nobody did."""
    newer = campaign.log.filter(about=ENTRY, key__in=keys, version__gt=seen)
    for one in newer.order_by("-version"):
        kind = kind_of(one.before, one.after)
        differing = changed(one.before, one.after)
        if kind == history.CHANGED and differing.isdisjoint(names):
            continue
        author = history.Author(one.editor, one.at)
        return history.missed_in_words(kind, one.name, author, fields_of(differing))
    return ""


def editors(campaign: Campaign) -> set[str]:
    """Return who edited a campaign."""
    return set(campaign.log.order_by().values_list("editor", flat=True).distinct())


def of_entry(campaign: Campaign, key: Key) -> Iterator[history.HistoryEntry]:
    """Yield what was done to an entry in a campaign, newest first."""
    for one in campaign.log.filter(about=ENTRY, key=key).order_by("-version"):
        edit = in_words([one], one.version)
        words = edit.words
        if edit.is_undo:
            words = _("Undone: %(what)s") % {"what": words}
        differences = list(_differences(one))
        yield history.HistoryEntry(one.at, one.editor, one.name, words, differences)


def _differences(one: DifferenceLog) -> Iterator[history.Difference]:
    if kind_of(one.before, one.after) == history.CHANGED:
        for name in NAMES:
            if _said(one.before, name) != _said(one.after, name):
                old = _value(one.before, one.after, name)
                yield from differences(name, old, _value(one.after, one.before, name))


def _value(row: Row | None, other: Row | None, name: str) -> Any:
    """The value that a row gives, or the live one that the other row departs from."""
    if (said := _said(row, name)) is not None:
        return said[0]
    return other["fields"][name]["was"][-1] if other else None


def differences(name: str, old: Any, new: Any) -> Iterator[history.Difference]:
    """Yield how a value differs, each field of it."""
    if name == PARENT:
        yield history.Difference(_("inside"), group_name(old), group_name(new))
        return
    pairs = zip(old, new, strict=True) if name == SCHEDULE else [(old, new)]
    for field, (before, after) in zip(snapshot.fields_of([name]), pairs, strict=True):
        if before != after:
            label = str(history.FIELDS[field].verbose_name)
            was, now = (snapshot.read(field, value) for value in (before, after))
            yield history.Difference(
                label, history.value_in_words(was), history.value_in_words(now)
            )


def group_name(key: Key | None) -> str:
    """The newest name of a group, whether it is live, deleted or of a campaign."""
    if key is None:
        return _("top level")
    for known in (
        Buddy.objects.filter(key=key).values_list("name"),
        DifferenceLog.objects.filter(about=ENTRY, key=key)
        .order_by("-pk")
        .values_list("name"),
        HistoricalBuddy.objects.filter(key=key).values_list("name"),
    ):
        if name := known.first():
            return str(name[0])
    return ""


def last_values(key: Key, tree: Snapshot) -> Values | None:
    """Return the values that an entry had last: live, or else in a campaign.

    Without a group of ``tree`` to be in, it is at the top level.
    """
    records = HistoricalBuddy.objects.order_by("-history_id")
    record = records.filter(key=key).first()
    if record is None:
        values = _last_drafted(key)
        return values and {**values, PARENT: _known(values[PARENT], tree)}
    group = records.filter(id=record.parent_id or 0).first()
    parent = _known(str(group.key) if group else None, tree)
    return snapshot.values_of(record.buddy, parent)


def _known(group: Group, tree: Snapshot) -> Group:
    return group if group in tree.entries else None


def _last_drafted(key: Key) -> Values | None:
    """Return the values of an entry that only campaigns ever had."""
    drafted = DifferenceLog.objects.filter(about=ENTRY, key=key).order_by("-pk")
    for one in drafted:
        for row in (one.after, one.before):
            if row and row["kind"] == ADDED:
                return differences_of({(ENTRY, key): row}).added[key]
    return None
