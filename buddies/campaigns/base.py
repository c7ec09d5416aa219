"""What campaigns depart from: what is live, and the campaigns that are due earlier.

It is read for looking at it. What is published is read anew, under the tree's lock.
"""

from collections.abc import Collection, Iterable, Mapping
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Max

from buddies.campaigns import rows
from buddies.campaigns.merge import merge
from buddies.campaigns.rows import Stored
from buddies.models import Buddy, Campaign, HistoricalBuddy, Tree
from buddies.tree import history, snapshot
from buddies.tree.snapshot import Key, Snapshot
from xmppservice.runtime.recent import Recent


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
    live = live_state()
    base = _bases.get(live, lambda: _live_base(live))
    for number, campaign in enumerate(campaigns, 1):
        read = partial(_laid_over, base, campaign)
        base = _bases.get((live, states(campaigns[:number])), read)
    return base


class LiveState(NamedTuple):
    """Identifies what is live; another database may have the same version."""

    version: int
    first: UUID | None
    last: UUID | None
    size: int

    def is_of(self, keys: Collection[Key]) -> bool:
        """Whether these can be the keys of all entries."""
        ends = {str(key) for key in (self.first, self.last) if key is not None}
        return len(keys) == self.size and all(key in keys for key in ends)


def live_state() -> LiveState:
    # Read before the entries: what is newer than it says is read again next time.
    row = Tree.objects.aggregate(version=Max("version"))
    # PostgreSQL has no least UUID, but an order of them.
    keys = Buddy.objects.order_by("key").values_list("key", flat=True)
    size = Buddy.objects.count()
    return LiveState(row["version"] or 0, keys.first(), keys.last(), size)


def states(campaigns: Iterable[Campaign]) -> tuple[tuple[int, int], ...]:
    return tuple((one.pk, one.version) for one in campaigns)


def _live_base(state: LiveState) -> Base:
    global _newest
    known, old = _newest
    buddies = _updated(known, old.buddies)
    if known > state.version or not state.is_of(buddies):
        old, buddies = _NOTHING, _by_key(Buddy.objects.all())
    values = {
        key: old.live.entries[key]
        for key, buddy in buddies.items()
        if old.buddies.get(key) is buddy
    }
    live = snapshot.of(buddies.values(), values)
    base = Base(buddies, live, live, {})
    if not connection.in_atomic_block:
        _newest = (state.version, base)
    return base


_NOTHING = Base({}, snapshot.NOTHING, snapshot.NOTHING, {})
_newest = (0, _NOTHING)  # what is live as it was read last, and its version


def _updated(known: int, old: Mapping[Key, Buddy]) -> dict[Key, Buddy]:
    """Return the stored entries, reading those that are newer than ``known``."""
    # Each edit gives what it writes its version, and logs what it deletes. Read in this
    # order, an entry that is moved out of a group meanwhile does not lose it.
    deleted = HistoricalBuddy.objects.filter(
        version__gt=known, history_type=history.DELETED
    )
    gone = set(map(str, deleted.order_by().values_list("key", flat=True)))
    new = _by_key(Buddy.objects.filter(version__gt=known))
    return {k: b for k, b in old.items() if k not in new and k not in gone} | new


def _by_key(buddies: Iterable[Buddy]) -> dict[Key, Buddy]:
    return {str(buddy.key): buddy for buddy in buddies}


def _laid_over(base: Base, campaign: Campaign) -> Base:
    stored = stored_of(campaign)
    tree = merge(base.tree, stored.differences).tree
    return base._replace(tree=tree, ids={**base.ids, **stored.ids})


def stored_of(campaign: Campaign) -> Stored:
    return _stored.get((campaign.pk, campaign.version), lambda: rows.read(campaign))


# Each page asks every two seconds.
_bases = Recent[Base](32)
_stored = Recent[Stored](64)
