"""The tree as a table: out, back in without a difference, and back in with some."""

import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import openpyxl
import pytest
from django.db import transaction
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies.models import MAX_LEVELS, Buddy, Tree
from buddies.spreadsheet import files, xlsx
from buddies.spreadsheet.cells import COLUMNS
from buddies.spreadsheet.files import FORMATS
from buddies.spreadsheet.plan import Plan, plan_import, run_import
from buddies.spreadsheet.xlsx import FileError
from buddies.tree import edits, history
from buddies.tree.editing import Stale, editing
from buddies.tree.undo import undo
from tests.buddies.conftest import EDITOR, STORED, channel, group, named, outline, rows
from tests.xmppservice.runtime.test_sentry import run
from xmppservice.protocol.xml import illegal_character

pytestmark = pytest.mark.django_db

KINDS = list(FORMATS)
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def cells(*, of: str = "json", content: bytes | None = None) -> list[dict[str, Any]]:
    """The rows of an export, by their columns."""
    content = files.export(of) if content is None else content
    return [dict(row.cells) for row in files.read(content)]


def content(*table: dict[str, Any]) -> bytes:
    return json.dumps(table).encode()


def planned(*table: dict[str, Any]) -> Plan:
    return plan_import(files.read(content(*table)))


def bring(*table: dict[str, Any], editor: str = EDITOR) -> Plan:
    """Import rows as somebody does who looked at the preview just now."""
    read = files.read(content(*table))
    plan = plan_import(read)
    return run_import(read, editor, plan.version, plan.digest)


def problems(*table: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [tuple(problem) for problem in planned(*table).problems]


def said(*table: dict[str, Any]) -> list[str]:
    """What a plan says of each row that is not the same."""
    return [
        f"{one.kind} {one.name}: "
        + ", ".join(f"{what} {old} → {new}" for what, old, new in one.differences)
        for one in planned(*table).outcomes
        if one.kind != "same"
    ]


def version() -> int:
    return Tree.locked().version


# --- An export imported again changes nothing -----------------------------------

PIECES = [
    *["=1+1", "+39", "-", "@SUM(A1)", "'", "''=", "\t", "\n", "\r\n", "\r", " ", "  "],
    *[
        ";",
        ",",
        '"',
        '""',
        "\\n",
        "&amp;",
        "<b>",
        "_x000D_",
        "_x005F_",
        "x005F_",
        "#N/A",
    ],
    *["00393471111111", "1e5", "3.0", "2026-01-01", "01/02/2026", "TRUE", "null", "😀"],
    *[
        "＝1",
        "\ufeff",
        "\u2028",
        "\x85",
        "à",
        "long " * 200,
        "http://a/b?c=d",
        "|",
        "%",
    ],
]
LETTERS = st.characters(codec="utf-8").filter(lambda one: not illegal_character(one))
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(LETTERS, max_size=3), max_size=4)
TEXT = TEXTS.map("".join)
MOMENTS = st.none() | st.datetimes(
    datetime(2000, 1, 2), datetime(2100, 12, 30), timezones=st.just(UTC)
)


@st.composite
def forests(draw: st.DrawFn) -> list[Buddy]:
    """Entries with texts of every kind, groups before what they hold."""
    forest: list[Buddy] = []
    for key in range(1, draw(st.integers(0, 7)) + 1):
        groups = [buddy for buddy in forest if buddy.type == "group"]
        begin, end = draw(MOMENTS), draw(MOMENTS)
        buddy = Buddy(
            parent=draw(st.sampled_from([None, *groups, *groups])),
            position=draw(st.integers(0, 3)),
            address=f"{draw(TEXT)[:200]}{key}".strip(),
            type=draw(st.sampled_from(["group", "channel"])),
            name=draw(TEXT)[:255] or "n",
            status=draw(TEXT)[:1000],
            image_url=draw(TEXT)[:2000],
            thumb_url=draw(TEXT)[:2000],
            mobile_is_published=draw(st.booleans()),
            web_is_published=draw(st.booleans()),
            visible_from=begin,
            visible_until=end if begin and end and begin < end else None,
        )
        if buddy.type == "channel":
            buddy.server_address = draw(TEXT)[:255].strip()
            buddy.default_message = draw(TEXT)
        forest.append(buddy)
    return forest


def plant(forest: list[Buddy]) -> None:
    with editing(EDITOR) as edit:
        for buddy in forest:
            buddy.parent_id = buddy.parent and buddy.parent.pk
            edit.create([buddy])


def imported_again(count: int) -> Callable[..., None]:
    """An export imported again changes nothing: so many trees, in each form."""

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("language", ["en", "it"])
    @settings(STORED, max_examples=count)
    @given(forest=forests())
    def check(kind, language, forest):
        with transaction.atomic(), translation.override(language):
            plant(forest)
            before, seen = rows(), version()

            read = files.read(files.export(kind))
            plan = plan_import(read)
            run_import(read, EDITOR, plan.version, plan.digest)

            assert plan.problems == []
            assert [outcome.kind for outcome in plan.outcomes] == ["same"] * len(forest)
            assert rows() == before
            assert version() == seen
            transaction.set_rollback(True)

    return check


def imported_anew(count: int) -> Callable[..., None]:
    """An export makes an empty tree what it was, in whatever order its rows stand."""

    @pytest.mark.parametrize("kind", KINDS)
    @settings(STORED, max_examples=count)
    @given(forest=forests(), random=st.randoms(use_true_random=False))
    def check(kind, forest, random):
        with transaction.atomic():
            plant(forest)
            exported = cells(of=kind)
            read = files.read(files.export(kind))
            random.shuffle(read)
            Buddy.objects.all().delete()

            plan = plan_import(read)
            run_import(read, EDITOR, plan.version, plan.digest)

            assert plan.problems == []
            assert cells(of=kind) == exported
            transaction.set_rollback(True)

    return check


# Many more in tests/slow.
test_an_export_imported_again_changes_nothing = imported_again(10)
test_an_export_makes_an_empty_tree_what_it_was = imported_anew(10)


# --- The files ------------------------------------------------------------------


def test_the_service_starts_without_the_library_of_xlsx_files(tmp_path):
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


def test_an_export_of_some_entries_says_where_these_stand():
    verona = group("Verona")
    channel("Romeo", verona)
    juliet = channel("Juliet", verona)

    content = files.export("json", Buddy.objects.filter(pk=juliet.pk))

    (row,) = cells(content=content)
    assert (row["address"], row["parent"], row["place"]) == ("Juliet", "Verona", 2)


def test_an_export_asks_the_database_once(django_assert_num_queries):
    for number in range(5):
        channel(f"c{number}", named("g") if number else group("g"))

    with django_assert_num_queries(2):
        files.export("csv")


ALARMING = ["=1+1", "+1", "-1", "@A", "\t=1", "\r=1", " =1", "＝1", "'=1", "''+1"]


@pytest.mark.parametrize("name", ALARMING)
def test_no_text_becomes_a_formula_in_csv(name):
    channel("Romeo", status=name, default_message="'Ndrangheta")

    text = files.export("csv").decode("utf-8-sig")

    assert f"'{name}" in text
    assert ",'Ndrangheta," in text
    assert cells(of="csv")[0]["status"] == name


@pytest.mark.parametrize("name", [*ALARMING, "#N/A", "00393471111111", "2026-01-01"])
def test_each_text_is_a_text_cell_in_xlsx(name):
    channel("Romeo", status=name)

    book = openpyxl.load_workbook(io.BytesIO(files.export("xlsx")))

    header, row = book.worksheets[0].iter_rows()
    assert [cell.value for cell in header] == list(COLUMNS)
    cell = row[COLUMNS.index("status")]
    assert (cell.data_type, cell.number_format) == ("s", "@")
    assert {one.data_type for one in row if one.value is not None} <= {"s", "n", "b"}


def test_a_new_row_below_in_excel_keeps_its_zeros():
    sheet = openpyxl.load_workbook(io.BytesIO(files.export("xlsx"))).worksheets[0]

    formats = {
        name: sheet.column_dimensions[letter].number_format
        for name, letter in zip(COLUMNS, "ABCDEFGHIJKLMN", strict=True)
    }

    assert {formats["address"], formats["parent"], formats["name"]} == {"@"}
    assert formats["place"] == "General"


def test_a_text_too_long_for_a_cell_is_refused_for_xlsx_alone():
    channel("Romeo", default_message="😀" * 16_384)

    with pytest.raises(FileError, match="choose CSV or JSON"):
        files.export("xlsx")
    assert cells(of="csv")[0]["default_message"] == "😀" * 16_384


@pytest.mark.parametrize(("language", "delimiter"), [("en", ","), ("it", ";")])
def test_a_csv_file_opens_in_columns_in_the_excel_of_a_language(language, delimiter):
    with translation.override(language):
        content = files.export("csv")

    assert content.startswith(b"\xef\xbb\xbfaddress" + delimiter.encode() + b"parent")


def test_flags_are_words_in_csv_and_flags_elsewhere():
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
    ids=["utf-8 with its mark", "utf-8", "utf-16 with tabs", "commas"],
)
def test_a_csv_file_of_an_italian_excel_is_read(content):
    read = files.read(content)

    plan = plan_import(read)
    run_import(read, EDITOR, plan.version, plan.digest)

    assert [row.number for row in read] == [2, 4]
    assert (named("Città\nalta").address, named("Romeo").type) == (
        "00393471111111",
        "group",
    )
    assert named("Romeo").mobile_is_published
    assert not named("Romeo").web_is_published


def sheet(*table: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in table:
        book.worksheets[0].append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_what_a_person_types_in_a_spreadsheet_is_understood():
    content = sheet(
        ["Address", "name ", "place", "visible_from", "mobile", None],
        ["romeo", 2026, 1.0, datetime(2026, 5, 1, 10, 30), "x", None],
        [None, None],
        ["juliet", 1.5, None, "2026-05-01", 0, None],
    )

    plan = plan_import(files.read(content))

    assert plan.problems == []
    assert [(o.row, o.name) for o in plan.outcomes] == [(2, "2026"), (4, "1.5")]
    begin = [{d[0]: d[2] for d in o.differences} for o in plan.outcomes]
    assert begin[0]["visible from"] == "1 May 2026, 10:30"
    assert begin[1]["visible from"] == "1 May 2026, 00:00"


def repacked(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """A file with another text in one of its parts."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[part]
    parts[part] = parts[part].replace(old, new)
    return packed(**parts)


SHEET = "xl/worksheets/sheet1.xml"
TOO_LARGE = "too large when it is unpacked"


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
def test_a_small_file_with_much_in_it_is_refused_unopened(
    part, old, new, monkeypatch: pytest.MonkeyPatch
):
    content = repacked(sheet(["address"], ["Romeo"]), part, old, new)
    assert len(content) < 100_000
    # Openpyxl would unpack it for minutes.
    monkeypatch.delattr(openpyxl, "load_workbook")

    with pytest.raises(FileError, match=TOO_LARGE):
        files.read(content)


def test_an_entity_in_a_file_is_refused():
    book = sheet(["address"], ["Romeo"])
    entity = b'<!DOCTYPE worksheet [<!ENTITY many "<c/><c/><c/><c/>">]><worksheet '

    with pytest.raises(FileError, match="cannot be read"):
        files.read(repacked(book, SHEET, b"<worksheet ", entity))


def with_a_row_at(number: int) -> bytes:
    """A sheet of one entry, and a row without a name far below it."""
    row = b'<row r="%d"><c t="n"><v>1</v></c></row></sheetData>' % number
    return repacked(sheet(["address"], ["Romeo"]), SHEET, b"</sheetData>", row)


@pytest.mark.parametrize("number", [50, 103])
def test_a_sheet_is_read_no_further_than_its_rows_may_go(number, monkeypatch):
    for module in (xlsx, files):
        monkeypatch.setattr(module, "MAX_LINES", 100)

    if number > xlsx.MAX_LINES:
        with pytest.raises(FileError, match="more than 20000 rows"):
            files.read(with_a_row_at(number))
    else:
        found = files.read(with_a_row_at(number))
        assert [row.number for row in found] == [2, number]


def test_a_file_is_read_whatever_it_says_of_its_size():
    book = repacked(
        sheet(["address", "name"], ["a", "A"], ["b", "B"]), SHEET, b"A1:B3", b"A1:A2"
    )

    assert [row.cells["name"] for row in files.read(book)] == ["A", "B"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b'[{"address": "a"}, {"address": "b", "name": "x\\ud800"}]',
            "Row 2, column “name”: It contains half a character.",
        ),
        (
            b'[{"address": "\\udfff"}]',
            "Row 1, column “address”: It contains half a character.",
        ),
        (
            b'[{"address": "a", "parent": "\\ud800"}]',
            "Row 1, column “parent”: It contains half a character.",
        ),
        (
            b'[{"address": "a", "\\ud800": "b"}]',
            "The name of column 2 contains half a character.",
        ),
        (
            sheet(["address", "name"], ["a", "_xD800_"]),
            "Row 2, column “name”: It contains half a character.",
        ),
        (
            sheet(["address", "_xD800_"], ["a", "b"]),
            "The name of column 2 contains half a character.",
        ),
    ],
    ids=range(6),
)
def test_half_a_character_is_refused_with_its_place(content, words):
    with pytest.raises(FileError) as refusal:
        files.read(content)

    assert str(refusal.value) == words


def test_a_whole_character_in_two_halves_of_json_is_one():
    (row,) = files.read(b'[{"address": "\\ud83d\\ude00"}]')

    assert row.cells == {"address": "😀"}


def test_rows_that_waited_as_text_mean_the_same():
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
        plan, other = plan_import(read), plan_import(waited)
        assert [row.number for row in waited] == [row.number for row in read]
        assert other.problems == plan.problems
        assert other.outcomes == plan.outcomes
    assert files.loads(files.dumps(files.read(book)))[0].cells == {
        "address": "romeo",
        "name": 2026,
        "place": 1.5,
        "visible_from": moment,
        "mobile": True,
        "status": "\r",
    }


def packed(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no column “address”"),
        (b"name,status\nRomeo,x\n", "no column “address”"),
        (b"address,nome\nromeo,x\n", "no column “nome” in an import"),
        (b"address,name,Name\nromeo,x,y\n", "“name” is there twice"),
        (b"address,name\nromeo,x,y\n", "Row 2 has more cells"),
        (b'address,name\nromeo,"x" y\n', "not a table"),
        ("address,name\nromeo,Città\n".encode("cp1252"), "CSV UTF-8"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "no spreadsheet"),
        (b"\xff\xfeaddress", "no spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Excel"),
        (b"PK\x03\x04 broken", "cannot be read"),
        (packed(**{"a.txt": b"no book"}), "cannot be read"),
        (
            packed(**{"a.txt": bytes(201 * 1024 * 1024)}),
            "too large when it is unpacked",
        ),
        (b"{nonsense", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"items": []}', "a document, not a table"),
        (b'{"a": 1}', "not a list of entries"),
        (b"[1]", "not a list of entries"),
        (b"address" + b"\nx" * 20_001, "more than 20000 rows"),
        (b"address" + b"\n" * 200_001, "more than 20000 rows"),
        (b"x" * (10 * 1024 * 1024 + 1), "10.0\xa0MB are allowed"),
    ],
    ids=range(21),
)
def test_a_file_that_cannot_be_read_is_refused_in_words(content, words):
    with pytest.raises(FileError, match=words):
        files.read(content)


# --- Edits in a spreadsheet ------------------------------------------------------


@pytest.fixture
def verona() -> None:
    """Verona holds Romeo, Juliet and Mercutio; Mantua holds nothing."""
    verona = group("Verona")
    for name in ("Romeo", "Juliet", "Mercutio"):
        channel(name, verona)
    group("Mantua")


in_verona = pytest.mark.usefixtures("verona")


@in_verona
def test_texts_flags_and_schedules_come_in():
    bring(
        {
            "address": "Romeo",
            "name": " Romeo\nMontague",
            "status": "=1+1",
            "mobile": "sì",
            "web": "no",
            "visible_from": "2026-05-01T10:00:00+02:00",
            "visible_until": NOON.isoformat(),
        }
    )

    romeo = Buddy.objects.get(address="Romeo")
    assert (romeo.name, romeo.status) == (" Romeo\nMontague", "=1+1")
    assert (romeo.mobile_is_published, romeo.web_is_published) == (True, False)
    assert romeo.visible_from == datetime(2026, 5, 1, 8, tzinfo=UTC)
    assert romeo.visible_until == NOON


@in_verona
def test_what_has_no_row_or_no_column_stays_as_it_is():
    edits.change([named("Romeo")], EDITOR, status="in love")
    before = {row["name"]: row for row in rows()}

    bring({"address": "Romeo", "name": "Roméo"})

    after = {row["name"]: row for row in rows()}
    assert after.pop("Roméo") == {**before.pop("Romeo"), "name": "Roméo"}
    assert after == before


@in_verona
def test_what_an_object_does_not_name_stays_as_it_is():
    bring(
        {"address": "Romeo", "status": "in love"}, {"address": "Juliet", "web": False}
    )

    assert named("Romeo").web_is_published
    assert not named("Juliet").web_is_published


@in_verona
def test_a_new_group_and_its_channels_come_in_whatever_their_order():
    bring(
        {"address": "tybalt", "name": "Tybalt", "type": "channel", "parent": "padua"},
        {"address": "", "name": "Benvolio", "type": "channel", "parent": "padua"},
        {"address": "padua", "name": "Padua", "type": "group", "parent": "Verona"},
    )

    assert outline() == [
        "Verona",
        *["  Romeo", "  Juliet", "  Mercutio", "  Padua", "    Tybalt", "    Benvolio"],
        "Mantua",
    ]
    assert len(named("Benvolio").address) == 36
    assert not named("Tybalt").is_published


@in_verona
@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ({"Mercutio": 1}, "Mercutio Romeo Juliet"),
        ({"Mercutio": 2}, "Romeo Mercutio Juliet"),
        ({"Romeo": 2}, "Juliet Romeo Mercutio"),
        ({"Romeo": 3}, "Juliet Mercutio Romeo"),
        ({"Romeo": 99}, "Juliet Mercutio Romeo"),
        ({"Romeo": 3, "Mercutio": 1}, "Mercutio Juliet Romeo"),
        ({"Romeo": 2, "Juliet": 3, "Mercutio": 1}, "Mercutio Romeo Juliet"),
        ({"Romeo": 2, "Juliet": 2, "Mercutio": 2}, "Juliet Romeo Mercutio"),
        ({"Romeo": 1, "Juliet": 1, "Mercutio": 3}, "Juliet Romeo Mercutio"),
        ({"Romeo": None, "Juliet": "", "Mercutio": 1}, "Mercutio Romeo Juliet"),
    ],
)
def test_an_entry_stands_where_its_row_says(places, expected):
    seen = version()

    bring(*({"address": name, "place": place} for name, place in places.items()))

    assert " ".join(line.strip() for line in outline()[1:4]) == expected
    written = set(Buddy.objects.filter(version__gt=seen).values_list("name", flat=True))
    assert written <= set(places)


@in_verona
def test_a_place_moves_the_one_entry_and_no_neighbour():
    before = {row["name"]: row["position"] for row in rows()}

    plan = bring({"address": "Mercutio", "place": 1})

    after = {row["name"]: row["position"] for row in rows()}
    assert after.pop("Mercutio") < before.pop("Romeo") == after.pop("Romeo")
    assert [o.differences for o in plan.outcomes] == [[("place", "3", "1")]]
    assert history.newest(EDITOR).words == "Moved “Mercutio”"


@in_verona
def test_an_inserted_row_moves_none_of_those_that_are_numbered_anew():
    table = (
        {"address": "tybalt", "name": "Tybalt", "parent": "Verona", "place": 2},
        {"address": "Romeo", "place": 1},
        {"address": "Juliet", "place": 3},
        {"address": "Mercutio", "place": 4},
    )

    plan = bring(*table)

    assert [o.kind for o in plan.outcomes] == ["added", "same", "same", "same"]
    assert [line.strip() for line in outline()[1:5]] == [
        *["Romeo", "Tybalt", "Juliet", "Mercutio"]
    ]


@in_verona
def test_where_there_is_no_room_the_siblings_are_numbered_anew():
    Buddy.objects.filter(name__in=["Romeo", "Juliet"]).update(position=7)

    bring({"address": "Mercutio", "place": 2})

    assert [line.strip() for line in outline()[1:4]] == ["Romeo", "Mercutio", "Juliet"]


@in_verona
def test_entries_change_their_groups_and_groups_turn_round():
    bring(
        {"address": "Verona", "parent": "Mantua"},
        {"address": "Juliet", "parent": "", "place": 1},
        {"address": "Romeo", "parent": "Mantua"},
    )
    assert outline() == ["Juliet", "Mantua", "  Verona", "    Mercutio", "  Romeo"]

    bring(
        {"address": "Mantua", "parent": "Verona"}, {"address": "Verona", "parent": ""}
    )

    assert outline() == [
        "Juliet",
        "Verona",
        *["  Mercutio", "  Mantua", "    Romeo"],
    ]


@in_verona
def test_a_channel_becomes_a_group_that_holds_what_an_old_group_held():
    bring(
        {"address": "Mantua", "type": "group", "parent": "Juliet"},
        {"address": "Juliet", "type": "group", "parent": ""},
        {"address": "Verona", "type": "channel"},
        {"address": "Romeo", "parent": "Juliet"},
        {"address": "Mercutio", "parent": ""},
    )

    assert outline() == ["Verona", "Juliet", "  Mantua", "  Romeo", "Mercutio"]
    assert (named("Verona").type, named("Juliet").type) == ("channel", "group")


@in_verona
def test_a_plan_says_what_would_be_and_does_nothing():
    before = rows()

    words = said(
        {"address": "tybalt", "name": "Tybalt", "parent": "Verona", "web": "yes"},
        {"address": "Romeo", "name": "Roméo", "mobile": "yes", "web": "yes"},
        {"address": "Juliet", "parent": "", "type": "group"},
        {"address": "Mercutio", "visible_from": NOON.isoformat()},
        {"address": "Mantua", "name": "Mantua"},
    )

    assert words == [
        "added Tybalt: inside  → Verona, type  → channel, web  → on",
        "edited Roméo: name Romeo → Roméo, mobile off → on",
        "edited Juliet: inside Verona → top level, type channel → group",
        "edited Mercutio: visible from  → 22 Nov 2026, 12:00",
    ]
    assert rows() == before


# --- All or nothing ---------------------------------------------------------------

NUMBER = (
    "This is a number, so zeros at its beginning are lost: format the column as text."
)


@in_verona
@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ({"address": 393471111111}, "address", NUMBER),
        ({"address": "3,93471E+11"}, "address", NUMBER),
        ({"parent": 39}, "parent", NUMBER),
        ({"parent": "Padua"}, "parent", "There is no entry with the address “Padua”."),
        ({"parent": "Juliet"}, "parent", "Only a group can hold entries."),
        ({"place": 0}, "place", "Write a whole number from 1, or nothing."),
        ({"place": 1.5}, "place", "Write a whole number from 1, or nothing."),
        ({"place": "first"}, "place", "Write a whole number from 1, or nothing."),
        ({"type": "folder"}, "type", "Write group or channel."),
        ({"type": ""}, "type", "Write group or channel."),
        ({"mobile": "maybe"}, "mobile", "Write yes or no."),
        ({"mobile": ["yes"]}, "mobile", "Write yes or no."),
        ({"name": ""}, "name", "This field cannot be blank."),
        ({"name": True}, "name", "This is not a text: format the column as text."),
        (
            {"name": "a" * 256},
            "name",
            "Ensure this value has at most 255 characters (it has 256).",
        ),
        (
            {"status": "\x07"},
            "status",
            "Contains the control character U+0007, which XMPP cannot carry.",
        ),
        (
            {"visible_from": "tomorrow"},
            "visible_from",
            "Write a date and time like 2026-12-31T18:30:00+01:00.",
        ),
        (
            {"visible_from": 46000},
            "visible_from",
            "Write a date and time like 2026-12-31T18:30:00+01:00.",
        ),
        *(
            ({column: moment}, column, "Choose a moment between 2000 and 2100.")
            for column, moment in (
                ("visible_until", "9999-12-31T23:59:59-12:00"),
                ("visible_from", "0001-01-01T00:00:00+14:00"),
                ("visible_from", "9999-12-31T23:59:59"),
                ("visible_from", "1999-12-31"),
                ("visible_until", "2101-01-01"),
            )
        ),
        (
            {"visible_from": "0001-01-01T00:00"},
            "visible_from",
            "Choose a moment between 2000 and 2100.",
        ),
        (
            {"visible_from": "2026-05-02", "visible_until": "2026-05-01"},
            "visible_until",
            "It would end before it begins.",
        ),
        (
            {"type": "group", "server_address": "bots"},
            "server_address",
            "A group has no server address.",
        ),
        (
            {"type": "group", "default_message": "Soft!"},
            "default_message",
            "A group has no default message.",
        ),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(row, column, words):
    table = ({"address": "Juliet", "name": "Giulietta"}, {"address": "Romeo", **row})
    before = rows()

    with pytest.raises(FileError):
        bring(*table)

    assert problems(*table) == [(2, column, words)]
    assert rows() == before


@in_verona
@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            [{"address": "Romeo"}, {"address": "Romeo "}],
            [(2, "address", "Row 1 has this address, too.")],
        ),
        (
            [{"address": "x", "name": "a"}, {"address": "x", "name": "b"}],
            [(2, "address", "Row 1 has this address, too.")],
        ),
        ([{"address": "", "web": True}], [(1, "name", "This field cannot be blank.")]),
        (
            [{"address": "Verona", "type": "channel"}],
            [
                (
                    1,
                    "type",
                    "It holds entries, so it must stay a group: move them first.",
                )
            ],
        ),
        (
            [{"address": "Verona", "parent": "Verona"}],
            [(1, "parent", "An entry cannot stand below itself.")],
        ),
        (
            [{"address": "Romeo", "parent": "Romeo"}],
            [
                (1, "parent", "An entry cannot stand below itself."),
                (1, "parent", "Only a group can hold entries."),
            ],
        ),
        (
            [
                {"address": "Verona", "parent": "Mantua"},
                {"address": "Romeo", "name": "Roméo"},
                {"address": "Mantua", "parent": "Verona"},
            ],
            [
                (1, "parent", "An entry cannot stand below itself."),
                (3, "parent", "An entry cannot stand below itself."),
            ],
        ),
    ],
)
def test_rows_that_contradict_each_other_are_named(table, expected):
    assert problems(*table) == expected


@in_verona
def test_a_group_cannot_come_into_what_it_holds():
    bring({"address": "Mantua", "parent": "Verona"})

    assert problems({"address": "Verona", "parent": "Mantua"}) == [
        (1, "parent", "An entry cannot stand below itself.")
    ]


def test_a_tree_has_a_greatest_depth():
    table = [
        {
            "address": str(level) + "x",
            "name": "x",
            "type": "group",
            "parent": f"{level - 1}x" if level else "",
        }
        for level in range(MAX_LEVELS + 1)
    ]

    assert problems(*table) == [(201, "parent", "A tree has 200 levels at most.")]
    bring(*table[:-1])
    assert Buddy.objects.count() == MAX_LEVELS


def test_what_was_stored_before_a_rule_came_is_no_obstacle():
    Buddy.objects.create(address="old", name="")

    assert problems({"address": "old", "name": "", "place": 1}) == []


# --- One edit, that can be taken back, and that overwrites nobody -------------------

CHANGES = (
    {"address": "tybalt", "name": "Tybalt", "type": "channel", "parent": "Juliet"},
    {"address": "Juliet", "type": "group", "parent": "", "place": 1},
    {"address": "Romeo", "name": "Roméo", "parent": "Mantua"},
    {"address": "Mercutio", "place": 1, "status": "A plague!"},
)


@in_verona
def test_an_import_is_one_edit_and_undo_takes_all_of_it_back():
    before, seen = rows(), version()

    bring(*CHANGES)

    assert version() == seen + 1
    assert {
        b.version for b in Buddy.objects.exclude(name__in=["Verona", "Mantua"])
    } == {seen + 1}
    assert history.newest(EDITOR).version == seen + 1
    assert outline() == [
        *["Juliet", "  Tybalt", "Verona", "  Mercutio", "Mantua", "  Roméo"]
    ]

    undo(seen + 1, EDITOR)

    assert rows() == before


@in_verona
def test_an_entry_that_somebody_changed_since_is_not_overwritten():
    read = files.read(content(*CHANGES))
    plan = plan_import(read)
    edits.change([named("Romeo")], "nurse", status="hunted")
    before = rows()

    with pytest.raises(Stale, match="nurse changed “Romeo”"):
        run_import(read, EDITOR, plan.version, plan.digest)

    assert rows() == before


@in_verona
def test_what_became_of_the_tree_since_is_to_be_looked_at_first():
    read = files.read(content({"address": "Romeo", "name": "Roméo"}))
    plan = plan_import(read)
    edits.remove([named("Romeo")], "nurse")

    with pytest.raises(Stale, match="look at the changes again"):
        run_import(read, EDITOR, plan.version, plan.digest)

    assert not Buddy.objects.filter(address="Romeo").exists()


@in_verona
def test_an_edit_elsewhere_is_in_nobodys_way():
    read = files.read(content({"address": "Romeo", "name": "Roméo"}))
    plan = plan_import(read)
    edits.change([named("Mantua")], "nurse", status="quiet")

    run_import(read, EDITOR, plan.version, plan.digest)

    assert (named("Mantua").status, named("Roméo").version) == ("quiet", version())
