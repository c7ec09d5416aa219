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


class Recorder:
    """Keeps the counts of the release that clients read now, across restarts."""

    def __init__(self) -> None:
        self._number = 0
        self._row: Reach | None = None
        self._told, self._read = 0, 0  # before this process
        self._saved_at, self._counted_at = 0.0, -math.inf

    def begin(self, number: int) -> None:
        """Count for this release from now on."""
        if number != self._number:
            self._number, self._row = number, None

    def record(self, told: int, read: int | None) -> None:
        """Write the counts since this process began with the release, if they are new.

        ``read`` is None if the XMPP server answers in our place.
        """
        if not self._number:
            return
        row = self._row or self._load()
        last = row.samples[-1] if row.samples else [0, 0, 0]
        # The next release, which begins to count a moment earlier, takes nothing back.
        now = Sample(
            (timezone.now() - row.began_at).total_seconds(),
            max(self._told + told, int(last[1])),
            max(self._read + (read or 0), int(last[2])),
        )
        pause = 0 if now.seconds < BRISK_SECONDS else PAUSE_SECONDS
        if last[1:] == [now.told, now.read] or now.seconds - self._saved_at < pause:
            return
        row.samples = with_sample(row.samples, now)
        row.is_read_known = read is not None
        if now.seconds - self._counted_at >= COUNT_SECONDS:
            row.subscribers = Subscriber.objects.count()
            self._counted_at = now.seconds
        row.save()
        self._saved_at = now.seconds

    def _load(self) -> Reach:
        row, _is_new = Reach.objects.get_or_create(
            number=self._number, defaults={"began_at": timezone.now()}
        )
        last = row.samples[-1] if row.samples else [0, 0, 0]
        self._row, self._told, self._read = row, int(last[1]), int(last[2])
        self._saved_at, self._counted_at = 0.0, -math.inf
        return row


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
