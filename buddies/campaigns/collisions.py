"""What gets in the way of a campaign: edits of what is live, and other campaigns."""

from collections.abc import Iterable
from typing import NamedTuple

from buddies.campaigns import rows
from buddies.campaigns.changes import touched
from buddies.campaigns.merge import FIELD, GONE, Conflict, Differences, merge
from buddies.campaigns.rows import Rows
from buddies.campaigns.view import View, view_of
from buddies.models import Buddy, Campaign, Difference
from buddies.tree import snapshot
from buddies.tree.snapshot import PARENT, Group, Key, Snapshot


def concerned(keys: Iterable[Key]) -> list[Campaign]:
    """Return the campaigns that have to decide about entries edited live.

    By their own values alone, so that a live edit waits for no tree.
    """
    own: dict[int, Rows] = {}
    changing = Difference.objects.filter(key__in=list(keys)).order_by()
    for one in changing.exclude(kind=rows.ADDED):
        row = {"kind": one.kind, "fields": one.fields}
        own.setdefault(one.campaign_id, {})[rows.ENTRY, str(one.key)] = row
    found = []
    for campaign in Campaign.editable().filter(pk__in=own):
        differences = rows.differences_of(own[campaign.pk])
        live = _entries(touched(differences))
        conflicts = merge(live, differences).conflicts
        if any(conflict.kind in (FIELD, GONE) for conflict in conflicts):
            found.append(campaign)
    return found


def _entries(keys: Iterable[Key]) -> Snapshot:
    """Return these entries of the live tree, with their groups but no order."""
    buddies = Buddy.objects.filter(key__in=list(keys)).select_related("parent")
    entries = {}
    for buddy in buddies:
        group = str(buddy.parent.key) if buddy.parent else None
        entries[str(buddy.key)] = snapshot.values_of(buddy, group)
    return Snapshot(entries, {})


class Collision(NamedTuple):
    """Another campaign that wants something else, and what both are about."""

    campaign: Campaign
    conflicts: list[Conflict]


def collisions(view: View, keys: set[Group] | None = None) -> list[Collision]:
    """Return the other campaigns that a campaign collides with, whoever is first.

    ``keys`` are the entries and groups to look at: by default, all that it changes.
    The campaign that is due later decides; see its own conflicts.
    """
    found = []
    about = concerns(view.differences) if keys is None else keys
    for other in Campaign.editable().exclude(pk=view.campaign.pk):
        differences = rows.read(other).differences
        if about.isdisjoint(concerns(differences)):
            continue
        both = (view.campaign, view.differences), (other, differences)
        (_first, earlier), (_second, later) = sorted(both, key=lambda one: _due(one[0]))
        live = view.base.live
        alone = set(merge(live, later).conflicts)
        together = merge(merge(live, earlier).tree, later).conflicts
        if conflicts := [one for one in together if one not in alone]:
            found.append(Collision(other, conflicts))
    return found


def _due(campaign: Campaign) -> tuple[bool, float, int]:
    at = campaign.due_at
    return (at is None, at.timestamp() if at else 0.0, campaign.pk)


def concerns(campaign: Differences) -> set[Group]:
    """Return the keys of all entries and groups that a campaign is about."""
    found: set[Group] = {*touched(campaign), *campaign.orders}
    for values in campaign.added.values():
        found.add(values[PARENT])
    for fields in campaign.changed.values():
        if PARENT in fields:
            found.add(fields[PARENT].now)
    # Many campaigns put something at the top level, and do not mind each other.
    return found if None in campaign.orders else found - {None}


def open_decisions() -> dict[int, int]:
    """Return how many decisions each campaign in preparation waits for."""
    return {one.pk: len(view_of(one).conflicts) for one in Campaign.editable()}
