"""Dates and times in the site's time zone, also when clocks are changed."""

from datetime import datetime

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from xmppservice.backoffice.words import moment as in_words
from xmppservice.runtime.moments import occurs_twice, resolve


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "written", "expected"),
    [
        ("Europe/Rome", "2026-12-24T18:30:00", "2026-12-24T17:30:00+00:00"),
        ("Europe/Rome", "2026-07-01T00:00:00", "2026-06-30T22:00:00+00:00"),
        ("Europe/Rome", "2026-10-25T01:59:59", "2026-10-24T23:59:59+00:00"),
        ("Europe/Rome", "2026-10-25T02:30:00+02:00", "2026-10-25T00:30:00+00:00"),
        ("Europe/Rome", "2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00+00:00"),
        ("Europe/Rome", "2026-10-25T03:00:00", "2026-10-25T02:00:00+00:00"),
        ("Europe/Rome", "2027-03-28T01:59:59", "2027-03-28T00:59:59+00:00"),
        ("Europe/Rome", "2027-03-28T03:00:00", "2027-03-28T01:00:00+00:00"),
        # An offset says which moment is meant, whatever the clocks show.
        ("Europe/Rome", "2027-03-28T02:30:00+01:00", "2027-03-28T01:30:00+00:00"),
        ("Europe/Rome", "2026-05-01T00:00:00+14:00", "2026-04-30T10:00:00+00:00"),
        ("UTC", "2026-10-25T02:30:00", "2026-10-25T02:30:00+00:00"),
        # Before the first change of clocks, and after the last one that is listed.
        ("Europe/Rome", "0001-01-02T00:00:00", "0001-01-01T23:10:04+00:00"),
        ("Europe/Rome", "9999-07-01T00:00:00", "9999-06-30T22:00:00+00:00"),
    ],
)
def test_a_date_and_time_are_one_moment(zone, written, expected):
    with timezone.override(zone):
        assert resolve(moment(written)).isoformat() == expected


TWICE = "occurs twice in {}, because clocks are set back then. Enter the time with"
NEVER = "does not exist in {}, because clocks are set forward then. Choose another"


@pytest.mark.parametrize(
    ("zone", "written", "reason", "end"),
    [
        ("Europe/Rome", "2026-10-25T02:00", TWICE, "02:00+02:00 or 02:00+01:00."),
        ("Europe/Rome", "2026-10-25T02:30", TWICE, "02:30+02:00 or 02:30+01:00."),
        ("Europe/Rome", "2026-10-25T02:59:59", TWICE, "02:59+02:00 or 02:59+01:00."),
        ("Europe/Rome", "2027-03-28T02:00", NEVER, "time."),
        ("Europe/Rome", "2027-03-28T02:59:59", NEVER, "time."),
        ("America/New_York", "2026-11-01T01:30", TWICE, "01:30-04:00 or 01:30-05:00."),
        # Half an hour, a whole day, and "summer time" in winter.
        ("Australia/Lord_Howe", "2026-04-05T01:45", TWICE, "or 01:45+10:30."),
        ("Pacific/Apia", "2011-12-30T12:00", NEVER, "time."),
        ("Europe/Dublin", "2026-10-25T01:30", TWICE, "01:30+01:00 or 01:30+00:00."),
    ],
)
def test_a_time_at_which_clocks_are_changed_is_refused(zone, written, reason, end):
    with timezone.override(zone), pytest.raises(ValidationError) as refused:
        resolve(moment(written))

    (text,) = refused.value.messages
    assert text.startswith(f"{written[:16].replace('T', ' ')} {reason.format(zone)}")
    assert text.endswith(end)


@pytest.mark.parametrize(
    "written",
    [
        "0001-01-01T00:00",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59:59-05:00",
        "9999-12-31T23:30:00+00:00",
    ],
)
def test_a_date_that_no_time_zone_can_convert_is_refused(written):
    with timezone.override("Europe/Rome"), pytest.raises(ValidationError) as refused:
        resolve(moment(written))
    assert refused.value.messages == ["Choose a date between 2000 and 2100."]


@pytest.mark.parametrize(
    ("at", "is_double"),
    [
        ("2026-10-24T23:59:59+00:00", False),
        ("2026-10-25T00:00:00+00:00", True),
        ("2026-10-25T01:59:59+00:00", True),
        ("2026-10-25T02:00:00+00:00", False),
        ("2027-03-28T00:59:59+00:00", False),
        ("2027-03-28T01:00:00+00:00", False),
    ],
)
def test_both_passes_of_an_hour_are_known(at, is_double):
    with timezone.override("Europe/Rome"):
        assert occurs_twice(moment(at)) == is_double


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("2026-10-25T00:30:00+00:00", "25 Oct 2026, 02:30 +02:00"),
        ("2026-10-25T01:30:00+00:00", "25 Oct 2026, 02:30 +01:00"),
        ("2026-10-25T02:30:00+00:00", "25 Oct 2026, 03:30"),
    ],
)
def test_a_time_that_occurs_twice_is_shown_with_its_offset(at, words):
    with timezone.override("Europe/Rome"):
        assert in_words(moment(at)) == words
