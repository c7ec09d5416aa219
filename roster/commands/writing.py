"""Writes the roster items that a batch has changed.

The driver says how much the XMPP server can take at once. Owners take turns, and one
with many items goes on in a later batch if others wait.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from roster.commands import claims, reading
from roster.commands.owner_batch import OwnerBatch
from xmppservice.connection.gateway import Late
from xmppservice.protocol.jids import domain_of
from xmppservice.rosters.interface import (
    CONFLICT,
    MISSING,
    PERMANENT,
    Room,
    Rosters,
    RosterWrite,
    Written,
)

SLICE_SECONDS = 2.0  # while others wait
# A user who edits the roster all the time is served in a later attempt.
MAX_CONFLICTS = 5


class Queue:
    """The contacts to write for one owner, by their keys."""

    def __init__(self, batch: OwnerBatch) -> None:
        self.batch = batch
        self.keys = deque(batch.changes)
        self.turns = self.conflicts = 0
        self._done: set[str] = set()

    @property
    def is_open(self) -> bool:
        batch = self.batch
        is_over = batch.failure or batch.is_missing or batch.is_unfinished
        return bool(self.keys) and not is_over

    @property
    def size(self) -> int:
        """How many items are on the roster, or will be."""
        return len(self.batch.before) + len(self._done)

    def take(self, count: int) -> "Turn":
        """Take the next ``count`` items."""
        self.turns += 1
        keys = [self.keys.popleft() for _ in range(min(count, len(self.keys)))]
        return Turn(self, keys)

    def record(self, keys: Sequence[str], written: Written) -> None:
        if CONFLICT in written.conditions:
            self.conflicts += 1
            return
        self._done.update(keys)
        self.batch.version = written.version
        for key, condition in zip(keys, written.conditions, strict=True):
            _record(self.batch, key, condition)

    def has_done(self, keys: Iterable[str]) -> bool:
        return self._done.issuperset(keys)

    def read_again(self, rosters: Rosters, deadline: float) -> None:
        """Read the roster that has changed meanwhile; go on with what is missing."""
        if self.conflicts > MAX_CONFLICTS:
            self.batch.failure = "roster not written: it changes all the time"
            return
        reading.read([self.batch], rosters, deadline)
        # What was written and has been removed since is not written again.
        self.keys = deque(key for key in self.batch.changes if key not in self._done)


class Turn:
    """What is written for an owner in one round trip."""

    def __init__(self, queue: Queue, keys: Sequence[str]) -> None:
        self.queue, self.keys = queue, keys
        batch = queue.batch
        items = [batch.after[key] for key in keys]
        self.write = RosterWrite(batch.work.owner, items, batch.version, queue.size)

    @property
    def is_done(self) -> bool:
        return self.queue.has_done(self.keys)


class Rooms:
    """The room for writes of one round trip, by domain."""

    def __init__(self, rosters: Rosters) -> None:
        self._rosters = rosters
        self._of_domain: dict[str, Room] = {}
        # Domains with the same room share it: they are of one driver.
        self._left: dict[Room, Room] = {}
        self._is_empty = True

    def fitting(self, owner: str, size: int) -> int:
        """Return how many items fit in for an owner; at least one in all."""
        room = self._room(owner)
        fitting = self._left.setdefault(room, room).fitting(size)
        return max(fitting, int(self._is_empty))

    def take(self, write: RosterWrite) -> None:
        self._is_empty = False
        room = self._room(write.owner)
        left = self._left.setdefault(room, room)
        self._left[room] = left.without(len(write.items), write.size)

    def _room(self, owner: str) -> Room:
        # As it was at first: other threads change the pace.
        domain = domain_of(owner)
        if domain not in self._of_domain:
            self._of_domain[domain] = self._rosters.room(domain)
        return self._of_domain[domain]


def write(batches: Sequence[OwnerBatch], rosters: Rosters, deadline: float) -> None:
    """Write each changed item once; note in the batches what came of it.

    What does not fit in before ``deadline`` is left for the next batch.
    """
    queues = [Queue(batch) for batch in batches if not batch.failure]
    slice_end = time.monotonic() + SLICE_SECONDS
    has_written = False
    while turns := _next(queues, rosters):
        try:
            written = rosters.write([turn.write for turn in turns], deadline)
            changed = _record_all(turns, written)
            has_written = has_written or len(changed) < len(turns)
            for queue in changed:
                queue.read_again(rosters, deadline)
        except Late as late:
            _leave(turns, queues, late if not has_written else None)
            return
        is_over = time.monotonic() > slice_end and _others_wait(queues)
        if is_over or time.time() > deadline:
            _leave([], queues, None)
            return


def one_after_another(
    writes: Iterable[RosterWrite], rosters: Rosters
) -> Iterator[list[RosterWrite]]:
    """Yield as many of ``writes`` as there is room for, until there are no more."""
    left = deque(writes)
    while left:
        rooms, part = Rooms(rosters), list[RosterWrite]()
        while left and rooms.fitting(left[0].owner, left[0].size):
            rooms.take(left[0])
            part.append(left.popleft())
        yield part


def _next(queues: Sequence[Queue], rosters: Rosters) -> list[Turn]:
    """Take what there is room for: of those first who had the fewest turns."""
    turns: list[Turn] = []
    _drop_lost([queue for queue in queues if queue.is_open])
    rooms = Rooms(rosters)
    for queue in sorted(queues, key=lambda queue: queue.turns):
        count = queue.is_open and rooms.fitting(queue.batch.work.owner, queue.size)
        if count:
            turns.append(queue.take(count))
            rooms.take(turns[-1].write)
    return turns


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


def _record_all(turns: Sequence[Turn], written: Sequence[Written]) -> list[Queue]:
    """Record what came of the writes; return the queues whose roster has changed."""
    for turn, one in zip(turns, written, strict=True):
        turn.queue.record(turn.keys, one)
    return [
        turn.queue
        for turn, one in zip(turns, written, strict=True)
        if CONFLICT in one.conditions
    ]


def _leave(turns: Sequence[Turn], queues: Sequence[Queue], late: Late | None) -> None:
    """Leave what is not written for a later batch.

    It goes on where this one stopped, because the rosters show what was written. If
    nothing was, do not repeat for ever: an attempt is counted.
    """
    unwritten = [turn.queue.batch for turn in turns if not turn.is_done]
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
