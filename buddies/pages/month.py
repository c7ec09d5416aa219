"""The layout of a month: weeks, days, and bars in lanes. No database, no clock."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, NamedTuple

WEEK = 7  # days
DAY = timedelta(days=1)


class Span(NamedTuple):
    """What lasts from a moment to another one; without an end, for ever.

    Without a beginning it was there always.
    """

    what: Any
    begin: datetime | None
    end: datetime | None


class Bar(NamedTuple):
    """The part of a span that is in one week: its columns, from 1, and its lane.

    ``begins`` and ``ends`` say whether the span does so in this bar; ``fades`` that it
    has no end, and that this is the last bar of the month.
    """

    what: Any
    first: int
    last: int
    lane: int
    begins: bool
    ends: bool
    fades: bool


class Day(NamedTuple):
    """A day; ``more`` is how many spans of it have no lane."""

    date: date
    is_today: bool
    is_past: bool
    is_in_month: bool
    more: int


class Week(NamedTuple):
    """Seven days and what lies over them: broad bars, and thin ones below."""

    days: list[Day]
    bars: list[Bar]
    lines: list[Bar]


class Lanes(NamedTuple):
    """How many bars and thin ones may lie over each other."""

    bars: int
    lines: int


class Month(NamedTuple):
    """A month as its first day, in a time zone; weeks begin with a day, 0 is Sunday."""

    first: date
    zone: tzinfo
    today: date
    first_weekday: int = 1

    @property
    def previous(self) -> date:
        return (self.first - DAY).replace(day=1)

    @property
    def next(self) -> date:
        return (self.first + 31 * DAY).replace(day=1)

    @property
    def starts(self) -> list[date]:
        """The first day of each week that has days of this month."""
        before = (self.first.isoweekday() - self.first_weekday) % WEEK
        begin, weeks = self.first - before * DAY, []
        while begin < self.next:
            weeks.append(begin)
            begin += WEEK * DAY
        return weeks

    @property
    def shown(self) -> tuple[datetime, datetime]:
        """The moments between which its weeks are; the second one is not in them."""
        starts = self.starts
        return self._midnight(starts[0]), self._midnight(starts[-1] + WEEK * DAY)

    @property
    def bounds(self) -> tuple[datetime, datetime]:
        """The moment of its beginning, and that of the next month's."""
        return self._midnight(self.first), self._midnight(self.next)

    def _midnight(self, day: date) -> datetime:
        return datetime(day.year, day.month, day.day, tzinfo=self.zone)


class Placed(NamedTuple):
    """A span in whole days; the last one is counted."""

    span: Span
    first: date
    last: date


def lay_out(
    month: Month, bars: Iterable[Span], lines: Iterable[Span], lanes: Lanes
) -> list[Week]:
    """Return the weeks of a month, with all that fits into the lanes.

    No two bars of a lane have a day in common. What began before the month and has no
    end takes a lane last: it is least new.
    """
    begin, end = month.starts[0], month.starts[-1] + (WEEK - 1) * DAY
    broad = _placed(bars, month.zone, begin, end)
    thin = _placed(lines, month.zone, begin, end)
    weeks = []
    for start in month.starts:
        broad_bars, broad_more = _week(broad, start, end, lanes.bars)
        thin_bars, thin_more = _week(thin, start, end, lanes.lines)
        more = [sum(both) for both in zip(broad_more, thin_more, strict=True)]
        below = max((bar.lane for bar in broad_bars), default=0)
        lowered = [bar._replace(lane=bar.lane + below) for bar in thin_bars]
        weeks.append(Week(list(_days(month, start, more)), broad_bars, lowered))
    return weeks


def _placed(
    spans: Iterable[Span], zone: tzinfo, begin: date, end: date
) -> list[Placed]:
    """Return the spans that have days between two, in the order they take lanes."""
    found = [
        Placed(span, *_whole_days(span, zone))
        for span in spans
        if span.end is None or span.begin is None or span.begin < span.end
    ]
    return sorted(
        (one for one in found if one.first <= end and one.last >= begin),
        key=lambda one: (
            one.first < begin and one.span.end is None,
            max(one.first, begin),
            -min(one.last, end).toordinal(),
        ),
    )


def _whole_days(span: Span, zone: tzinfo) -> tuple[date, date]:
    """The days of a span. What ends at midnight has nothing of that day."""
    first, last = date.min, date.max
    if span.begin is not None:
        first = span.begin.astimezone(zone).date()
    if span.end is not None:
        local = span.end.astimezone(zone)
        is_midnight = local.time() == local.time().min
        last = local.date() - DAY if is_midnight else local.date()
    return first, max(first, last)


def _week(
    placed: Sequence[Placed], start: date, end: date, count: int
) -> tuple[list[Bar], list[int]]:
    """Return the bars of a week, and how many had no lane on each day."""
    taken: list[set[int]] = [set() for _lane in range(count)]
    bars, more = [], [0] * WEEK
    stop = start + (WEEK - 1) * DAY
    for span, first, last in placed:
        if first > stop or last < start:
            continue
        days = range(
            (max(first, start) - start).days, (min(last, stop) - start).days + 1
        )
        lane = _free(taken, days)
        if lane is None:
            for day in days:
                more[day] += 1
            continue
        taken[lane].update(days)
        bars.append(
            Bar(
                what=span.what,
                first=days[0] + 1,
                last=days[-1] + 1,
                lane=lane + 1,
                begins=first >= start,
                ends=last <= stop,
                fades=span.end is None and stop == end,
            )
        )
    return bars, more


def _free(taken: Sequence[set[int]], days: Collection[int]) -> int | None:
    return next((n for n, lane in enumerate(taken) if lane.isdisjoint(days)), None)


def _days(month: Month, start: date, more: Sequence[int]) -> Iterator[Day]:
    for number in range(WEEK):
        day = start + number * DAY
        yield Day(
            date=day,
            is_today=day == month.today,
            is_past=day < month.today,
            is_in_month=(day.year, day.month) == (month.first.year, month.first.month),
            more=more[number],
        )
