"""The layout of a month."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buddies.pages.month import Bar, Lanes, Month, Span, Week, lay_out

ROME = ZoneInfo("Europe/Rome")
TODAY = date(2026, 12, 24)
DECEMBER = Month(date(2026, 12, 1), ROME, TODAY)
LANES = Lanes(bars=8, lines=3)


def at(day: int, hour: int = 9, minute: int = 0, month: int = 12) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=ROME)


def bars(*spans: Span, month: Month = DECEMBER, lanes: Lanes = LANES) -> list[str]:
    """Return the bars of each week as text, with ``<`` and ``>`` where they go on."""
    weeks = lay_out(month, spans, [], lanes)
    return [" ".join(drawn(bar, week) for bar in week.bars) for week in weeks]


def drawn(bar: Bar, week: Week) -> str:
    first, last = (week.days[n - 1].date.day for n in (bar.first, bar.last))
    begin, end = "" if bar.begins else "<", "" if bar.ends else ">"
    fades = "~" if bar.fades else ""
    return f"{begin}{bar.what}:{first}-{last}/{bar.lane}{fades}{end}"


def test_weeks_begin_on_monday_and_are_whole():
    weeks = lay_out(DECEMBER, [], [], LANES)

    days = [day for week in weeks for day in week.days]
    assert (days[0].date, days[-1].date) == (date(2026, 11, 30), date(2027, 1, 3))
    assert {len(week.days) for week in weeks} == {7}
    assert [day.date for day in days if day.is_today] == [TODAY]
    assert sum(day.is_in_month for day in days) == 31
    assert sum(day.is_past for day in days) == 24


def test_weeks_begin_as_the_locale_says():
    sunday = DECEMBER._replace(first_weekday=0)

    assert sunday.starts[0] == date(2026, 11, 29)
    assert sunday.starts[-1] == date(2026, 12, 27)


def test_a_month_of_four_weeks_has_four():
    february = Month(date(2027, 2, 1), ROME, TODAY)

    assert len(february.starts) == 4
    assert (february.previous, february.next) == (date(2027, 1, 1), date(2027, 3, 1))


def test_a_bar_is_in_each_week_that_it_lasts():
    assert bars(Span("a", at(10), at(22))) == [
        "",
        "a:10-13/1>",
        "<a:14-20/1>",
        "<a:21-22/1",
        "",
    ]


def test_bars_go_over_the_edges_of_the_month():
    assert bars(
        Span("a", at(1, month=11), at(2)),
        Span("b", at(30), datetime(2027, 2, 1, tzinfo=ROME)),
        Span("c", at(1, month=10), at(2, month=11)),
        Span("d", datetime(2027, 1, 4, tzinfo=ROME), None),
    ) == ["<a:30-2/1", "", "", "", "b:30-3/1>"]


def test_one_without_an_end_fades_at_the_edge():
    assert bars(Span("a", at(22), None)) == ["", "", "", "a:22-27/1>", "<a:28-3/1~>"]


def test_one_without_a_beginning_was_there_always():
    assert bars(Span("a", None, at(2)))[0] == "<a:30-2/1"


def test_two_that_overlap_have_two_lanes():
    week = bars(
        Span("a", at(7), at(9)), Span("b", at(9, 18), at(11)), Span("c", at(10), at(12))
    )[1]

    # b and a share a day, though not a moment; c follows a in its lane.
    assert week == "a:7-9/1 b:9-11/2 c:10-12/1"


def test_what_ends_at_midnight_has_nothing_of_that_day():
    assert bars(Span("a", at(7), at(9, 0)))[1] == "a:7-8/1"
    assert bars(Span("a", at(7), at(9, 0, 1)))[1] == "a:7-9/1"
    assert bars(Span("a", at(7, 0), at(7, 0, 1)))[1] == "a:7-7/1"


@pytest.mark.parametrize(
    ("begin", "end", "drawn"),
    [
        # Clocks are set forward in the night to 29 March, and back to 25 October.
        (
            datetime(2026, 3, 28, 23, tzinfo=UTC),
            datetime(2026, 3, 29, 22, tzinfo=UTC),
            1,
        ),
        (
            datetime(2026, 10, 24, 22, tzinfo=UTC),
            datetime(2026, 10, 25, 23, tzinfo=UTC),
            1,
        ),
        (
            datetime(2026, 10, 24, 22, tzinfo=UTC),
            datetime(2026, 10, 25, 23, 1, tzinfo=UTC),
            2,
        ),
    ],
)
def test_days_of_23_and_25_hours_are_days(begin, end, drawn):
    month = Month(date(2026, begin.month, 1), ROME, TODAY)

    found = [
        day
        for week in lay_out(month, [Span("a", begin, end)], [], LANES)
        for bar in week.bars
        for day in week.days[bar.first - 1 : bar.last]
    ]

    assert len(found) == drawn
    local = begin.astimezone(ROME)
    assert found[0].date == local.date()


def test_days_are_those_of_the_time_zone():
    moment = datetime(2026, 12, 9, 23, 30, tzinfo=UTC)  # 10 December in Rome

    assert bars(Span("a", moment, moment.replace(minute=40)))[1] == "a:10-10/1"


def test_what_has_no_lane_is_counted_on_its_days():
    spans = [Span(n, at(7 + n), at(10)) for n in range(3)]

    (_, week, *_) = lay_out(DECEMBER, spans, [], Lanes(bars=2, lines=0))

    assert [bar.what for bar in week.bars] == [0, 1]
    assert [day.more for day in week.days] == [0, 0, 1, 1, 0, 0, 0]


def test_lines_are_below_bars_and_have_lanes_of_their_own():
    lines = [Span(n, at(7), at(8)) for n in "xyz"]

    (_, week, *_) = lay_out(
        DECEMBER, [Span("a", at(7), at(9))], lines, Lanes(bars=1, lines=2)
    )

    assert [(bar.what, bar.lane) for bar in week.lines] == [("x", 2), ("y", 3)]
    assert [day.more for day in week.days] == [1, 1, 0, 0, 0, 0, 0]


def test_what_is_live_for_long_takes_a_lane_last():
    week = bars(
        Span("old", at(1, month=6), None), Span("new", at(9), None), lanes=Lanes(1, 0)
    )[1]

    assert week == "new:9-13/1>"


def test_the_first_and_the_last_month_have_bounds():
    for first in (date(2000, 1, 1), date(2100, 12, 1)):
        month = Month(first, ROME, TODAY)
        assert month.shown[0] <= month.bounds[0] < month.bounds[1] <= month.shown[1]


MOMENTS = st.datetimes(
    datetime(2026, 10, 1), datetime(2027, 2, 28), timezones=st.just(ROME)
)


@given(st.lists(st.tuples(MOMENTS, st.none() | MOMENTS), max_size=12))
def test_no_two_bars_of_a_lane_have_a_day_in_common(pairs):
    spans = [Span(n, *pair) for n, pair in enumerate(pairs)]

    for week in lay_out(DECEMBER, spans, spans, Lanes(3, 3)):
        cells = [
            (bar.lane, column)
            for bar in (*week.bars, *week.lines)
            for column in range(bar.first, bar.last + 1)
        ]
        assert len(cells) == len(set(cells))
        for column, day in enumerate(week.days, 1):
            shown = sum(bar.first <= column <= bar.last for bar in week.bars)
            lines = sum(bar.first <= column <= bar.last for bar in week.lines)
            assert shown <= 3 >= lines
            covering = [one for one in spans if covers(one, day.date)]
            assert 2 * len(covering) == shown + lines + day.more


def covers(span: Span, day: date) -> bool:
    """Whether a span has any moment of a day, by the clock of the zone."""
    if span.end is not None and span.end.astimezone(UTC) <= span.begin.astimezone(UTC):
        return False
    begin = datetime(day.year, day.month, day.day, tzinfo=ROME)
    after = begin.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return span.begin <= after and (span.end is None or span.end > begin)
