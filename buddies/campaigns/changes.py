"""What a campaign changes, in words, one line each; a line can be taken back."""

from collections.abc import Iterator
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.campaigns import log
from buddies.campaigns.merge import Change, Differences
from buddies.campaigns.view import View
from buddies.document.diff import label_of
from buddies.tree import history
from buddies.tree.snapshot import PARENT, Group, Key, Values

FLAGS = {"mobile_is_published", "web_is_published"}


class CampaignChange(NamedTuple):
    """One change of the entry, or of the order in the group, with this ``key``.

    ``field`` names the value that differs, and is empty if the entry is added or
    deleted, or the order changed. ``kind`` is one of those of
    :class:`buddies.document.diff.DocumentChange`.
    """

    kind: str
    key: Group
    field: str
    name: str
    words: str
    is_live: bool = False

    @property
    def label(self) -> str:
        return label_of(self.kind)


def changes(view: View) -> list[CampaignChange]:
    """List what a campaign changes: removed, added, then all others."""
    return [
        *_removed(view),
        *_added(view),
        *_edited(view),
        *_reordered(view),
    ]


def _removed(view: View) -> Iterator[CampaignChange]:
    removed = view.differences.removed
    for key, values in removed.items():
        # Deleted with its group: the line of that group says how many.
        if values[PARENT] not in removed:
            count = len(_below(removed, key))
            yield _branch_change(view, "removed", key, values, count)


def _below(values: dict[Key, Values], root: Key) -> set[Key]:
    """Return which of these entries are inside another one of them."""
    inside: dict[Group, list[Key]] = {}
    for key, one in values.items():
        inside.setdefault(one[PARENT], []).append(key)
    found: set[Key] = set()
    waiting = inside.get(root, [])
    while waiting:
        key = waiting.pop()
        if key not in found:
            found.add(key)
            waiting = waiting + inside.get(key, [])
    return found


def _branch_change(
    view: View, kind: str, key: Key, values: Values, count: int
) -> CampaignChange:
    words = _place(view, values[PARENT])
    if count:
        more = ngettext("with %(count)s item", "with %(count)s items", count)
        words += ", " + more % {"count": count}
    is_live = (key in view.base.tree.entries) == (kind == "added")
    return CampaignChange(kind, key, "", values["name"], words, is_live)


def _place(view: View, group: Group) -> str:
    if group is None:
        return _("at the top")
    return _("inside “%(group)s”") % {"group": name_of(view, group)}


def name_of(view: View, key: Group) -> str:
    """The name of an entry: in the campaign, live, or as it was known last."""
    for entries in (view.tree.entries, view.base.tree.entries):
        if key in entries:
            return str(entries[key]["name"])
    return log.group_name(key)


def _added(view: View) -> Iterator[CampaignChange]:
    added = view.differences.added
    for key, values in added.items():
        if values[PARENT] not in added:
            count = len(_below(added, key))
            yield _branch_change(view, "added", key, values, count)


def _edited(view: View) -> Iterator[CampaignChange]:
    for key, fields in view.differences.changed.items():
        for name, change in fields.items():
            yield _value_change(view, key, name, change)


def _value_change(view: View, key: Key, name: str, change: Change) -> CampaignChange:
    title = name_of(view, key)
    live = view.base.tree.entries.get(key, {}).get(name, change.was[-1])
    is_live = live == change.now
    if name == PARENT:
        words = f"{_group(view, change.was[-1])} → {_group(view, change.now)}"
        return CampaignChange("moved", key, name, title, words, is_live)
    if name in FLAGS:
        label = str(history.FIELDS[name].verbose_name)
        kind = "shown" if change.now else "hidden"
        words = _("on %(app)s") % {"app": label}
        return CampaignChange(kind, key, name, title, words, is_live)
    old = change.was[-1] if is_live else live
    words = "; ".join(
        f"{one.label}: “{one.old}” → “{one.new}”"
        for one in log.differences(name, old, change.now)
    )
    return CampaignChange("edited", key, name, title, words, is_live)


def _group(view: View, key: Group) -> str:
    return _("top level") if key is None else f"“{name_of(view, key)}”"


def _reordered(view: View) -> Iterator[CampaignChange]:
    for group, order in view.differences.orders.items():
        both = set(order.was) & set(order.now)
        was = [key for key in order.was if key in both]
        # An order that only makes room for what is added is no change of its own.
        if was != [key for key in order.now if key in both]:
            name = _("top level") if group is None else name_of(view, group)
            yield CampaignChange("reordered", group, "", name, _("another order"))


# --- Taking one back ------------------------------------------------------------------


def without(campaign: Differences, key: Group, field: str) -> Differences:
    """Return the differences without a change; see :class:`CampaignChange`.

    What was added or deleted goes with everything inside it.
    """
    chosen = only(campaign, key, field)
    changed = {
        k: {n: c for n, c in fields.items() if n not in chosen.changed.get(k, {})}
        for k, fields in campaign.changed.items()
    }
    return Differences(
        {k: v for k, v in campaign.added.items() if k not in chosen.added},
        {k: v for k, v in campaign.removed.items() if k not in chosen.removed},
        {k: fields for k, fields in changed.items() if fields},
        {g: o for g, o in campaign.orders.items() if g not in chosen.orders},
    )


def only(campaign: Differences, key: Group, field: str) -> Differences:
    """Return one change of a campaign, as differences of their own."""
    if field:
        change = campaign.changed.get(key or "", {}).get(field)
        return Differences({}, {}, {key: {field: change}} if key and change else {}, {})
    if key in campaign.added:
        branch = {key, *_below(campaign.added, key)}
        return Differences({k: campaign.added[k] for k in branch}, {}, {}, {})
    if key in campaign.removed:
        branch = {key, *_below(campaign.removed, key)}
        return Differences({}, {k: campaign.removed[k] for k in branch}, {}, {})
    orders = {key: campaign.orders[key]} if key in campaign.orders else {}
    return Differences({}, {}, {}, orders)


def touched(campaign: Differences) -> set[Key]:
    """Return the keys of all entries that a campaign changes."""
    return {*campaign.added, *campaign.removed, *campaign.changed}
