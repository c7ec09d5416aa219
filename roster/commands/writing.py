"""Writes the roster items that a batch has changed.

An XMPP server saves a roster with each item, so a long one takes long. Few writes are
in flight at a time, fewer of one owner, and an owner with many goes on in a later batch
if others wait.
"""

import time
from collections import deque
from collections.abc import Sequence

from roster.commands import claims
from roster.commands.owner_batch import OwnerBatch
from xmppservice.connection.gateway import Late
from xmppservice.rosters.interface import MISSING, PERMANENT, RosterChange, Rosters

MAX_IN_FLIGHT, MAX_IN_FLIGHT_OF_OWNER = 100, 20
# At first fewer, so that even a slow server gets on before the deadline.
FIRST_IN_FLIGHT_OF_OWNER = 5
SLICE_SECONDS = 2.0  # while others wait


class Queue:
    """The keys of contacts to write for one owner."""

    def __init__(self, batch: OwnerBatch) -> None:
        self.batch = batch
        self.keys = deque(batch.changes)

    @property
    def is_open(self) -> bool:
        batch = self.batch
        is_over = batch.failure or batch.is_missing or batch.is_unfinished
        return bool(self.keys) and not is_over


def write(batches: Sequence[OwnerBatch], rosters: Rosters, deadline: float) -> None:
    """Write each changed item once; note in the batches what came of it.

    What does not fit in before ``deadline`` is left for the next batch.
    """
    queues = [Queue(batch) for batch in batches if not batch.failure]
    slice_end = time.monotonic() + SLICE_SECONDS
    has_written = False
    while chunk := _next(
        queues, MAX_IN_FLIGHT_OF_OWNER if has_written else FIRST_IN_FLIGHT_OF_OWNER
    ):
        changes = [RosterChange(b.work.owner, b.after[key]) for b, key in chunk]
        try:
            conditions = rosters.write(changes, deadline)
        except Late as late:
            _leave(chunk, queues, late if not has_written else None)
            return
        for (batch, key), condition in zip(chunk, conditions, strict=True):
            _record(batch, key, condition)
        has_written = True
        is_over = time.monotonic() > slice_end and _others_wait(queues)
        if is_over or time.time() > deadline:
            _leave([], queues, None)
            return


def _next(queues: Sequence[Queue], of_owner: int) -> list[tuple[OwnerBatch, str]]:
    """Take the next changes, a few of each owner."""
    chunk: list[tuple[OwnerBatch, str]] = []
    _drop_lost([queue for queue in queues if queue.is_open])
    for queue in queues:
        room = min(MAX_IN_FLIGHT - len(chunk), of_owner)
        while queue.is_open and room > 0:
            chunk.append((queue.batch, queue.keys.popleft()))
            room -= 1
    return chunk


def _drop_lost(queues: Sequence[Queue]) -> None:
    """Write no more for owners whose claim is lost: the account has another holder."""
    held = claims.held(queue.batch.work.claim for queue in queues)
    for queue in queues:
        if queue.batch.work.claim not in held:
            queue.batch.is_unfinished = True


def _others_wait(queues: Sequence[Queue]) -> bool:
    """Whether an owner waits for their answer while others' items are written."""
    is_someone_done = not all(queue.is_open for queue in queues)
    owners = [queue.batch.work.owner for queue in queues]
    return is_someone_done or claims.is_anyone_waiting(owners)


def _leave(
    chunk: Sequence[tuple[OwnerBatch, str]], queues: Sequence[Queue], late: Late | None
) -> None:
    """Leave what is not written for a later batch.

    It goes on where this one stopped, because the rosters show what was written. If
    nothing was, do not repeat for ever: an attempt is counted.
    """
    unwritten = [batch for batch, _ in chunk]
    unwritten += [queue.batch for queue in queues if queue.is_open]
    for batch in unwritten:
        if late is None:
            batch.is_unfinished = True
        else:
            batch.failure = f"roster not written: {late}"


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
