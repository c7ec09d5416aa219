"""Form fields of a date and a time."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from xmppservice.backoffice.fields import MomentField, MomentInput, SplitMomentField
from xmppservice.runtime.moments import resolve

# Half an hour, two hours, the southern summer, "summer time" in winter and Ramadan.
CHANGING = (
    "Europe/Rome",
    "America/New_York",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Europe/Dublin",
    "Africa/Casablanca",
)
DAY = timedelta(days=1)


@cache
def days_of_changes(zone: str, year: int) -> list[datetime]:
    """Return the days, in UTC, on which clocks are changed."""
    info, first = ZoneInfo(zone), datetime(year, 1, 1, tzinfo=UTC)
    days = [first + DAY * number for number in range(365)]
    return [
        day
        for day in days
        if day.astimezone(info).utcoffset() != (day + DAY).astimezone(info).utcoffset()
    ]


@st.composite
def around_changes(draw: st.DrawFn) -> tuple[str, datetime]:
    """Draw a time zone and a moment of a day on which its clocks are changed."""
    zone = draw(st.sampled_from(CHANGING))
    days = days_of_changes(zone, draw(st.integers(2006, 2037)))
    day = draw(st.sampled_from(days or [datetime(2026, 10, 25, tzinfo=UTC)]))
    return zone, day + timedelta(minutes=draw(st.integers(0, 1439)))


def typed(moment: datetime) -> list[str]:
    """Return what the two inputs of a form show for a moment."""
    widget = MomentInput("date", "time")
    context = widget.get_context("at", moment, {})["widget"]
    return [part["value"] for part in context["subwidgets"]]


@given(around_changes())
def test_a_form_that_is_only_saved_keeps_each_moment(drawn):
    zone, moment = drawn
    field = SplitMomentField(widget=MomentInput("date", "time"))

    with timezone.override(zone):
        assert field.clean(typed(moment)) == moment
        assert not field.has_changed(moment, typed(moment))


@given(around_changes())
def test_one_text_and_two_inputs_have_the_same_answer(drawn):
    zone, moment = drawn
    # What clocks show there, or never show.
    written, answers = moment.replace(tzinfo=None), []
    texts = [written.date().isoformat(), written.time().isoformat()]
    with timezone.override(zone):
        for read in (
            lambda: resolve(written),
            lambda: SplitMomentField().clean(texts),
            lambda: MomentField().clean("T".join(texts)),
        ):
            try:
                answers.append(read())
            except ValidationError as error:
                answers.append(error.messages)

    assert answers == [answers[0]] * 3
