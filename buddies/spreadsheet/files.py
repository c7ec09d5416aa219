"""The tree as a table: one row per entry, depth-first, as CSV, XLSX or JSON.

Importing an export changes nothing: every text comes back byte for byte. A
spreadsheet must not execute a text that looks like a formula. So XLSX cells are
marked as text; CSV has no such mark, so such a text gets an apostrophe before it,
which the import removes.

What an import does: :mod:`buddies.spreadsheet.plan`.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from buddies.document.shape import has_surrogate
from buddies.document.unseen import reveal
from buddies.models import Buddy
from buddies.spreadsheet.cells import (
    COLUMNS,
    MAX_WORD,
    Unusable,
    column_of,
    entries,
    export_row,
)
from buddies.spreadsheet.source import FileError, Source, Table
from buddies.spreadsheet.text import CSV, decode
from buddies.spreadsheet.xlsx import MAX_BYTES, MAX_LINES, MAX_ROWS, XLSX

MISSING = object()  # values that an object does not contain stay as they are


class JSON:
    """JSON: a list with one object per entry."""

    content_type = "application/json"

    def write(self, rows: list[list[Any]]) -> bytes:
        objects = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        return json.dumps(objects, ensure_ascii=False).encode()

    def read(self, text: str, encoding: str) -> Table:
        """Return the table of a decoded file. Raises FileError."""
        return Table(_json_rows(_parse(text)), Source(encoding))


def _parse(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except FileError:
        raise
    except json.JSONDecodeError as error:
        params = {"line": error.lineno, "column": error.colno, "why": _(error.msg)}
        text = _("Invalid JSON at line %(line)s, column %(column)s: %(why)s.")
        raise FileError(text % params) from None
    except (ValueError, RecursionError):
        text = _("Invalid JSON: nested too deeply, or a value is too long.")
        raise FileError(text) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        _refuse_twice([name for name, _value in pairs])
    return result


def _json_rows(result: Any) -> Iterator[tuple[int, list[Any]]]:
    if isinstance(result, dict) and "items" in result:
        raise FileError(
            _("This is a document, not a table. Import it below, as a document.")
        )
    if not isinstance(result, list) or not all(isinstance(o, dict) for o in result):
        raise FileError(_("This is not a list of channels and groups."))
    names = list(dict.fromkeys(name for row in result for name in row))
    # For an empty tree, no object has the names.
    yield 0, names or list(COLUMNS)
    for number, row in enumerate(result, 1):
        yield number, [row.get(name, MISSING) for name in names]


FORMATS: dict[str, CSV | XLSX | JSON] = {"xlsx": XLSX(), "csv": CSV(), "json": JSON()}


def export(
    kind: str,
    buddies: Iterable[Buddy] | None = None,
    among: Iterable[Buddy] | None = None,
) -> bytes:
    """Return a file of all entries, or of these; ``kind`` is a key of FORMATS.

    ``among`` are the entries of the tree: by default, those that are stored. Raises
    FileError.
    """
    tree = list(Buddy.objects.all() if among is None else among)
    keys = {buddy.pk for buddy in (tree if buddies is None else buddies)}
    ordered = entries(tree)
    return FORMATS[kind].write([export_row(e) for e in ordered if e.buddy.pk in keys])


class Row(NamedTuple):
    """A row of a file: its number there, and its cells by their columns."""

    number: int
    cells: dict[str, Any]


class Read(NamedTuple):
    """The rows of a file, and what reading it assumed."""

    rows: list[Row]
    source: Source


def read(content: bytes) -> Read:
    """Read a file of any of the three kinds.

    Raises FileError, with what is wrong with the file as a whole.
    """
    if len(content) > MAX_BYTES:
        params = {
            "size": filesizeformat(len(content)),
            "most": filesizeformat(MAX_BYTES),
        }
        raise FileError(_("The file is %(size)s; the limit is %(most)s.") % params)
    table = _table(content)
    try:
        return _read(table)
    except FileError as error:
        if not table.source.other_sheets:
            raise
        params = {"name": table.source.sheet, "error": str(error)}
        text = _("Sheet “%(name)s”: %(error)s")
        raise FileError(text % params) from None


def _read(table: Table) -> Read:
    filled = ((n, row) for n, row in _limited(table.rows) if not _is_empty(row))
    header = next(filled, (0, []))[1]
    names = _column_names(header)
    rows = []
    for number, cells in filled:
        rows.append(Row(number, _cells_by_name(number, names, cells)))
        _refuse_more(len(rows) > MAX_ROWS)
    headers = tuple(
        (reveal(str(cell)[:MAX_WORD]), name)
        for cell, name in zip(header, names, strict=False)
        if str(cell).strip().lower() != name
    )
    return Read(rows, table.source._replace(headers=headers))


def _table(content: bytes) -> Table:
    """Detect the kind by content: a file name may be wrong."""
    if content.startswith(b"PK\x03\x04"):
        return XLSX().read(content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        text = _(
            "This is an old Excel file, or one with a password. Save it as XLSX "
            "without a password."
        )
        raise FileError(text)
    text, encoding = decode(content)
    kind = JSON() if text.lstrip().startswith(("[", "{")) else CSV()
    return kind.read(text, encoding)


def _limited(
    rows: Iterable[tuple[int, list[Any]]],
) -> Iterator[tuple[int, list[Any]]]:
    for number, row in rows:
        _refuse_more(number > MAX_LINES)
        yield number, row


def _refuse_more(is_more: bool) -> None:
    if is_more:
        text = _("The file has more than %(most)s rows.")
        raise FileError(text % {"most": MAX_ROWS})


def _is_empty(row: list[Any]) -> bool:
    return all(cell is None or cell == "" for cell in row)


# An upload is stored as JSON between its preview and the import. Of the types that
# JSON lacks, a cell may hold a moment, or be unusable.


def dumps(read: Read) -> str:
    """A read file as text, for :func:`loads`."""
    rows = [
        [row.number, {name: _to_json(cell) for name, cell in row.cells.items()}]
        for row in read.rows
    ]
    return json.dumps([read.source, rows])


def loads(text: str) -> Read:
    """Return what :func:`dumps` stored; an import treats it the same."""
    (encoding, separator, sheet, others, headers), rows = json.loads(text)
    pairs = tuple((header, column) for header, column in headers)
    source = Source(encoding, separator, sheet, tuple(others), pairs)
    return Read(
        [
            Row(number, {name: _from_json(cell) for name, cell in cells.items()})
            for number, cells in rows
        ],
        source,
    )


def _to_json(cell: Any) -> Any:
    if isinstance(cell, Unusable):
        return {"error": cell.error}
    if cell is None or isinstance(cell, str | int | float):
        return cell
    # Every column refuses any other type.
    return {"moment": cell.isoformat()} if isinstance(cell, datetime) else [None]


def _from_json(cell: Any) -> Any:
    if not isinstance(cell, dict):
        return cell
    moment = cell.get("moment")
    return datetime.fromisoformat(moment) if moment else Unusable(**cell)


def _column_names(header: list[Any]) -> list[str]:
    filled = [n for n, cell in enumerate(header, 1) if str(cell or "").strip()]
    names = []
    for place, cell in enumerate(header[: max(filled, default=0)], 1):
        text = "" if cell is None else str(cell)
        if has_surrogate(text):
            reason = _("The name of column %(place)s contains an invalid character.")
            raise FileError(reason % {"place": place})
        name = column_of(text)
        if not text.strip():
            raise FileError(_("Column %(place)s has no name.") % {"place": place})
        if name is None:
            params = {
                "name": reveal(text.strip()[:MAX_WORD]),
                "known": ", ".join(COLUMNS),
            }
            reason = _("Unknown column “%(name)s”. Columns: %(known)s.")
            raise FileError(reason % params)
        names.append(name)
    if "address" not in names:
        reason = _(
            "The column “%(name)s” is missing. It is needed to find "
            "channels and groups."
        )
        raise FileError(reason % {"name": "address"})
    _refuse_twice(names)
    return names


def _refuse_twice(names: list[str]) -> None:
    known = set()
    for name in names:
        if name in known:
            text = _("The column “%(name)s” appears twice.")
            raise FileError(text % {"name": reveal(name[:MAX_WORD])})
        known.add(name)


def _cells_by_name(number: int, names: list[str], cells: list[Any]) -> dict[str, Any]:
    if not _is_empty(cells[len(names) :]):
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
