"""A campaign's tree as it will be: what is live, what is due earlier, the campaign."""

from collections.abc import Hashable, Mapping
from copy import copy
from datetime import datetime
from functools import cached_property
from types import MappingProxyType

from django.db.models import OuterRef

from buddies.campaigns.base import Base, Layer, base_of, live_state, stored_of
from buddies.campaigns.merge import Conflict, Merged, merge
from buddies.campaigns.rows import Stored
from buddies.models import Buddy, Campaign
from buddies.tree import snapshot
from buddies.tree.snapshot import PARENT, Key, Snapshot, Values
from xmppservice.runtime.recent import Recent


def earlier(campaign: Campaign) -> list[Layer]:
    """Return what will happen before a campaign goes live, in its order.

    Nothing before one without a moment.
    """
    at = campaign.due_at
    if at is None:
        return []
    # One that is blocked may never go live, or end.
    free = Campaign.objects.filter(blocked="").exclude(pk=campaign.pk)
    planned = free.filter(state=Campaign.State.PLANNED, due_at__lte=at)
    # What has ended by then is not live any more.
    planned = planned.exclude(ends_at__lte=at)
    live = free.filter(state=Campaign.State.PUBLISHED, ends_at__lte=at)
    # One that another campaign takes back before ends with that.
    live = live.exclude(
        taken_back_by__in=planned.filter(due_at__lt=OuterRef("ends_at"))
    )
    moments = [(one.due_at, one) for one in planned]
    moments += [(one.ends_at, one) for one in live]
    layers = [Layer(moment, one) for moment, one in moments if moment is not None]
    before = (one for one in layers if _place(one) < (at, True, campaign.pk))
    return sorted(before, key=_place)


def _place(layer: Layer) -> tuple[datetime, bool, int]:
    # Of what is due at one moment, the ends come first.
    return (layer.at, not layer.ends, layer.campaign.pk)


_views = Recent["View"](32)  # one of ten thousand entries takes 5 MB


def view_of(campaign: Campaign) -> "View":
    """Return the view of a campaign as it is now.

    Others may look at the same one: nothing of it may be changed.
    """
    before = earlier(campaign)
    drawn = [layer.state for layer in before]
    said = [getattr(campaign, one.attname) for one in Campaign._meta.concrete_fields]
    state = (live_state(), *drawn, *said)
    return _views.get(state, lambda: View(copy(campaign), base_of(before), state=state))


NONE_NEW: Mapping[Key, int] = MappingProxyType({})


class View:
    """A campaign's tree, its conflicts, and its entries as if they were stored.

    Entries that only a campaign has have negative numbers as their keys in the
    database. Nothing here may be saved. Two views with the same ``state`` are alike.
    """

    def __init__(
        self,
        campaign: Campaign,
        base: Base,
        stored: Stored | None = None,
        state: Hashable = None,
    ) -> None:
        self.state = object() if state is None else state
        self.campaign = campaign
        self.base = base
        self.stored = stored_of(campaign) if stored is None else stored
        self.differences = self.stored.differences

    @cached_property
    def merged(self) -> Merged:
        return merge(self.base.tree, self.differences)

    @property
    def tree(self) -> Snapshot:
        return self.merged.tree

    @property
    def conflicts(self) -> list[Conflict]:
        return self.merged.conflicts

    @cached_property
    def buddies(self) -> list[Buddy]:
        return self.draw(self.tree)

    @cached_property
    def moments(self) -> list[datetime]:
        """When the schedules of entries change what clients see, in order."""
        moments = (m for b in self.buddies for m in (b.visible_from, b.visible_until))
        return sorted({moment for moment in moments if moment is not None})

    def own(self, number: int) -> Buddy | None:
        """Return an entry that the caller may change; None if there is none."""
        for buddy in self.buddies:
            if buddy.pk == number:
                return copy(buddy)
        return None

    @cached_property
    def by_id(self) -> dict[int, Buddy]:
        return {buddy.pk: buddy for buddy in self.buddies}

    @cached_property
    def keys(self) -> dict[int, Key]:
        """The keys of the entries by their numbers."""
        return {number: key for key, number in self.ids.items()}

    @cached_property
    def ids(self) -> dict[Key, int]:
        """The number of each entry, also of those that the campaign deletes."""
        live = {key: buddy.pk for key, buddy in self.base.buddies.items()}
        return {**self.base.ids, **self.stored.ids, **live}

    def draw(self, tree: Snapshot, new: Mapping[Key, int] = NONE_NEW) -> list[Buddy]:
        """Return the entries of a tree that the campaign has, or gets.

        ``new`` are the numbers of those that it did not have yet.
        """
        ids = {**self.ids, **new}
        return snapshot.draw(tree, ids, self.base.buddies, self.base.live)

    def draw_loose(self, entries: Mapping[Key, Values]) -> dict[Key, Buddy]:
        """Return entries to be judged: they may be in circles, or without a number."""
        new = (key for key in entries if key not in self.ids)
        ids = {**self.ids, **{key: -(2**62) - n for n, key in enumerate(new)}}
        drawn = {}
        for key, values in entries.items():
            if self.base.live.entries.get(key) == values:
                drawn[key] = self.base.buddies[key]
            else:
                group = values[PARENT]
                parent_id = None if group is None else ids[group]
                drawn[key] = Buddy(key=key, pk=ids[key], parent_id=parent_id)
                snapshot.set_values(drawn[key], values)
        return drawn
