"""What a cell may hold, and what a header may be called."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import translation

from buddies.models import Buddy
from buddies.spreadsheet.cells import COLUMN_OF, FIELDS, Unusable, column_of

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


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        *(
            (word, True)
            for word in ("VERO", "sì", "Si", "si\u0300", " TRUE ", 1, 1.0, "x")
        ),
        *((word, False) for word in ("Falso", "no", "0", 0, 0.0, None, "", "\xa0")),
    ],
)
def test_flags_may_be_words_and_numbers(cell, expected):
    assert read("web", cell) is expected


@pytest.mark.parametrize("column", FIELDS)
@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (float("nan"), "not a finite number"),
        (float("-inf"), "not a finite number"),
        (Unusable("#REF!"), "the error #REF!"),
        (Unusable(""), "result of the formula"),
    ],
)
def test_no_column_takes_a_cell_without_a_value(column, cell, words):
    with pytest.raises(ValueError, match=words):
        read(column, cell)


@pytest.mark.parametrize("column", ["name", "address", "parent", "server_address"])
@pytest.mark.parametrize("cell", [datetime(2027, 4, 3), True, 1e15, [1]])
def test_what_a_spreadsheet_made_of_a_text_is_no_text(column, cell):
    with pytest.raises(ValueError, match="Format the column as text"):
        read(column, cell)


@pytest.mark.parametrize("cell", ["3.93471E+11", "3,93e+11", " 3E+5 ", 39, 3.5])
def test_a_shortened_number_is_no_address(cell):
    with pytest.raises(ValueError, match="leading zeros"):
        read("address", cell)


# --- Headers ----------------------------------------------------------------------


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
def test_each_label_of_the_form_is_a_header(language):
    with translation.override(language):
        for attribute in COLUMN_OF.keys() - {"place"}:
            label = Buddy._meta.get_field(attribute).verbose_name
            assert column_of(label) == COLUMN_OF[attribute]


@pytest.mark.parametrize(
    ("header", "column"),
    [
        ("Indirizzo", "address"),
        (" GRUPPO ", "parent"),
        ("Visibile\xa0da", "visible_from"),
        ("visible  from", "visible_from"),
        ("Visible_From", "visible_from"),
        ("\ufeffname\u200b", "name"),
        ("indirizzo dell’immagine", "image_url"),
        ("nomme", None),
        ("n\u0430me", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_a_header_is_read_without_case_and_blanks(header, column):
    assert column_of(header) == column
