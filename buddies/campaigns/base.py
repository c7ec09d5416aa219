"""What campaigns depart from: what is live, and what happens before their moments.

It is read for looking at it. What is published is read anew, under the tree's lock.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from buddies.campaigns import rows
from buddies.campaigns.ending import inverse
from buddies.campaigns.merge import merge
from buddies.campaigns.rows import Stored
from buddies.models import Buddy, Campaign, HistoricalBuddy, Tree
from buddies.tree import history, snapshot
from buddies.tree.snapshot import Key, Snapshot
from xmppservice.runtime.recent import Recent


class Base(NamedTuple):
    """What a campaign departs from: ``tree``, which is live and what happens before it.

    ``buddies`` are the stored entries, by their keys, and ``live`` is their snapshot.
    ``ids`` are the numbers of entries that only earlier campaigns have. Others may
    look at the same ones: nothing of it is ever changed.
    """

    buddies: Mapping[Key, Buddy]
    live: Snapshot
    tree: Snapshot
    ids: Mapping[Key, int]


class Layer(NamedTuple):
    """What happens ``at`` a moment: a campaign goes live or, if it is live, ends."""

    at: datetime
    campaign: Campaign

    @property
    def ends(self) -> bool:
        return self.campaign.state == Campaign.State.PUBLISHED

    @property
    def state(self) -> str:
        """Identifies what it does."""
        one = self.campaign
        return f"{one.pk}:{one.version}" + (f":{one.tree_version}" if self.ends else "")


# Each page asks every two seconds.
_bases = Recent[Base](32)
_stored = Recent[Stored](64)


def base_of(layers: Iterable[Layer] = ()) -> Base:
    """Return what is live, with these laid over it, one after the other."""
    live = live_state()
    base = _bases.get(live, lambda: _live_base(live))
    states: list[str] = []
    for layer in layers:
        states.append(layer.state)
        read = partial(_laid_over, base, layer)
        base = _bases.get((live, *states), read)
    return base


class LiveState(NamedTuple):
    """Identifies what is live: the version of which edit, and how many entries.

    Another database has the version of another edit.
    """

    version: int
    made_at: datetime | None
    size: int


def live_state() -> LiveState:
    # Read before the entries: what is newer than it says is read again next time.
    version = (Tree.objects.first() or Tree()).version
    return LiveState(version, history.made_at(version), Buddy.objects.count())


def _live_base(state: LiveState) -> Base:
    global _newest
    known, old = _newest
    buddies = _updated(known.version, old.buddies)
    is_known = known.made_at == history.made_at(known.version)
    if not is_known or len(buddies) != state.size:
        old, buddies = _NOTHING, _by_key(Buddy.objects.all())
    values = {
        key: old.live.entries[key]
        for key, buddy in buddies.items()
        if old.buddies.get(key) is buddy
    }
    live = snapshot.of(buddies.values(), values)
    base = Base(buddies, live, live, {})
    if not connection.in_atomic_block:
        _newest = (state, base)
    return base


_NOTHING = Base({}, snapshot.NOTHING, snapshot.NOTHING, {})
_newest = (LiveState(0, None, 0), _NOTHING)  # as what is live was read last


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


def _laid_over(base: Base, layer: Layer) -> Base:
    if layer.ends:
        stored = _stored.get(layer.state, lambda: _end_of(layer.campaign))
    else:
        stored = stored_of(layer.campaign)
    merged = merge(base.tree, stored.differences)
    # With conflicts it does not end, but waits for a person.
    if layer.ends and merged.conflicts:
        return base
    return base._replace(tree=merged.tree, ids={**base.ids, **stored.ids})


def _end_of(campaign: Campaign) -> Stored:
    differences = inverse(campaign)
    # Above the numbers of rows, and exact in a browser.
    ids = {key: -(2**52) - UUID(key).int % 2**52 for key in differences.added}
    return Stored(rows.rows_of(differences), ids)


def stored_of(campaign: Campaign) -> Stored:
    return _stored.get((campaign.pk, campaign.version), lambda: rows.read(campaign))
