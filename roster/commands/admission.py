"""Admission by age: refuses new commands that could not be answered in time.

Each refused command would have waited longer than COMMAND_MAX_WAIT_SECONDS: its client
knows at once, and those that are admitted are answered within that time. A repeat of a
stored command is always admitted. What counts is how long others have waited, never how
much an owner sends: that is the quota's (:mod:`roster.commands.quota`).
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db.models import Min, Window
from django.db.models.functions import Greatest, RowNumber
from django.utils import timezone

from roster.commands import intake
from roster.commands.claims import State
from roster.models import Claim, Command
from xmppservice.connection.events import OVERLOADED, Message

logger = logging.getLogger(__name__)

TOO_MUCH_STORED = "Too many of your commands are stored: repeat in some minutes."

# At eight times the load that the service can answer, a new command waits eight times
# as long as the oldest one has waited. Up to that load, those admitted are in time.
# Twice the load is more for workers: refusing takes time of the same machine.
MAX_LOAD = 8
# A backlog of fewer owners than this is their own matter: it makes nobody else wait.
MIN_OWNERS = 5
MEASURE_SECONDS = 1.0
# Refusals come and go while a load goes on: it is over after as many maximal waits.
QUIET_WAITS = 2


class Refusal(NamedTuple):
    """A command that was not stored, and the text for its client."""

    message: Message
    text: str


class QueueAge(NamedTuple):
    """Seconds that commands have waited in the database.

    ``turn``: of the owner that has waited longest for a batch. ``unsent``: of the
    answer that has waited longest to be sent. ``oldest``: of each owner's oldest
    command, when those of several owners have waited too long.
    """

    turn: float = 0.0
    unsent: float = 0.0
    oldest: Mapping[str, float] = {}

    def of(self, owner: str) -> float:
        """How long an owner's command that arrives now has others ahead of it."""
        return max(self.turn, self.oldest.get(owner, 0.0)) + self.unsent


def max_age() -> float:
    """Seconds that the oldest command may have waited while new ones are admitted."""
    return settings.COMMAND_MAX_WAIT_SECONDS / MAX_LOAD


class Admission:
    """Stores the commands that can be answered in time; for one thread.

    ``clock`` returns seconds, as ``Message.arrived`` has them.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.refused = 0  # for age, in all
        self._clock = clock
        self._session_began = clock()
        self._age = QueueAge()
        self._measured_at = float("-inf")
        self._refused_at: float | None = None  # of the load that goes on
        self._refused_before = 0

    def begin_session(self) -> None:
        """Note that the stream is open: nobody could be answered before."""
        self._session_began = self._clock()
        self._measured_at = float("-inf")

    def receive(self, messages: Sequence[Message]) -> list[Refusal]:
        """Store commands; return those that are refused, and why."""
        now = self._clock()
        self._measure(now)
        late = [one for one in messages if self._is_late(one, now)]
        if not late:
            return _store(messages)
        repeats = set(map(id, intake.repeats(late)))
        refused = [one for one in late if id(one) not in repeats]
        self._count(len(refused), now)
        # By identity: to compare a batch's messages with each other takes too long.
        refused_ids = set(map(id, refused))
        admitted = [one for one in messages if id(one) not in refused_ids]
        return [Refusal(one, OVERLOADED) for one in refused] + _store(admitted)

    def report_end(self) -> None:
        """Log the end of a load, once no command has been refused for a while."""
        if self._refused_at is None:
            return
        quiet = self._clock() - self._refused_at
        if quiet > QUIET_WAITS * settings.COMMAND_MAX_WAIT_SECONDS:
            count = self.refused - self._refused_before
            logger.warning("new commands are admitted again: %d were refused", count)
            self._refused_at, self._refused_before = None, self.refused

    def _is_late(self, message: Message, now: float) -> bool:
        in_memory = now - message.get("arrived", now)
        return in_memory + self._age.of(message["owner"]) > max_age()

    def _measure(self, now: float) -> None:
        if now - self._measured_at >= MEASURE_SECONDS:
            session = now - self._session_began
            self._age, self._measured_at = measure(timezone.now(), session), now

    def _count(self, count: int, now: float) -> None:
        if not count:
            return
        if self._refused_at is None:
            logger.warning("commands wait for too long: new ones are refused")
        self.refused, self._refused_at = self.refused + count, now


def _store(messages: Sequence[Message]) -> list[Refusal]:
    full = intake.receive(messages) if messages else []
    return [Refusal(one, TOO_MUCH_STORED) for one in full]


def measure(now: datetime, session: float) -> QueueAge:
    """How long commands have waited, ``session`` seconds at most: the stream's age.

    Only as exact as admission needs it: nothing is old while the oldest is not.
    """

    def age(since: datetime) -> float:
        return min(session, (now - since).total_seconds())

    # By the index of health probes: it costs nothing while nothing waits for long.
    waiting = Command.objects.filter(sent_at=None, attempts=0)
    since = waiting.order_by("received_at").values_list("received_at", flat=True)
    oldest = since.first()
    if oldest is None or age(oldest) <= max_age():
        return QueueAge()
    heads = _heads(now)
    # A busy owner waits for the own commands that run.
    busy = set(Claim.objects.values_list("owner", flat=True))
    turns = (age(turn) for owner, turn, _ in heads if owner not in busy)
    ages = {owner: age(received_at) for owner, _, received_at in heads}
    late = {owner: seconds for owner, seconds in ages.items() if seconds > max_age()}
    is_general = len(late) >= MIN_OWNERS
    unsent = _unsent_since()
    return QueueAge(
        turn=max(turns, default=0.0),
        unsent=age(unsent) if unsent else 0.0,
        oldest=late if is_general else {},
    )


def _heads(now: datetime) -> list[tuple[str, datetime, datetime]]:
    """Owners whose oldest command is due for the first time: since when, and received.

    In one pass: for a join of the table with itself PostgreSQL may choose a plan that
    takes the square of the backlog, until its statistics know of the backlog.
    """
    received = Command.objects.filter(state=State.RECEIVED).order_by()
    place = Window(RowNumber(), partition_by="owner", order_by="pk")
    heads = received.annotate(place=place).filter(place=1)
    columns = heads.values_list("attempts", "owner", "not_before", "received_at")
    return [
        (owner, not_before, received_at)
        for attempts, owner, not_before, received_at in columns
        if not attempts and not_before <= now
    ]


def _unsent_since() -> datetime | None:
    """Since when the answer that has waited longest could have been sent."""
    unsent = Command.objects.filter(state__in=(State.DONE, State.DEAD), sent_at=None)
    # A repeat asks again for an answer that was ready long before.
    ready = Min(Greatest("done_at", "received_at"))
    since: datetime | None = unsent.aggregate(since=ready)["since"]
    return since
