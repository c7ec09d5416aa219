"""The tree as a table: one row per entry, depth-first, as CSV, XLSX or JSON.

Importing an export changes nothing: every text comes back byte for byte. A
spreadsheet must not execute a text that looks like a formula. So XLSX cells are
marked as text; CSV has no such mark, so such a text gets an apostrophe before it,
which the import removes.

What an import does: :mod:`buddies.spreadsheet.plan`.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.template.defaultfilters import filesizeformat
from django.utils.formats import get_format
from django.utils.translation import gettext as _

from buddies.document.shape import has_surrogate
from buddies.models import Buddy
from buddies.spreadsheet.cells import COLUMNS, FIELDS, FLAGS, entries, export_row
from buddies.spreadsheet.xlsx import MAX_BYTES, MAX_LINES, MAX_ROWS, XLSX, FileError


class CSV:
    """CSV in UTF-8, with the byte order mark that Excel needs to detect it."""

    content_type = "text/csv"

    def write(self, rows: list[list[Any]]) -> bytes:
        # Excel splits at semicolons where the comma is the decimal separator.
        comma = get_format("DECIMAL_SEPARATOR") == ","
        lines = io.StringIO(newline="")
        writer = csv.writer(lines, delimiter=";" if comma else ",")
        writer.writerow(COLUMNS)
        writer.writerows([_guarded(cell) for cell in row] for row in rows)
        return ("\ufeff" + lines.getvalue()).encode()

    def rows(self, content: bytes) -> Iterator[list[Any]]:
        """The rows of a file. Raises FileError."""
        text = _decode(content)
        header = text.split("\n", 1)[0]
        delimiter = max(",;\t", key=header.count)
        lines = io.StringIO(text, newline="")
        csv.field_size_limit(MAX_BYTES)
        try:
            for row in csv.reader(lines, delimiter=delimiter, strict=True):
                yield [_unguarded(cell) for cell in row]
        except csv.Error as error:
            text = _("This is not a valid table: %(error)s.") % {"error": _(str(error))}
            raise FileError(text) from None


# What spreadsheets take for a formula (OWASP, CSV injection).
_FORMULA = r"(?:\s*[=+\-@＝＋－＠]|[\t\r\n])"
_DANGEROUS = re.compile(f"'*{_FORMULA}")
_GUARDED = re.compile(f"'+{_FORMULA}")


def _guarded(cell: Any) -> Any:
    if isinstance(cell, bool):
        return FLAGS[cell][0]
    is_dangerous = isinstance(cell, str) and _DANGEROUS.match(cell)
    return f"'{cell}" if is_dangerous else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if _GUARDED.match(cell) else cell


def _decode(content: bytes) -> str:
    is_utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return content.decode("utf-16" if is_utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        text = _("The file could not be read. Save it as XLSX or “CSV UTF-8”.")
        raise FileError(text) from None


MISSING = object()  # values that an object does not contain stay as they are


class JSON:
    """JSON: a list with one object per entry."""

    content_type = "application/json"

    def write(self, rows: list[list[Any]]) -> bytes:
        objects = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        return json.dumps(objects, ensure_ascii=False).encode()

    def rows(self, content: bytes) -> Iterator[list[Any]]:
        """The rows of a file: the names first. Raises FileError."""
        try:
            result = json.loads(_decode(content))
        except json.JSONDecodeError as error:
            params = {"line": error.lineno, "column": error.colno, "why": _(error.msg)}
            text = _("Invalid JSON at line %(line)s, column %(column)s: %(why)s.")
            raise FileError(text % params) from None
        except (ValueError, RecursionError):
            text = _("Invalid JSON: nested too deeply, or a value is too long.")
            raise FileError(text) from None
        if isinstance(result, dict) and "items" in result:
            raise FileError(
                _("This is a document, not a table. Import it below, as a document.")
            )
        if not isinstance(result, list) or not all(isinstance(o, dict) for o in result):
            raise FileError(_("This is not a list of channels and groups."))
        names = list(dict.fromkeys(name for row in result for name in row))
        # For an empty tree, no object has the names.
        yield names or list(COLUMNS)
        for row in result:
            yield [row.get(name, MISSING) for name in names]


FORMATS: dict[str, CSV | XLSX | JSON] = {"xlsx": XLSX(), "csv": CSV(), "json": JSON()}


def export(kind: str, buddies: Iterable[Buddy] | None = None) -> bytes:
    """Return a file of all entries, or of these; ``kind`` is a key of FORMATS.

    Raises FileError.
    """
    exported = Buddy.objects.all() if buddies is None else buddies
    keys = {buddy.pk for buddy in exported}
    ordered = entries(Buddy.objects.all())
    return FORMATS[kind].write([export_row(e) for e in ordered if e.buddy.pk in keys])


class Row(NamedTuple):
    """A row of a file: its number there, and its cells by their columns."""

    number: int
    cells: dict[str, Any]


def read(content: bytes) -> list[Row]:
    """The rows of a file of any of the three kinds.

    Raises FileError, with what is wrong with the file as a whole.
    """
    if len(content) > MAX_BYTES:
        params = {
            "size": filesizeformat(len(content)),
            "most": filesizeformat(MAX_BYTES),
        }
        raise FileError(_("The file is %(size)s; the limit is %(most)s.") % params)
    kind = _kind_of(content)
    rows = FORMATS[kind].rows(content)
    names = _column_names(next(rows, []))
    results = []
    # A spreadsheet counts its header as a row.
    for number, cells in enumerate(rows, 1 if kind == "json" else 2):
        if any(cell not in (None, "") for cell in cells):
            results.append(Row(number, _cells_by_name(number, names, cells)))
        if len(results) > MAX_ROWS or number > MAX_LINES:
            text = _("The file has more than %(most)s rows.")
            raise FileError(text % {"most": MAX_ROWS})
    return results


# Rows are stored as JSON between the upload and the import. Of the types that JSON
# lacks, only moments are valid in a cell.


def dumps(rows: list[Row]) -> str:
    """Rows as text, for :func:`loads`."""
    return json.dumps(
        [
            [row.number, {name: _to_json(cell) for name, cell in row.cells.items()}]
            for row in rows
        ]
    )


def loads(text: str) -> list[Row]:
    """Return the rows of :func:`dumps`; an import treats them the same."""
    return [
        Row(number, {name: _from_json(cell) for name, cell in cells.items()})
        for number, cells in json.loads(text)
    ]


def _to_json(cell: Any) -> Any:
    if cell is None or isinstance(cell, str | int | float):
        return cell
    # Every column refuses any other type.
    return {"moment": cell.isoformat()} if isinstance(cell, datetime) else [None]


def _from_json(cell: Any) -> Any:
    return datetime.fromisoformat(cell["moment"]) if isinstance(cell, dict) else cell


def _kind_of(content: bytes) -> str:
    """Detect the kind by content: a file name may be wrong."""
    if content.startswith(b"PK\x03\x04"):
        return "xlsx"
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise FileError(_("This is an old Excel file. Save it as XLSX."))
    if content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"[", b"{")):
        return "json"
    return "csv"


def _column_names(header: list[Any]) -> list[str]:
    names = ["" if name is None else str(name).strip().lower() for name in header]
    while names and not names[-1]:
        names.pop()
    for place, name in enumerate(names, 1):
        if has_surrogate(name):
            text = _("The name of column %(place)s contains an invalid character.")
            raise FileError(text % {"place": place})
    if "address" not in names:
        text = _(
            "The column “%(name)s” is missing. It is needed to find "
            "channels and groups."
        )
        raise FileError(text % {"name": "address"})
    for place, name in enumerate(names):
        if name not in FIELDS:
            known = {"name": name, "known": ", ".join(COLUMNS)}
            text = _("Unknown column “%(name)s”. Columns: %(known)s.")
            raise FileError(text % known)
        if name in names[:place]:
            raise FileError(_("The column “%(name)s” appears twice.") % {"name": name})
    return names


def _cells_by_name(number: int, names: list[str], cells: list[Any]) -> dict[str, Any]:
    if any(cell not in (None, "") for cell in cells[len(names) :]):
        text = _("Row %(row)s has more cells than columns.")
        raise FileError(text % {"row": number})
    # Excel omits empty cells at the end of a row.
    cells = cells + [None] * (len(names) - len(cells))
    for name, cell in zip(names, cells, strict=False):
        if isinstance(cell, str) and has_surrogate(cell):
            text = _("Row %(row)s, column “%(column)s”: %(words)s")
            words = _("It contains an invalid character.")
            raise FileError(text % {"row": number, "column": name, "words": words})
    named = zip(names, cells, strict=False)
    return {name: cell for name, cell in named if cell is not MISSING}
