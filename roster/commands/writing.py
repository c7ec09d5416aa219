"""Writes the roster items that a batch has changed."""

import time
from collections.abc import Iterable, Sequence

from roster.commands.owner_batch import OwnerBatch
from xmppservice.connection.gateway import Late
from xmppservice.rosters.interface import MISSING, PERMANENT, RosterChange, Rosters

ROSTER_BATCH_SIZE = 100  # roster writes in one round trip

Change = tuple[OwnerBatch, str]  # whose roster, and the contact's key


def write(batches: Sequence[OwnerBatch], rosters: Rosters, deadline: float) -> None:
    """Write each changed item once; note in the batches what came of it.

    What does not fit in before ``deadline`` is left for the next batch.
    """
    changes = waiting = _interleaved(batches)
    while waiting:
        chunk, waiting = waiting[:ROSTER_BATCH_SIZE], waiting[ROSTER_BATCH_SIZE:]
        try:
            requests = [
                RosterChange(batch.work.owner, batch.after[key]) for batch, key in chunk
            ]
            conditions = rosters.write(requests, deadline)
        except Late as late:
            if len(chunk) + len(waiting) < len(changes):
                _defer([*chunk, *waiting])
                return
            # Do not repeat for ever: an attempt is counted.
            for batch, _ in changes:
                batch.failure = f"roster not written: {late}"
            return
        for (batch, key), condition in zip(chunk, conditions, strict=True):
            _record(batch, key, condition)
        if time.time() > deadline:
            _defer(waiting)
            return


def _interleaved(batches: Sequence[OwnerBatch]) -> list[Change]:
    """Interleave the owners' changes, so that a large roster delays no others."""
    ranked = [
        (rank, (batch, key))
        for batch in batches
        if not batch.failure
        for rank, key in enumerate(batch.changes)
    ]
    return [change for _, change in sorted(ranked, key=lambda pair: pair[0])]


def _defer(changes: Iterable[Change]) -> None:
    for batch, _ in changes:
        batch.is_unfinished = True


def _record(batch: OwnerBatch, key: str, condition: str) -> None:
    if condition == MISSING:
        batch.mark_missing()
    elif condition in PERMANENT:
        for request in batch.requests:
            for entry in request.entries:
                if entry.key == key:
                    request.refused.add(key)
                    text = f"{entry.place}: the XMPP server refuses it ({condition})"
                    request.problems.append(text)
    elif condition:
        batch.failure = f"roster not written: {condition}"
