"""Reach: how many were told of a release, and how often it was read, as time passes.

Counts of the whole service, and nothing by person: who was told is known from the rows
of the subscribers already, and a read counts as one, whoever reads.
"""

import math
from datetime import timedelta
from typing import NamedTuple

from django.utils import timezone

from roster.models import Reach, Subscriber

STEP = 1.25  # a sample is kept for each time span so many times as long as the last one
BRISK_SECONDS, PAUSE_SECONDS = 60, 5  # until then each second is written
COUNT_SECONDS = 60  # between two counts of the subscribers
RETENTION = timedelta(days=365)


class Sample(NamedTuple):
    """How many had been told, and how often it had been read, after some seconds."""

    seconds: float
    told: int
    read: int


class Counting:
    """The row of one release, and what it had before this process counted."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.row, _is_new = Reach.objects.get_or_create(
            number=number, defaults={"began_at": timezone.now()}
        )
        self.told, self.read = map(int, self.last[1:])
        self.saved_at, self.counted_at = 0.0, -math.inf

    @property
    def last(self) -> list[float]:
        return self.row.samples[-1] if self.row.samples else [0, 0, 0]


class Recorder:
    """Keeps the counts of the release that clients read now, across restarts."""

    def __init__(self) -> None:
        self._number = 0
        self._counting: Counting | None = None

    def begin(self, number: int) -> None:
        """Count for this release from now on."""
        self._number = number

    def record(self, number: int, told: int, read: int | None) -> None:
        """Write the counts of a release since this process began with it, if new.

        ``read`` is None if the XMPP server answers in our place. Counts of another
        release than the one that :meth:`begin` named last are too late.
        """
        if not number or number != self._number:
            return
        if self._counting is None or self._counting.number != number:
            self._counting = Counting(number)
        one = self._counting
        row, last = one.row, one.last
        # The next release, which begins to count a moment earlier, takes nothing back.
        now = Sample(
            (timezone.now() - row.began_at).total_seconds(),
            max(one.told + told, int(last[1])),
            max(one.read + (read or 0), int(last[2])),
        )
        pause = 0 if now.seconds < BRISK_SECONDS else PAUSE_SECONDS
        is_known = read is not None
        is_early = now.seconds - one.saved_at < pause
        if is_known == row.is_read_known and (last[1:] == [*now[1:]] or is_early):
            return
        row.samples, row.is_read_known = with_sample(row.samples, now), is_known
        if now.seconds - one.counted_at >= COUNT_SECONDS:
            row.subscribers = Subscriber.objects.count()
            one.counted_at = now.seconds
        row.save()
        one.saved_at = now.seconds


def forget_old() -> None:
    """Delete the counts of releases of more than a year ago."""
    Reach.objects.filter(began_at__lt=timezone.now() - RETENTION).delete()


def with_sample(samples: list[list[float]], new: Sample) -> list[list[float]]:
    """Return samples with a new one, which replaces the last one of its time span."""
    kept = samples
    if samples and _span(samples[-1][0]) == _span(new.seconds):
        kept = samples[:-1]
    return [*kept, [round(new.seconds, 1), new.told, new.read]]


def _span(seconds: float) -> int:
    return int(math.log(max(seconds, 1)) / math.log(STEP))


def seconds_until(samples: list[list[float]], column: int, share: float) -> float:
    """Return after how long a share of the last count had been reached.

    ``column`` is 1 for told, 2 for read. Between two samples the count grows evenly.
    """
    wanted = share * samples[-1][column] if samples else 0
    before = [0.0, 0.0, 0.0]
    for sample in samples:
        if sample[column] >= wanted:
            grown = sample[column] - before[column]
            part = (wanted - before[column]) / grown if grown else 1
            return before[0] + part * (sample[0] - before[0])
        before = sample
    return 0.0
