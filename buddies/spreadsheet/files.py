"""The tree as a table: a row an entry, depth-first, as CSV, XLSX or JSON.

An export imported again changes nothing: every text comes back byte for byte.
A spreadsheet may not execute what somebody typed as a name. So a cell of an
XLSX file is marked as text, and in CSV, which has no such mark, a text that a
spreadsheet would take for a formula gets an apostrophe before it; the import
takes one away where it finds one before such a text.

django-import-export converts the cells and writes the files. What an import of
one does: :mod:`buddies.spreadsheet.plan`.
"""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

import openpyxl
from django import forms
from django.core.exceptions import ValidationError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import get_format
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from import_export import resources
from import_export.fields import Field
from import_export.formats import base_formats
from import_export.widgets import CharWidget, Widget
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from buddies.document.shape import has_surrogate
from buddies.models import Buddy, plausible

MOST_BYTES = 10 * 1024 * 1024
MOST_UNPACKED = 32 * 1024 * 1024  # of an XLSX file
MOST_ELEMENTS = 1_250_000  # of its XML, those of rows and texts,
MOST_IN_A_ROW = 150_000  # of these and of their ends,
MOST_OTHERS = 100_000  # and all others, with which openpyxl is slower
MOST_ROWS = 20_000
MOST_LINES = 10 * MOST_ROWS  # of a file, empty rows included
MOST_COLUMNS = 100
MOST_IN_A_CELL = 32_767  # UTF-16 units, says Excel


class FileError(ValueError):
    """Why a file cannot be read or written, in plain words."""


# --- Cells ----------------------------------------------------------------------


class Text(CharWidget):
    """Text byte for byte."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        if value is None or isinstance(value, str):
            return value or ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value) if isinstance(value, int) else f"{value:.15g}"
        raise ValueError(_("This is not a text: format the column as text."))


class Address(Text):
    """An address, as a spreadsheet has not shortened it."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> str:
        if not isinstance(value, str | None) or _SHORTENED.fullmatch(value or ""):
            text = _(
                "This is a number, so zeros at its beginning are lost: "
                "format the column as text."
            )
            raise ValueError(text)
        return (value or "").strip()


_SHORTENED = re.compile(r"\d[.,]?\d*E\+\d+")


class Place(Widget):
    """A whole number from 1, or nothing."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> int | None:
        text = f"{value:.15g}" if isinstance(value, float) else str(value or "").strip()
        if value in (None, ""):
            return None
        if re.fullmatch(r"[1-9]\d{0,8}", text, re.ASCII):
            return int(text)
        raise ValueError(_("Write a whole number from 1, or nothing."))

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value


class Word(Widget):
    """A value from a closed list, in words that people may use for it."""

    words: dict[Any, tuple[str, ...]] = {}

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> Any:
        said = "" if value is None else str(value).strip().lower()
        for meant, words in self.words.items():
            if said in words:
                return meant
        known = [words[0] for words in self.words.values()]
        text = _("Write %(this)s or %(that)s.")
        raise ValueError(text % {"this": known[0], "that": known[1]})


class Flag(Word):
    """Yes or no; an empty cell is a no."""

    words = {
        True: ("yes", "true", "1", "sì", "si", "vero", "x"),
        False: ("no", "false", "0", "falso", ""),
    }

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        return value if kwargs.get("force_native_type") else self.words[value][0]


class Kind(Word):
    """Group or channel."""

    words = {
        Buddy.Type.GROUP: ("group", "gruppo"),
        Buddy.Type.CHANNEL: ("channel", "canale"),
    }

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return str(value)


class Moment(Widget):
    """A moment in ISO 8601, with its offset; without one in the site's time zone."""

    def clean(self, value: Any, row: Any = None, **kwargs: Any) -> datetime | None:
        try:
            if isinstance(value, str):
                # A form's field forgets the fraction of a second.
                exact = parse_datetime(value.strip())
                value = exact if exact and exact.tzinfo else value
            moment: datetime | None = value
            if not (isinstance(value, datetime) and value.tzinfo):
                moment = forms.DateTimeField(required=False).clean(value)
        except (ValidationError, AttributeError, ValueError, OverflowError):
            text = _("Write a date and time like %(example)s.")
            example = {"example": "2026-12-31T18:30:00+01:00"}
            raise ValueError(text % example) from None
        try:
            if moment is not None:
                plausible(moment)
        except ValidationError as error:
            raise ValueError(error.messages[0]) from None
        return moment

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> str:
        return timezone.localtime(value).isoformat() if value else ""


class BuddyResource(resources.ModelResource):
    """The columns. Exports all entries, or those given, in the tree's order."""

    address = Field("address", "address", Address())
    parent = Field("parent__address", "parent", Address())
    place = Field("place", "place", Place())
    type = Field("type", "type", Kind())
    name = Field("name", "name", Text())
    status = Field("status", "status", Text())
    default_message = Field("default_message", "default_message", Text())
    server_address = Field("server_address", "server_address", Address())
    mobile = Field("mobile_is_published", "mobile", Flag())
    web = Field("web_is_published", "web", Flag())
    visible_from = Field("visible_from", "visible_from", Moment())
    visible_until = Field("visible_until", "visible_until", Moment())
    image_url = Field("image_url", "image_url", Text())
    thumb_url = Field("thumb_url", "thumb_url", Text())

    class Meta:
        model = Buddy
        fields = (
            "address",
            "parent",
            "place",
            "type",
            "name",
            "status",
            "default_message",
            "server_address",
            "mobile",
            "web",
            "visible_from",
            "visible_until",
            "image_url",
            "thumb_url",
        )

    def iter_queryset(self, queryset: Iterable[Buddy]) -> Iterator[Buddy]:
        wanted = {buddy.pk for buddy in queryset}
        for entry in entries(Buddy.objects.all()):
            if entry.buddy.pk in wanted:
                # Of the entry it would be read from the database, once a row.
                entry.buddy.parent = entry.group and entry.group.buddy
                entry.buddy.place = entry.place  # type: ignore[attr-defined]  # for the column of that name
                yield entry.buddy


FIELDS: dict[str, Any] = BuddyResource.fields
COLUMNS: tuple[str, ...] = BuddyResource.Meta.fields
VALUES = [name for name in COLUMNS if name not in ("address", "parent", "place")]
COLUMN_OF = {FIELDS[name].attribute: name for name in COLUMNS}


# --- Files ----------------------------------------------------------------------


class CSV(base_formats.CSV):
    """CSV in UTF-8, with what Excel needs to see that: a byte order mark."""

    def export_data(self, dataset: Any, **kwargs: Any) -> bytes:
        dataset.add_formatter(None, _guarded)
        # Excel splits at semicolons where the comma is in the numbers.
        comma = get_format("DECIMAL_SEPARATOR") == ","
        text: str = super().export_data(dataset, delimiter=";" if comma else ",")
        return ("\ufeff" + text).encode()

    def rows(self, content: bytes) -> Iterator[list[Any]]:
        """The rows of a file. Raises FileError."""
        text = _decoded(content)
        header = text.split("\n", 1)[0]
        delimiter = max(",;\t", key=header.count)
        lines = io.StringIO(text, newline="")
        csv.field_size_limit(MOST_BYTES)
        try:
            for row in csv.reader(lines, delimiter=delimiter, strict=True):
                yield [_bared(cell) for cell in row]
        except csv.Error as error:
            text = _("This is not a table: %(error)s.") % {"error": _(str(error))}
            raise FileError(text) from None


# What a spreadsheet takes for a formula, says OWASP of CSV injection.
_FORMULA = r"(?:\s*[=+\-@＝＋－＠]|[\t\r\n])"
_ALARMING = re.compile(f"'*{_FORMULA}")
_GUARDED = re.compile(f"'+{_FORMULA}")


def _guarded(cell: Any) -> Any:
    is_alarming = isinstance(cell, str) and _ALARMING.match(cell)
    return f"'{cell}" if is_alarming else cell


def _bared(cell: str) -> str:
    return cell[1:] if _GUARDED.match(cell) else cell


def _decoded(content: bytes) -> str:
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = _(
            "This is no spreadsheet, or its letters are not in UTF-8: save it as XLSX, "
            "or as “CSV UTF-8”."
        )
        raise FileError(text) from None


class XLSX(base_formats.XLSX):
    """XLSX whose texts are text cells, whatever they look like."""

    def export_data(self, dataset: Any, **kwargs: Any) -> bytes:
        rows = [[_escaped(value) for value in row] for row in dataset]
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet(_("Channels"))
        sheet.freeze_panes = "C2"
        for place, name in enumerate(dataset.headers, 1):
            column = sheet.column_dimensions[get_column_letter(place)]
            column.width = 32 if name in ("name", "status", "default_message") else 18
            if isinstance(FIELDS[name].widget, Text):
                # What somebody types below stays as it is typed, zeros included.
                column.number_format = "@"
        sheet.append([_cell(sheet, name, bold=True) for name in dataset.headers])
        for row in rows:
            sheet.append([_cell(sheet, value) for value in row])
        file = io.BytesIO()
        book.save(file)
        return file.getvalue()

    def rows(self, content: bytes) -> Iterator[list[Any]]:
        """The rows of a file's first sheet. Raises FileError."""
        try:
            _check_size(content)
            book = openpyxl.load_workbook(
                io.BytesIO(content), read_only=True, data_only=True
            )
            # One more row than allowed, for the reader to see that it is too many.
            for row in book.worksheets[0].iter_rows(
                max_col=MOST_COLUMNS, max_row=MOST_LINES + 2, values_only=True
            ):
                yield [_unescaped(value) for value in row]
        except FileError:
            raise
        except Exception:
            # A damaged file fails in a way of its own in each part of openpyxl.
            text = _("This file cannot be read: save it as XLSX or “CSV UTF-8” anew.")
            raise FileError(text) from None


def _check_size(content: bytes) -> None:
    """Refuse a file that takes long to read.

    openpyxl has all of a row in memory before it leaves a cell out, so what a
    file holds is counted before, by its tags: that takes a fraction of a second.
    """
    refusal = FileError(_("This file is too large when it is unpacked."))
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        parts = packed.infolist()
        if sum(part.file_size for part in parts) > MOST_UNPACKED:
            raise refusal
        elements = others = 0
        for part in parts:
            text = packed.read(part).replace(b"\0", b"")  # of UTF-16
            if b"<!DOCTYPE" in text:
                raise ValueError("an entity may stand for many tags")
            tags = text.count(b"<") - text.count(b"</")
            if elements + others + tags > MOST_ELEMENTS + MOST_OTHERS:
                raise refusal
            ends = [*(row.start() for row in _ROW.finditer(text)), len(text)]
            if any(text.count(b"<", *row) > MOST_IN_A_ROW for row in pairwise(ends)):
                raise refusal
            frequent = sum(1 for _tag in _FREQUENT.finditer(text))
            elements, others = elements + frequent, others + tags - frequent
    if elements > MOST_ELEMENTS or others > MOST_OTHERS:
        raise refusal


# A row, a cell and what it holds, a text and what its formatted parts hold.
_PREFIX = rb"<(?:[^\s<>/:]+:)?"
_ROW = re.compile(_PREFIX + rb"row[\s/>]")
_FREQUENT = re.compile(
    _PREFIX + rb"(?:row|c|v|f|is|si|t|r|rPr|rFont|sz|color|family|scheme|b|i|u)[\s/>]"
)


def _cell(sheet: Any, value: Any, bold: bool = False) -> Any:
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, value)
    # By itself openpyxl makes a formula of "=1+1", and an error of "#N/A".
    cell.data_type, cell.number_format = "s", "@"
    if bold:
        cell.font = Font(bold=True)
    return cell


# A reader of XML makes a line break of a carriage return, and "_x000D_" is one
# in the words of ECMA-376 (part 1, 22.9.2.19).


def _escaped(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", value).replace("\r", "_x000D_")
    if len(text.encode("utf-16-le")) // 2 > MOST_IN_A_CELL:
        reason = _(
            "“%(text)s” is too long for a cell of a spreadsheet, which holds %(most)s "
            "characters: choose CSV or JSON."
        )
        said = {"text": Truncator(value).chars(40), "most": MOST_IN_A_CELL}
        raise FileError(reason % said)
    return text


def _unescaped(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda found: chr(int(found[1], 16)), value)


UNSAID = object()  # what an object does not name stays as it is


class JSON(base_formats.JSON):
    """JSON: a list with an object an entry."""

    def export_data(self, dataset: Any, **kwargs: Any) -> bytes:
        text: str = super().export_data(dataset, **kwargs)
        return text.encode()

    def rows(self, content: bytes) -> Iterator[list[Any]]:
        """The rows of a file: the names first. Raises FileError."""
        try:
            found = json.loads(_decoded(content))
        except json.JSONDecodeError as error:
            said = {"line": error.lineno, "column": error.colno, "why": _(error.msg)}
            text = _("This is not JSON: line %(line)s, column %(column)s: %(why)s.")
            raise FileError(text % said) from None
        except (ValueError, RecursionError):
            text = _(
                "This is not JSON that can be read: something is too deep or long."
            )
            raise FileError(text) from None
        if isinstance(found, dict) and "items" in found:
            raise FileError(_("This is a document, not a table: import it as one."))
        if not isinstance(found, list) or not all(isinstance(o, dict) for o in found):
            raise FileError(_("This is not a list of entries."))
        names = list(dict.fromkeys(name for row in found for name in row))
        # Of an empty tree there is no object to name them.
        yield names or list(COLUMNS)
        for row in found:
            yield [row.get(name, UNSAID) for name in names]


FORMATS: dict[str, CSV | XLSX | JSON] = {"xlsx": XLSX(), "csv": CSV(), "json": JSON()}


def export(kind: str, buddies: Iterable[Buddy] | None = None) -> bytes:
    """A file of all entries, or of these: ``kind`` is a key of FORMATS.

    Raises FileError.
    """
    wanted = Buddy.objects.all() if buddies is None else buddies
    # Numbers and flags as such, where the file can tell them from texts.
    dataset = BuddyResource().export(wanted, force_native_type=kind != "csv")
    content: bytes = FORMATS[kind].export_data(dataset)
    return content


class Row(NamedTuple):
    """A row of a file: its number there, and its cells by their columns."""

    number: int
    cells: dict[str, Any]


def read(content: bytes) -> list[Row]:
    """The rows of a file of any of the three kinds.

    Raises FileError, with what is wrong with the file as a whole.
    """
    if len(content) > MOST_BYTES:
        said = {
            "size": filesizeformat(len(content)),
            "most": filesizeformat(MOST_BYTES),
        }
        raise FileError(_("The file has %(size)s, and %(most)s are allowed.") % said)
    kind = _kind_of(content)
    rows = FORMATS[kind].rows(content)
    names = _names(next(rows, []))
    found = []
    # A spreadsheet counts its header as a row.
    for number, cells in enumerate(rows, 1 if kind == "json" else 2):
        if any(cell not in (None, "") for cell in cells):
            found.append(Row(number, _named(number, names, cells)))
        if len(found) > MOST_ROWS or number > MOST_LINES:
            text = _("The file has more than %(most)s rows.")
            raise FileError(text % {"most": MOST_ROWS})
    return found


# Rows wait as JSON between the upload of a file and its import: of a value that
# JSON does not have, nothing but moments means something in a cell.


def dumps(rows: list[Row]) -> str:
    """Rows as text, for :func:`loads`."""
    return json.dumps(
        [
            [row.number, {name: _plain(cell) for name, cell in row.cells.items()}]
            for row in rows
        ]
    )


def loads(text: str) -> list[Row]:
    """The rows of :func:`dumps`: what these do in an import, they do."""
    return [
        Row(number, {name: _meant(cell) for name, cell in cells.items()})
        for number, cells in json.loads(text)
    ]


def _plain(cell: Any) -> Any:
    if cell is None or isinstance(cell, str | int | float):
        return cell
    # A cell that holds anything else is refused in whichever column.
    return {"moment": cell.isoformat()} if isinstance(cell, datetime) else [None]


def _meant(cell: Any) -> Any:
    return datetime.fromisoformat(cell["moment"]) if isinstance(cell, dict) else cell


def _kind_of(content: bytes) -> str:
    """The content tells: a name may lie."""
    if content.startswith(b"PK\x03\x04"):
        return "xlsx"
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise FileError(_("This is a file of an old Excel: save it as XLSX."))
    if content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"[", b"{")):
        return "json"
    return "csv"


def _names(header: list[Any]) -> list[str]:
    names = ["" if name is None else str(name).strip().lower() for name in header]
    while names and not names[-1]:
        names.pop()
    for place, name in enumerate(names, 1):
        if has_surrogate(name):
            text = _("The name of column %(place)s contains half a character.")
            raise FileError(text % {"place": place})
    if "address" not in names:
        text = _("There is no column “%(name)s”: without it no entry can be found.")
        raise FileError(text % {"name": "address"})
    for place, name in enumerate(names):
        if name not in FIELDS:
            known = {"name": name, "known": ", ".join(COLUMNS)}
            text = _("There is no column “%(name)s” in an import. Known: %(known)s.")
            raise FileError(text % known)
        if name in names[:place]:
            raise FileError(_("The column “%(name)s” is there twice.") % {"name": name})
    return names


def _named(number: int, names: list[str], cells: list[Any]) -> dict[str, Any]:
    if any(cell not in (None, "") for cell in cells[len(names) :]):
        text = _("Row %(row)s has more cells than there are columns.")
        raise FileError(text % {"row": number})
    # Excel leaves empty cells out at the end of a row.
    cells = cells + [None] * (len(names) - len(cells))
    for name, cell in zip(names, cells, strict=False):
        if isinstance(cell, str) and has_surrogate(cell):
            text = _("Row %(row)s, column “%(column)s”: %(words)s")
            words = _("It contains half a character.")
            raise FileError(text % {"row": number, "column": name, "words": words})
    named = zip(names, cells, strict=False)
    return {name: cell for name, cell in named if cell is not UNSAID}


# --- Entries ---------------------------------------------------------------------


@dataclass(eq=False)
class Entry:
    """An entry of the plan: where it stands, in which group and at which place.

    ``row`` is its row in the file, 0 without one; ``cells`` what that says.
    ``was_in`` and ``was_at`` are how it stood, and ``old`` the other values.
    """

    buddy: Buddy
    group: "Entry | None" = None
    place: int = 0
    was_in: "Entry | None" = None
    was_at: int = 0
    row: int = 0
    cells: dict[str, Any] = field(default_factory=dict)
    old: dict[str, Any] = field(default_factory=dict)
    has_moved: bool = False

    @property
    def is_new(self) -> bool:
        return self.buddy.pk is None

    @property
    def has_arrived(self) -> bool:
        """Whether it comes from elsewhere, not from among its siblings."""
        return self.is_new or self.group is not self.was_in

    @property
    def asks(self) -> bool:
        """Whether its row wants it at another place than it has."""
        place = self.cells.get("place")
        return self.has_arrived or (place is not None and place != self.was_at)


def entries(buddies: Iterable[Buddy]) -> list[Entry]:
    """All entries, each with its group and place, groups before what they hold."""
    below: dict[int | None, list[Buddy]] = {}
    for buddy in sorted(buddies, key=lambda buddy: (buddy.position, buddy.pk)):
        below.setdefault(buddy.parent_id, []).append(buddy)
    found: list[Entry] = []
    waiting = [Entry(b, None, n) for n, b in enumerate(below.get(None, ()), 1)][::-1]
    while waiting:
        entry = waiting.pop()
        entry.was_in, entry.was_at = entry.group, entry.place
        found.append(entry)
        held = enumerate(below.get(entry.buddy.pk, ()), 1)
        waiting.extend([Entry(buddy, entry, n) for n, buddy in held][::-1])
    return found
