"""Settling a conflict: what each choice makes of a campaign's differences."""

from functools import partial

from django.utils.translation import gettext as _

from buddies.campaigns import log
from buddies.campaigns.changes import without
from buddies.campaigns.conflict_words import (
    DELETE,
    EDIT,
    GROUP,
    OWN,
    RENAME,
    decision,
    own_of,
    wanted_group,
)
from buddies.campaigns.edits import CampaignEdits
from buddies.campaigns.merge import (
    ADDRESS,
    CIRCLE,
    FIELD,
    GONE,
    INSIDE,
    KIND,
    ORDER,
    ROUTED,
    Change,
    Conflict,
    Differences,
    merge,
    resolve,
)
from buddies.campaigns.view import View, view_of
from buddies.models import Campaign, new_address
from buddies.tree import snapshot
from buddies.tree.lock import Stale, TreeError
from buddies.tree.snapshot import PARENT, Group, Key, Values

KIND_FIELDS = ("type", "server_address", "default_message")


def decide(number: int, editor: str, conflict: Conflict, choice: str) -> None:
    """Settle a conflict of a campaign.

    Raises Stale if the conflict does not exist any more, TreeError if this can't be
    chosen.
    """

    def change(view: View) -> Differences:
        if conflict not in view.conflicts:
            raise Stale(_("This was decided already, or it has changed."))
        offered = decision(view, conflict).choices
        if choice == EDIT or choice not in [one.name for one in offered]:
            raise TreeError(_("This can't be chosen here."))
        decided = _decided(view, conflict, choice)
        if conflict in merge(view.base.tree, decided).conflicts:
            raise TreeError(_("This does not settle it: change it by hand."))
        return decided

    CampaignEdits(number).rewrite(editor, change, "decision")


def decide_as_written(number: int, editor: str, key: Key, names: set[str]) -> None:
    """Settle the conflicts of an entry as its form was saved, with these ``names``.

    The form showed a group, too: that is where the entry is to be.
    """
    view = view_of(Campaign.objects.get(pk=number))
    for conflict in view.conflicts:
        if conflict.key != key:
            continue
        if conflict.kind == FIELD and conflict.detail in names:
            decide(number, editor, conflict, OWN)
        elif conflict.kind in (INSIDE, CIRCLE):
            shown = partial(_as_shown, key=key, group=conflict.detail)
            CampaignEdits(number).rewrite(editor, shown, "decision")


def _as_shown(view: View, key: Key, group: Key) -> Differences:
    """Put an entry into the group in which it is shown, which may be a deleted one."""
    campaign, shown = view.differences, view.tree.entries[key][PARENT]
    if shown == group and group in campaign.removed:
        return _without_removal(campaign, group)
    if key in campaign.added:
        return _added(campaign, key, {**campaign.added[key], PARENT: shown})
    fields = dict(campaign.changed.get(key, {}))
    wish = fields.pop(PARENT, None)
    if wish and shown != view.base.tree.entries[key][PARENT]:
        fields[PARENT] = Change(wish.was, shown)
    return _with_fields(campaign, key, fields)


def _with_fields(
    campaign: Differences, key: Key, fields: dict[str, Change]
) -> Differences:
    left = _unchanged(campaign, key)
    return left._replace(changed=left.changed | ({key: fields} if fields else {}))


def _decided(view: View, conflict: Conflict, choice: str) -> Differences:
    campaign, key = view.differences, str(conflict.key)
    if conflict.kind == GONE and choice == OWN and key in campaign.changed:
        return _brought_back(view, key)
    if conflict.kind in (FIELD, GONE, ORDER):
        return resolve(campaign, view.base.tree, conflict, choice == OWN)
    if choice == GROUP and conflict.detail in campaign.removed:
        return _without_removal(campaign, conflict.detail)
    if choice == GROUP:
        return _added(
            campaign, conflict.detail, log.last_values(conflict.detail, view.tree)
        )
    if choice == DELETE:
        return _deleted(view, key)
    if choice == RENAME:
        return _readdressed(view, own_of(view, conflict)[0])
    if conflict.kind == ADDRESS:
        return _not_readdressed(campaign, own_of(view, conflict)[0])
    if conflict.kind == KIND:
        return _as_live(view, key)
    if conflict.kind == CIRCLE:
        return _without_circle(view, key)
    # What the campaign put into a group stays where it is.
    return without(campaign, key, "" if key in campaign.added else PARENT)


def _brought_back(view: View, key: Key) -> Differences:
    campaign = view.differences
    values = log.last_values(key, view.tree) or {}
    wishes = {name: change.now for name, change in campaign.changed[key].items()}
    return _added(_unchanged(campaign, key), key, {**values, **wishes})


def _added(campaign: Differences, key: Key, values: Values | None) -> Differences:
    added = campaign.added | ({key: values} if values else {})
    return campaign._replace(added=added)


def _unchanged(campaign: Differences, key: Key) -> Differences:
    kept = {k: fields for k, fields in campaign.changed.items() if k != key}
    return campaign._replace(changed=kept)


def _without_removal(campaign: Differences, key: Key) -> Differences:
    """Keep a group, and what contains it; the rest of its contents stays deleted."""
    removed = dict(campaign.removed)
    at: Group = key
    while at is not None and at in removed:
        at = removed.pop(at)[PARENT]
    return campaign._replace(removed=removed)


def _deleted(view: View, root: Key) -> Differences:
    live = view.base.tree
    branch = [k for k in snapshot.branch(live, [root]) if k in live.entries]
    campaign = view.differences
    for key in branch:
        campaign = _unchanged(campaign, key)
    removed = campaign.removed | {key: live.entries[key] for key in branch}
    return campaign._replace(removed=removed)


def _readdressed(view: View, key: Key) -> Differences:
    campaign = view.differences
    if key in campaign.added:
        return _added(campaign, key, {**campaign.added[key], "address": new_address()})
    fields = dict(campaign.changed.get(key, {}))
    was = view.base.tree.entries[key]["address"]
    fields["address"] = Change((was,), new_address())
    return campaign._replace(changed={**campaign.changed, key: fields})


def _not_readdressed(campaign: Differences, key: Key) -> Differences:
    if key in campaign.added:
        return without(campaign, key, "")
    fields = campaign.changed.get(key, {})
    kept = {name: one for name, one in fields.items() if name not in ROUTED}
    return _with_fields(campaign, key, kept)


def _without_circle(view: View, key: Key) -> Differences:
    """Drop all moves of the campaign that are part of a circle."""
    campaign, circle, at = view.differences, set[Key](), key
    while at not in circle:
        circle.add(at)
        at = str(wanted_group(view, at))
    for member in circle:
        campaign = without(campaign, member, PARENT)
    return campaign


def _as_live(view: View, key: Key) -> Differences:
    """Drop what makes an entry a channel that contains others, or the reverse."""
    campaign = view.differences
    fields = campaign.changed.get(key, {})
    if any(name in fields for name in KIND_FIELDS):
        kept = {name: one for name, one in fields.items() if name not in KIND_FIELDS}
        return _with_fields(campaign, key, kept)
    # Live it became a channel: what the campaign put into it is left out.
    for other in [*campaign.added, *campaign.changed]:
        if _puts_into(campaign, other, key):
            field = "" if other in campaign.added else PARENT
            campaign = without(campaign, other, field)
    return campaign


def _puts_into(campaign: Differences, key: Key, group: Key) -> bool:
    if key in campaign.added:
        return bool(campaign.added[key][PARENT] == group)
    change = campaign.changed.get(key, {}).get(PARENT)
    return change is not None and change.now == group
