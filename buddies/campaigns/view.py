"""A campaign's tree as it will be: what is live, what is due earlier, the campaign."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import NamedTuple

from buddies.campaigns import rows
from buddies.campaigns.merge import Conflict, Merged, merge
from buddies.models import Buddy, Campaign
from buddies.tree import snapshot
from buddies.tree.snapshot import PARENT, Key, Snapshot, Values


class Base(NamedTuple):
    """What a campaign departs from: ``tree``, which is live, and what is due earlier.

    ``buddies`` are the stored entries, ``live`` is their snapshot. ``ids`` are the
    numbers of entries that only earlier campaigns have.
    """

    buddies: list[Buddy]
    live: Snapshot
    tree: Snapshot
    ids: dict[Key, int]


def base_of(earlier_ones: Iterable[Campaign] = ()) -> Base:
    """Return what is live, with these campaigns laid over it."""
    buddies = list(Buddy.objects.all())
    live = tree = snapshot.of(buddies)
    ids: dict[Key, int] = {}
    for other in earlier_ones:
        stored = rows.read(other)
        tree = merge(tree, stored.differences).tree
        ids |= stored.ids
    return Base(buddies, live, tree, ids)


def earlier(campaign: Campaign) -> Iterable[Campaign]:
    """The campaigns that are due before this one; none before one without a moment."""
    if campaign.due_at is None:
        return []
    planned = Campaign.objects.filter(state=Campaign.State.PLANNED).exclude(
        pk=campaign.pk
    )
    moments = planned.filter(due_at__lte=campaign.due_at).order_by("due_at", "pk")
    at = (campaign.due_at, campaign.pk)
    return [other for other in moments if (other.due_at, other.pk) < at]


class View:
    """A campaign's tree, its conflicts, and its entries as if they were stored.

    Entries that only a campaign has have negative numbers as their keys in the
    database. Nothing here may be saved.
    """

    def __init__(self, campaign: Campaign, base: Base | None = None) -> None:
        self.campaign = campaign
        self.base = base_of(earlier(campaign)) if base is None else base
        self.stored = rows.read(campaign)
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
    def by_id(self) -> dict[int, Buddy]:
        return {buddy.pk: buddy for buddy in self.buddies}

    @cached_property
    def keys(self) -> dict[int, Key]:
        """The keys of the entries by their numbers."""
        return {number: key for key, number in self.ids.items()}

    @cached_property
    def ids(self) -> dict[Key, int]:
        """The number of each entry, also of those that the campaign deletes."""
        live = {key: buddy.pk for key, buddy in self._stored.items()}
        return {**self.base.ids, **self.stored.ids, **live}

    def draw(self, tree: Snapshot) -> list[Buddy]:
        """Return the entries of a tree that the campaign has, or may get."""
        return snapshot.draw(tree, self.ids, self._stored, self.base.live.entries)

    @cached_property
    def _stored(self) -> dict[Key, Buddy]:
        return {str(buddy.key): buddy for buddy in self.base.buddies}

    def draw_loose(self, entries: Mapping[Key, Values]) -> dict[Key, Buddy]:
        """Return entries to be judged: they may be in circles, or without a number."""
        new = (key for key in entries if key not in self.ids)
        ids = {**self.ids, **{key: -(2**62) - n for n, key in enumerate(new)}}
        drawn = {}
        for key, values in entries.items():
            if self.base.live.entries.get(key) == values:
                drawn[key] = self._stored[key]
            else:
                group = values[PARENT]
                parent_id = None if group is None else ids[group]
                drawn[key] = Buddy(key=key, pk=ids[key], parent_id=parent_id)
                snapshot.set_values(drawn[key], values)
        return drawn
