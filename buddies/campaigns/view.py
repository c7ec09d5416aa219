"""A campaign's tree as it will be: what is live, what is due earlier, the campaign."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from copy import copy
from functools import cached_property, partial
from threading import Lock
from typing import NamedTuple

from django.db import connection
from django.db.models import Max

from buddies.campaigns import rows
from buddies.campaigns.merge import Conflict, Merged, merge
from buddies.campaigns.rows import Stored
from buddies.models import Buddy, Campaign, Tree
from buddies.tree import snapshot
from buddies.tree.snapshot import PARENT, Key, Snapshot, Values


class Base(NamedTuple):
    """What a campaign departs from: ``tree``, which is live, and what is due earlier.

    ``buddies`` are the stored entries, by their keys, and ``live`` is their snapshot.
    ``ids`` are the numbers of entries that only earlier campaigns have. Others may
    look at the same ones: nothing of it is ever changed.
    """

    buddies: Mapping[Key, Buddy]
    live: Snapshot
    tree: Snapshot
    ids: Mapping[Key, int]


def base_of(earlier_ones: Iterable[Campaign] = ()) -> Base:
    """Return what is live, with these campaigns laid over it."""
    campaigns = list(earlier_ones)
    # Read first: entries that are newer than their version are read again next time.
    row = Tree.objects.aggregate(version=Max("version"))
    # PostgreSQL has no least UUID, but an order of them.
    keys = Buddy.objects.order_by("key").values_list("key", flat=True)
    version = (row["version"], keys.first(), keys.last())
    base = _recent.get(version, _live_base)
    for number, campaign in enumerate(campaigns, 1):
        versions = tuple((one.pk, one.version) for one in campaigns[:number])
        read = partial(_laid_over, base, campaign)
        base = _recent.get((version, versions), read)
    return base


def _live_base() -> Base:
    buddies = {str(buddy.key): buddy for buddy in Buddy.objects.all()}
    live = snapshot.of(buddies.values())
    return Base(buddies, live, live, {})


def _laid_over(base: Base, campaign: Campaign) -> Base:
    stored = rows.read(campaign)
    tree = merge(base.tree, stored.differences).tree
    return base._replace(tree=tree, ids={**base.ids, **stored.ids})


class _Recent:
    """The bases that were looked at last: each page asks for one, every two seconds.

    What is read within a transaction may be rolled back, so it is not kept.
    """

    def __init__(self) -> None:
        self._bases: OrderedDict[object, Base] = OrderedDict()
        self._lock = Lock()

    def get(self, key: object, read: Callable[[], Base]) -> Base:
        with self._lock:
            if key in self._bases:
                self._bases.move_to_end(key)
                return self._bases[key]
        base = read()
        if not connection.in_atomic_block:
            with self._lock:
                self._bases[key] = base
                while len(self._bases) > MAX_RECENT:
                    self._bases.popitem(last=False)
        return base


MAX_RECENT = 32
_recent = _Recent()


def earlier(campaign: Campaign) -> Iterable[Campaign]:
    """The campaigns that are due before this one; none before one without a moment."""
    if campaign.due_at is None:
        return []
    # A blocked one may never go live.
    planned = Campaign.objects.filter(state=Campaign.State.PLANNED, blocked="").exclude(
        pk=campaign.pk
    )
    moments = planned.filter(due_at__lte=campaign.due_at).order_by("due_at", "pk")
    # What has ended by then is not live any more.
    moments = moments.exclude(ends_at__lte=campaign.due_at)
    at = (campaign.due_at, campaign.pk)
    return [other for other in moments if (other.due_at, other.pk) < at]


class View:
    """A campaign's tree, its conflicts, and its entries as if they were stored.

    Entries that only a campaign has have negative numbers as their keys in the
    database. Nothing here may be saved.
    """

    def __init__(
        self, campaign: Campaign, base: Base | None = None, stored: Stored | None = None
    ) -> None:
        self.campaign = campaign
        self.base = base_of(earlier(campaign)) if base is None else base
        self.stored = rows.read(campaign) if stored is None else stored
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

    def draw(self, tree: Snapshot) -> list[Buddy]:
        """Return the entries of a tree that the campaign has, or may get."""
        base = self.base
        return snapshot.draw(tree, self.ids, base.buddies, base.live.entries)

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
