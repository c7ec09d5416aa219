"""Cells of XLSX files: errors, formulas, dates, merged cells, hidden sheets."""

import io
import warnings
from datetime import UTC, datetime, time
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from buddies.spreadsheet import files
from buddies.spreadsheet.cells import Unusable
from buddies.spreadsheet.source import FileError
from tests.buddies.spreadsheet.tables import SHEET, repacked, sheet

BOOK = "xl/workbook.xml"
RESULT_UNKNOWN, TYPED = Unusable(""), "typed"


def saved(book: openpyxl.Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def with_cell(cell: bytes, *, is_recalculated: bool = False) -> bytes:
    """Return a sheet whose second row has this XML as its cell B2."""
    content = repacked(
        sheet(["address", "status"], ["romeo", TYPED]),
        SHEET,
        b'<c r="B2" t="inlineStr"><is><t>typed</t></is></c>',
        cell,
    )
    if not is_recalculated:
        content = repacked(content, BOOK, b' fullCalcOnLoad="1"', b"")
    return content


def read_cell(cell: bytes, **options: bool) -> Any:
    (row,) = files.read(with_cell(cell, **options)).rows
    assert (row.number, row.cells["address"]) == (2, "romeo")
    return row.cells["status"]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (b'<c r="B2" t="e"><v>#N/A</v></c>', Unusable("#N/A")),
        (b'<c r="B2" t="e"><f>NA()</f><v>#REF!</v></c>', Unusable("#REF!")),
        (b'<c r="B2" t="s"><v>7</v></c>', Unusable("7")),
        (b'<c r="B2" t="s"><v>-99</v></c>', Unusable("-99")),
        (b'<c r="B2"><v>NaN</v></c>', Unusable("NaN")),
        (b'<c r="B2"><v>%s</v></c>' % (b"9" * 9_999), Unusable("9" * 20)),
        (b'<c r="B2" t="b"><v>maybe</v></c>', Unusable("maybe")),
        (b'<c r="B2" t="d"><v>31 February</v></c>', Unusable("31 February")),
        (b'<c r="B2"><f>A2&amp;"x"</f><v/></c>', RESULT_UNKNOWN),
        (b'<c r="B2"><f>A2&amp;"x"</f></c>', RESULT_UNKNOWN),
        (b'<c r="B2"><f t="shared" si="0"/></c>', RESULT_UNKNOWN),
        (b'<c r="B2"><f t="array" ref="B2:B3">A2</f><v></v></c>', RESULT_UNKNOWN),
        # Results, and texts that are what they look like
        (b'<c r="B2" t="str"><f>A2&amp;"x"</f><v>romeox</v></c>', "romeox"),
        (b'<c r="B2" t="str"><f>""</f><v></v></c>', None),
        (b'<c r="B2"><f>1+1</f><v>2</v></c>', 2),
        (b'<c r="B2" t="b"><f>A2=1</f><v>0</v></c>', False),
        (b'<c r="B2" t="str"><v>#N/A</v></c>', "#N/A"),
        (b'<c r="B2" t="inlineStr"><is><t>#REF!</t></is></c>', "#REF!"),
        (b'<c r="B2" t="inlineStr"><is><r><t>a</t></r><r><t>b</t></r></is></c>', "ab"),
        (b'<c r="B2" t="d"><v>2027-04-03</v></c>', datetime(2027, 4, 3)),
        (b'<c r="B2" t="d"><v>2027-04-03T10:00:00</v></c>', datetime(2027, 4, 3, 10)),
        (b'<c r="B2" t="d"><v>10:00:00</v></c>', time(10)),
        (b'<c r="B2"/>', None),
    ],
)
def test_a_cell_has_a_value_or_a_reason_why_not(cell, value):
    assert read_cell(cell) == value


@pytest.mark.parametrize(
    "written", ["10:00:00Z", "12:00:00+02:00", "04:30:00.000-05:30"]
)
def test_a_date_cell_keeps_its_offset(written):
    """openpyxl reads all of them as a time without an offset."""
    cell = f'<c r="B2" t="d"><v>2027-04-03T{written}</v></c>'

    assert read_cell(cell.encode()) == datetime(2027, 4, 3, 10, tzinfo=UTC)


def test_a_result_that_no_program_has_computed_is_not_used():
    """XlsxWriter stores zero as the result of each formula, and a flag."""
    zero = b'<c r="B2"><f>A1=1</f><v>0</v></c>'

    assert read_cell(zero, is_recalculated=True) == RESULT_UNKNOWN
    assert read_cell(b'<c r="B2"><v>0</v></c>', is_recalculated=True) == 0


def test_an_infinite_number_is_read_as_such():
    assert read_cell(b'<c r="B2"><v>1e400</v></c>') == float("inf")


@pytest.mark.parametrize("epoch", [None, CALENDAR_MAC_1904], ids=["1900", "1904"])
def test_a_date_cell_is_its_date_in_both_date_systems(epoch):
    book = openpyxl.Workbook()
    if epoch:
        book.epoch = epoch
    book.worksheets[0].append(["address", "visible_from", "status"])
    book.worksheets[0].append(["a", datetime(2027, 4, 3, 10, 10, 30), time(9, 30)])

    (row,) = files.read(saved(book)).rows

    assert row.cells["visible_from"] == datetime(2027, 4, 3, 10, 10, 30)
    assert row.cells["status"] == time(9, 30)


@pytest.mark.parametrize("serial", [b"-1e9", b"2958466", b"1e300", b"1e400"])
def test_a_date_out_of_range_is_no_value(serial):
    content = repacked(
        sheet(["address", "visible_from"], ["a", datetime(2027, 4, 3)]),
        SHEET,
        b"<v>46480</v>",
        b"<v>" + serial + b"</v>",
    )

    with warnings.catch_warnings(action="error"):
        (row,) = files.read(content).rows

    assert row.cells["visible_from"] == Unusable(serial.decode())


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        (["B2:B3"], "Cells are merged: B2:B3. "),
        (["A5:C5", "B2:B3"], r"Cells are merged: (A5:C5, B2:B3|B2:B3, A5:C5)\. "),
        ([f"A{n}:B{n}" for n in range(2, 9)], r"(, A\d:B\d){4} …\. "),
    ],
)
def test_merged_cells_are_refused_by_name(ranges, words):
    book = openpyxl.Workbook()
    book.worksheets[0].append(["address", "parent"])
    book.worksheets[0].append(["a", "Verona"])
    book.worksheets[0].append(["b"])
    for one in ranges:
        book.worksheets[0].merge_cells(one)

    with pytest.raises(FileError, match=words):
        files.read(saved(book))


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_the_first_visible_sheet_is_read_and_named(state):
    book = openpyxl.Workbook()
    book.worksheets[0].append(["address", "old"])
    book.worksheets[0].title, book.worksheets[0].sheet_state = "Lists", state
    book.create_sheet("Channels").append(["address", "name"])
    book.worksheets[1].append(["romeo", "Romeo"])
    book.create_sheet("Notes").merge_cells("A1:B2")

    rows, source = files.read(saved(book))

    assert rows == [(2, {"address": "romeo", "name": "Romeo"})]
    assert source.in_words() == [
        "Sheet: “Channels”.",
        "Sheets not read: “Lists”, “Notes”.",
    ]


def test_what_is_wrong_with_one_of_several_sheets_names_the_sheet():
    book = openpyxl.Workbook()
    book.create_sheet("Channels").append(["address"])

    with pytest.raises(FileError, match="Sheet “Sheet”: The column “address”"):
        files.read(saved(book))


def test_an_error_in_the_header_is_named():
    content = repacked(
        sheet(["address", "status"]),
        SHEET,
        b't="inlineStr"><is><t>status</t></is>',
        b't="e"><v>#REF!</v>',
    )

    with pytest.raises(FileError, match="Unknown column “#REF!”"):
        files.read(content)


def test_a_file_without_a_visible_sheet_is_refused():
    content = repacked(sheet(["address"]), BOOK, b'"visible" r:id', b'"hidden" r:id')

    with pytest.raises(FileError, match="no visible sheet"):
        files.read(content)


def test_empty_rows_and_gaps_keep_the_row_numbers():
    rows = sheet([], [None], ["address", "name"], [], ["romeo", "R"], [None, ""], ["b"])

    assert [row.number for row in files.read(rows).rows] == [5, 7]


@pytest.mark.parametrize("place", [b"XFD2", b"CW2"])
def test_a_cell_far_to_the_right_is_not_dropped(place):
    cell = b'<c r="B2"/><c r="%s"><v>1</v></c>' % place

    with pytest.raises(FileError, match="Row 2 has more cells"):
        files.read(with_cell(cell))


@pytest.mark.parametrize("place", [b"ZZZZ2", b"2", b"B"])
def test_a_cell_at_an_impossible_place_is_a_bad_file(place):
    with pytest.raises(FileError, match="could not be read"):
        files.read(with_cell(b'<c r="%s"><v>1</v></c>' % place))
