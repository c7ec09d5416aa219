"""The files of a table: CSV, XLSX and JSON."""

import io
from datetime import datetime, timedelta

import openpyxl
import pytest
from django.utils import translation

from buddies.document.text import normal
from buddies.models import Buddy
from buddies.spreadsheet import files, xlsx
from buddies.spreadsheet.cells import COLUMNS
from buddies.spreadsheet.plan import plan_import, run_import
from buddies.spreadsheet.source import FileError
from tests.buddies.conftest import EDITOR, channel, group, named
from tests.buddies.spreadsheet.tables import (
    SHEET,
    cells,
    content,
    packed,
    repacked,
    sheet,
)
from tests.xmppservice.runtime.test_sentry import run

pytestmark = pytest.mark.django_db


def test_the_service_starts_without_importing_openpyxl(tmp_path):
    names = {"openpyxl", "buddies.spreadsheet.xlsx"}
    code = f"import sys, xmppservice.urls; print({names} & sys.modules.keys())"

    assert run(tmp_path, code) == "{'buddies.spreadsheet.xlsx'}"


def test_rows_are_entries_depth_first_with_their_group_and_place():
    verona = group("Verona")
    channel("Romeo", verona)
    group("Mantua")
    channel("Juliet", verona, mobile_is_published=True)

    read = cells()

    columns = ("address", "parent", "place", "type", "mobile", "web")
    assert [tuple(row[name] for name in columns) for row in read] == [
        ("Verona", "", 1, "group", False, True),
        ("Romeo", "Verona", 1, "channel", False, True),
        ("Juliet", "Verona", 2, "channel", True, True),
        ("Mantua", "", 2, "group", False, True),
    ]
    assert tuple(read[0]) == COLUMNS


def test_an_export_of_some_entries_has_their_parent_and_place():
    verona = group("Verona")
    channel("Romeo", verona)
    juliet = channel("Juliet", verona)

    content = files.export("json", Buddy.objects.filter(pk=juliet.pk))

    (row,) = cells(content=content)
    assert (row["address"], row["parent"], row["place"]) == ("Juliet", "Verona", 2)


def test_an_export_takes_one_query(django_assert_num_queries):
    for number in range(5):
        channel(f"c{number}", named("g") if number else group("g"))

    with django_assert_num_queries(1):
        files.export("csv")


ALARMING = ["=1+1", "+1", "-1", "@A", "\t=1", "\r=1", " =1", "＝1", "'=1", "''+1"]


@pytest.mark.parametrize("name", ALARMING)
def test_no_text_becomes_a_formula_in_csv(name):
    channel("Romeo", status=name, default_message="'Ndrangheta")

    text = files.export("csv").decode("utf-8-sig")

    stored = normal("status", name)
    guarded = stored.lstrip("\n")[0]
    assert f"'{guarded}" in text
    assert ",'Ndrangheta," in text
    assert cells(of="csv")[0]["status"] == stored


@pytest.mark.parametrize("name", [*ALARMING, "#N/A", "00393471111111", "2026-01-01"])
def test_each_text_is_a_text_cell_in_xlsx(name):
    channel("Romeo", status=name)

    book = openpyxl.load_workbook(io.BytesIO(files.export("xlsx")))

    header, row = book.worksheets[0].iter_rows()
    assert [cell.value for cell in header] == list(COLUMNS)
    cell = row[COLUMNS.index("status")]
    assert (cell.data_type, cell.number_format) == ("s", "@")
    assert {one.data_type for one in row if one.value is not None} <= {"s", "n", "b"}


def test_a_new_row_in_excel_keeps_leading_zeros():
    sheet = openpyxl.load_workbook(io.BytesIO(files.export("xlsx"))).worksheets[0]

    formats = {
        name: sheet.column_dimensions[letter].number_format
        for name, letter in zip(COLUMNS, "ABCDEFGHIJKLMN", strict=True)
    }

    assert {formats["address"], formats["parent"], formats["name"]} == {"@"}
    assert formats["place"] == "General"


def test_a_text_too_long_for_a_cell_is_refused_only_in_xlsx():
    channel("Romeo", default_message="😀" * 16_384)

    with pytest.raises(FileError, match="Export as CSV or JSON"):
        files.export("xlsx")
    assert cells(of="csv")[0]["default_message"] == "😀" * 16_384


def test_a_text_of_a_million_marks_is_named_in_part():
    """Django's Truncator normalizes all of it first, which would take hours."""
    channel("Romeo", default_message="\u0344\u0316" * 500_000)

    with pytest.raises(FileError, match="too long for a spreadsheet cell") as caught:
        files.export("xlsx")

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("language", "delimiter"), [("en", ","), ("it", ";")])
def test_the_csv_delimiter_suits_the_excel_of_the_language(language, delimiter):
    with translation.override(language):
        content = files.export("csv")

    assert content.startswith(b"\xef\xbb\xbfaddress" + delimiter.encode() + b"parent")


def test_flags_are_words_in_csv_and_booleans_in_xlsx():
    channel("Romeo", mobile_is_published=True, web_is_published=False)

    (row,), (flags,) = cells(of="csv"), cells(of="xlsx")

    assert (row["mobile"], row["web"]) == ("yes", "no")
    assert (flags["mobile"], flags["web"]) == (True, False)


ITALIAN = (
    "\ufeffaddress;name;mobile;web;place;type\r\n"
    '00393471111111;"Città\nalta";sì;NO;1;Canale\r\n'
    ";;;;;\r\n"
    "romeo;Romeo;vero;falso;;gruppo\r\n"
)


@pytest.mark.parametrize(
    "content",
    [
        ITALIAN.encode(),
        ITALIAN.removeprefix("\ufeff").encode(),
        ITALIAN.removeprefix("\ufeff").replace(";", "\t").encode("utf-16"),
        ITALIAN.removeprefix("\ufeff").replace(";", ",").encode(),
    ],
    ids=["utf-8 with a bom", "utf-8", "utf-16 with tabs", "commas"],
)
def test_a_csv_file_from_an_italian_excel_is_read(content):
    read = files.read(content).rows

    plan = plan_import(read)
    run_import(read, EDITOR, plan.version, plan.digest)

    assert [row.number for row in read] == [2, 4]
    assert (named("Città alta").address, named("Romeo").type) == (
        "00393471111111",
        "group",
    )
    assert named("Romeo").mobile_is_published
    assert not named("Romeo").web_is_published


def test_values_typed_in_a_spreadsheet_are_understood():
    content = sheet(
        ["Address", "name ", "place", "visible_from", "mobile", None],
        ["romeo", 2026, 1.0, datetime(2026, 5, 1, 10, 30), "x", None],
        [None, None],
        ["juliet", 1.5, None, "2026-05-01", 0, None],
    )

    plan = plan_import(files.read(content).rows)

    assert plan.problems == []
    assert [(o.row, o.name) for o in plan.outcomes] == [(2, "2026"), (4, "1.5")]
    begin = [{d[0]: d[2] for d in o.differences} for o in plan.outcomes]
    assert begin[0]["visible from"] == "1 May 2026, 10:30 (UTC)"
    assert begin[1]["visible from"] == "1 May 2026, 00:00 (UTC)"


TOO_LARGE = "too large once unpacked"


@pytest.mark.parametrize(
    ("part", "old", "new"),
    [
        (SHEET, b"<sheetData>", b"<sheetData><row>" + b"<c/>" * 8_000_000 + b"</row>"),
        (SHEET, b"<sheetData>", b"<sheetData><row>" + b"<c/>" * 1_300_000 + b"</row>"),
        (SHEET, b"<sheetData>", b"<sheetData><row>" + b"<c/>" * 160_000 + b"</row>"),
        (SHEET, b"<sheetData>", b"<sheetData>" + b"<row/>" * 1_300_000),
        ("xl/styles.xml", b"</cellXfs>", b"<xf/>" * 110_000 + b"</cellXfs>"),
    ],
    ids=["30 MB", "a row", "a shorter row", "rows", "styles"],
)
def test_a_decompression_bomb_is_refused_unopened(
    part, old, new, monkeypatch: pytest.MonkeyPatch
):
    content = repacked(sheet(["address"], ["Romeo"]), part, old, new)
    assert len(content) < 100_000
    # Openpyxl would take minutes to unpack it.
    monkeypatch.delattr(openpyxl, "load_workbook")

    with pytest.raises(FileError, match=TOO_LARGE):
        files.read(content)


def test_an_entity_in_a_file_is_refused():
    book = sheet(["address"], ["Romeo"])
    entity = b'<!DOCTYPE worksheet [<!ENTITY many "<c/><c/><c/><c/>">]><worksheet '

    with pytest.raises(FileError, match="could not be read"):
        files.read(repacked(book, SHEET, b"<worksheet ", entity))


def with_row_at(number: int) -> bytes:
    """Return a sheet with one entry, and another row at ``number``."""
    row = b'<row r="%d"><c t="n"><v>1</v></c></row></sheetData>' % number
    return repacked(sheet(["address"], ["Romeo"]), SHEET, b"</sheetData>", row)


@pytest.mark.parametrize("number", [50, 103])
def test_a_sheet_is_read_no_further_than_its_rows_may_go(number, monkeypatch):
    for module in (xlsx, files):
        monkeypatch.setattr(module, "MAX_LINES", 100)

    if number > xlsx.MAX_LINES:
        with pytest.raises(FileError, match="more than 20000 rows"):
            files.read(with_row_at(number))
    else:
        found = files.read(with_row_at(number)).rows
        assert [row.number for row in found] == [2, number]


def test_a_sheet_is_read_despite_wrong_declared_dimensions():
    book = repacked(
        sheet(["address", "name"], ["a", "A"], ["b", "B"]), SHEET, b"A1:B3", b"A1:A2"
    )

    assert [row.cells["name"] for row in files.read(book).rows] == ["A", "B"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b'[{"address": "a"}, {"address": "b", "name": "x\\ud800"}]',
            "Row 2, column “name”: It contains an invalid character.",
        ),
        (
            b'[{"address": "\\udfff"}]',
            "Row 1, column “address”: It contains an invalid character.",
        ),
        (
            b'[{"address": "a", "parent": "\\ud800"}]',
            "Row 1, column “parent”: It contains an invalid character.",
        ),
        (
            b'[{"address": "a", "\\ud800": "b"}]',
            "The name of column 2 contains an invalid character.",
        ),
        (
            sheet(["address", "name"], ["a", "_xD800_"]),
            "Row 2, column “name”: It contains an invalid character.",
        ),
        (
            sheet(["address", "_xD800_"], ["a", "b"]),
            "The name of column 2 contains an invalid character.",
        ),
    ],
    ids=range(6),
)
def test_a_lone_surrogate_is_refused_with_its_place(content, words):
    with pytest.raises(FileError) as refusal:
        files.read(content)

    assert str(refusal.value) == words


def test_a_surrogate_pair_in_json_is_one_character():
    (row,) = cells(content=b'[{"address": "\\ud83d\\ude00"}]')

    assert row == {"address": "😀"}


def test_rows_survive_serialization():
    moment = datetime(2026, 5, 1, 10, 30)
    book = sheet(
        ["address", "name", "place", "visible_from", "mobile", "status"],
        ["romeo", 2026, 1.5, moment, True, "_x000D_"],
        ["juliet", moment, timedelta(1), moment.time(), moment, None],
    )
    table = content(
        {"address": "romeo", "name": {"moment": "2026-05-01"}, "place": [[1]]},
        {"address": "juliet", "web": None},
    )

    for read in (files.read(book), files.read(table)):
        waited = files.loads(files.dumps(read))
        plan, other = plan_import(read.rows), plan_import(waited.rows)
        assert waited.source == read.source
        assert [row.number for row in waited.rows] == [row.number for row in read.rows]
        assert other.problems == plan.problems
        assert other.outcomes == plan.outcomes
    assert files.loads(files.dumps(files.read(book))).rows[0].cells == {
        "address": "romeo",
        "name": 2026,
        "place": 1.5,
        "visible_from": moment,
        "mobile": True,
        "status": "\r",
    }


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The column “address” is missing"),
        (b"name,status\nRomeo,x\n", "The column “address” is missing"),
        (b"address,nomme\nromeo,x\n", "Unknown column “nomme”"),
        (b"address,\xe2\x80\x8b \nromeo,x\n", "Unknown column “.zero-width space.”"),
        (b"address, ,name\nromeo,,x\n", "Column 2 has no name"),
        (b"address,na\xc2\xa0me\nromeo,x\n", "column “na.no-break space.me”"),
        (b"address,name,Name\nromeo,x,y\n", "“name” appears twice"),
        (b"address,name,Nome\nromeo,x,y\n", "“name” appears twice"),
        (b'[{"address": "a", "web": 1, "web": 0}]', "“web” appears twice"),
        (b"address,name\nromeo,x,y\n", "Row 2 has more cells"),
        (b'address,name\nromeo,"x" y\n', "not a valid table"),
        ("address,name\nromeo,Città\x81\n".encode("latin-1"), "CSV UTF-8"),
        ("address,name\nà,è\nì,ò\n".encode() + b"\xe0", "Line 4 is not UTF-8 text"),
        ("\ufeffaddress\nromeo\n".encode() + b"\xe0", "CSV UTF-8"),
        ("address\nromeo\n".encode("utf-16-le"), "CSV UTF-8"),
        ("\ufeffaddress\nromeo\n".encode("utf-32"), "CSV UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "could not be read"),
        (b"\xff\xfeaddress", "could not be read"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel file, or one with a pass"),
        (b"PK\x03\x04 broken", "could not be read"),
        (packed(**{"a.txt": b"no book"}), "could not be read"),
        (packed(**{f"{n}": b"" for n in range(5_001)}), "too large once unpacked"),
        (
            packed(**{"a.txt": bytes(201 * 1024 * 1024)}),
            "too large once unpacked",
        ),
        (b"{nonsense", "Invalid JSON"),
        (b"[" * 100_000, "Invalid JSON"),
        (b'{"items": []}', "a document, not a table"),
        (b'{"a": 1}', "not a list of channels and groups"),
        (b"[1]", "not a list of channels and groups"),
        (b"address" + b"\nx" * 20_001, "more than 20000 rows"),
        (b"address" + b"\n" * 200_001, "more than 20000 rows"),
        (b"x" * (10 * 1024 * 1024 + 1), "the limit is 10.0\xa0MB"),
    ],
    ids=range(31),
)
def test_an_unreadable_file_is_refused_with_a_message(content, words):
    with pytest.raises(FileError, match=words):
        files.read(content)
