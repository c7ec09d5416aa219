"""What a cell may hold."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.utils import translation

from buddies.spreadsheet.cells import FIELDS

MORNING = datetime(2027, 4, 3, 10, tzinfo=UTC)


def read(column: str, cell: Any) -> Any:
    return FIELDS[column].read(cell)


@pytest.mark.parametrize("language", ["en", "it"])
@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("03/04/2027 10:00", MORNING),
        ("3/4/2027 10:00:00", MORNING),
        ("03.04.2027 10:00", MORNING),
        ("3-4-2027  10:00", MORNING),
        ("2027-04-03 10:00", MORNING),
        ("2027-04-03T10:00:00", MORNING),
        ("2027-04-03t10:00z", MORNING),
        (" 2027-04-03T12:00:00+02:00 ", MORNING),
        ("2027-04-03 12:00 +0200", MORNING),
        ("03/04/2027", MORNING.replace(hour=0)),
        ("2027-04-03", MORNING.replace(hour=0)),
        ("2027-04-03 10:00:00.25", MORNING + timedelta(milliseconds=250)),
        (datetime(2027, 4, 3, 10), MORNING),
        (" ", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_is_the_same_in_every_language(cell, expected, language):
    with translation.override(language):
        assert read("visible_from", cell) == expected


@pytest.mark.parametrize("language", ["en", "it"])
@pytest.mark.parametrize(
    "cell",
    [
        "04/13/2027",
        "31/02/2027",
        "13/13/2027",
        "2027-02-30",
        "29/02/2027 10:00",
        "03/04/27",
        "03/04-2027",
        "3 April 2027",
        "03/04/2027 10:00 AM",
        "03/04/2027 25:00",
        "2027-04-03+02:00",
        "2027-04-03-10:00",
        "20270403",
        "2027-W14-6",
        "٠٣/٠٤/٢٠٢٧",
        "10:00",
        "46115",
        46115,
        46115.5,
        True,
        time(10),
        timedelta(1),
        ["2027-04-03"],
    ],
)
def test_no_other_date_is_guessed(cell, language):
    with translation.override(language), pytest.raises(ValueError, match="31/12/2026"):
        read("visible_from", cell)


@pytest.mark.parametrize(
    "cell", ["28/03/2027 02:30", "2027-03-28T02:30", "31.10.2027 2:30"]
)
def test_an_hour_that_the_clocks_skip_or_repeat_is_refused(cell, settings):
    settings.TIME_ZONE = "Europe/Rome"

    with pytest.raises(ValueError, match="Europe/Rome"):
        read("visible_from", cell)
