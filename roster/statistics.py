"""How many commands there are and how long they take; fast for a million rows."""

from datetime import timedelta

from django.db.models import Count, Max, Model, Q, QuerySet
from django.utils import timezone

from roster.models import Command, Flag, LateJoin

State = Command.State

OPEN_STATES = (State.RECEIVED, State.RUNNING, State.DONE)
# All other commands are sent: counting them would read a whole index.
COUNTED_STATES = (*OPEN_STATES, State.DEAD)
LATENCY_WINDOW = timedelta(minutes=5)
MAX_ANSWERS = 10_000
# Without an index, only this many of the newest rows are searched.
MAX_SEARCHED_ROWS = 100_000


def newest(model: type[Model]) -> Q:
    """Return a filter for the newest rows of a table, as many as may be searched."""
    newest = model._default_manager.aggregate(newest=Max("pk"))["newest"] or 0
    return Q(pk__gt=newest - MAX_SEARCHED_ROWS)


def in_state(rows: QuerySet[Command], state: str) -> QuerySet[Command]:
    """Return those of ``rows`` in a state, keeping their order."""
    if state == State.SENT:
        # Nearly all rows: exclude the others, which needs no sorting.
        return rows.exclude(state__in=COUNTED_STATES)
    return rows.filter(state=state)


def by_state() -> dict[str, int]:
    """The number of commands in each state but ``sent``."""
    rows = Command.objects.filter(state__in=COUNTED_STATES).order_by()
    counts = rows.values_list("state").annotate(Count("pk"))
    return {**{state.value: 0 for state in COUNTED_STATES}, **dict(counts)}


def longest_wait() -> float:
    """Seconds that the oldest open command has waited; 0 without one.

    Commands that have failed wait on purpose and are not counted.
    """
    waiting = Command.objects.filter(sent_at=None, attempts=0)
    since = waiting.order_by("received_at").values_list("received_at", flat=True)
    oldest = since.first()
    if oldest is None:
        return 0.0
    return max(0.0, (timezone.now() - oldest).total_seconds())


def latencies() -> list[float]:
    """Seconds from arrival to confirmed answer of recent commands, sorted.

    Only the newest MAX_ANSWERS, if there are more.
    """
    sent = Command.objects.filter(sent_at__gte=timezone.now() - LATENCY_WINDOW)
    moments = sent.order_by("-sent_at").values_list("received_at", "sent_at")
    return sorted(
        (sent_at - received_at).total_seconds()
        for received_at, sent_at in moments[:MAX_ANSWERS]
        if sent_at is not None
    )


def flagged() -> int:
    """How many owners have an open flag."""
    return Flag.objects.filter(released_at=None).count()


def late_joins() -> int:
    """How many rosters are still to be checked for late joins."""
    return LateJoin.objects.count()
