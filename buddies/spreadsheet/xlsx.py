"""XLSX files: written as text cells, read within limits.

openpyxl is imported only to write or read a file, not when each process starts.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext as _

from buddies.document.unseen import part_of
from buddies.spreadsheet.cells import COLUMNS, FIELDS, as_address, as_text
from buddies.spreadsheet.source import FileError, Source, Table

MAX_BYTES = 10 * 1024 * 1024
MAX_UNPACKED_BYTES = 32 * 1024 * 1024  # bytes of an XLSX file
MAX_PARTS = 5_000  # each has a fixed cost
MAX_ELEMENTS = 1_250_000  # in its XML, for rows and texts
MAX_ROW_TAGS = 150_000  # tags in a row, end tags included
MAX_OTHER_ELEMENTS = 100_000  # all other elements, which openpyxl reads more slowly
MAX_ROWS = 20_000
MAX_LINES = 10 * MAX_ROWS  # of a file, empty rows included
MAX_CELL_UNITS = 32_767  # UTF-16 units, Excel's limit


class XLSX:
    """XLSX whose texts are text cells, whatever they look like."""

    content_type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

    def write(self, rows: list[list[Any]]) -> bytes:
        from openpyxl import Workbook
        from openpyxl.utils import get_column_letter

        rows = [[_escaped(value) for value in row] for row in rows]
        book = Workbook(write_only=True)
        sheet = book.create_sheet(_("Channels"))
        sheet.freeze_panes = "C2"
        for place, (name, column) in enumerate(FIELDS.items(), 1):
            layout = sheet.column_dimensions[get_column_letter(place)]
            layout.width = 32 if name in ("name", "status", "default_message") else 18
            if column.reader in (as_text, as_address):
                # What users type below stays as typed, leading zeros included.
                layout.number_format = "@"
        sheet.append(_cells(sheet, COLUMNS, bold=True))
        for row in rows:
            sheet.append(_cells(sheet, row))
        file = io.BytesIO()
        book.save(file)
        return file.getvalue()

    def read(self, content: bytes) -> Table:
        """Return the table of a file's first visible sheet. Raises FileError."""
        import openpyxl

        with _in_plain_words():
            is_recalculated = _check_parts(content)
            book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
            sheets = [s for s in book.worksheets if s.sheet_state == "visible"]
            if not sheets:
                raise FileError(_("The file has no visible sheet."))
        others = tuple(sheet.title for sheet in book.worksheets if sheet != sheets[0])
        source = Source(sheet=sheets[0].title, other_sheets=others)
        return Table(_rows(sheets[0], is_recalculated), source)


@contextmanager
def _in_plain_words() -> Iterator[None]:
    try:
        yield
    except FileError:
        raise
    except Exception:
        # Each part of openpyxl fails differently on a damaged file.
        text = _("The file could not be read. Save it again as XLSX or “CSV UTF-8”.")
        raise FileError(text) from None


def _rows(sheet: Any, is_recalculated: bool) -> Iterator[tuple[int, list[Any]]]:
    from buddies.spreadsheet.worksheet import read_rows

    with _in_plain_words():
        for number, row in read_rows(sheet, is_recalculated):
            yield number, [_unescaped(value) for value in row]


def _check_parts(content: bytes) -> bool:
    """Refuse a file that would take long to read.

    openpyxl loads a whole row before it drops a cell, so the file's tags are
    counted first, which takes a fraction of a second.

    Return whether the results of formulas are to be computed when the file is
    opened. Programs that write formulas without computing them store zero or
    nothing as the result, and this flag (ECMA-376, part 1, 18.2.2).
    """
    is_recalculated = False
    refusal = FileError(_("The file is too large once unpacked."))
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        parts = packed.infolist()
        size = sum(part.file_size for part in parts)
        if size > MAX_UNPACKED_BYTES or len(parts) > MAX_PARTS:
            raise refusal
        elements = others = 0
        for part in parts:
            text = packed.read(part).replace(b"\0", b"")  # of UTF-16
            if b"<!DOCTYPE" in text:
                raise ValueError("an entity may stand for many tags")
            is_recalculated |= bool(_RECALCULATED.search(text))
            tags = text.count(b"<") - text.count(b"</")
            if elements + others + tags > MAX_ELEMENTS + MAX_OTHER_ELEMENTS:
                raise refusal
            ends = [*(row.start() for row in _ROW.finditer(text)), len(text)]
            if any(text.count(b"<", *row) > MAX_ROW_TAGS for row in pairwise(ends)):
                raise refusal
            frequent = sum(1 for _tag in _FREQUENT.finditer(text))
            elements, others = elements + frequent, others + tags - frequent
    if elements > MAX_ELEMENTS or others > MAX_OTHER_ELEMENTS:
        raise refusal
    return is_recalculated


# A row, a cell and what it holds, a text and what its formatted parts hold.
_PREFIX = rb"<(?:[^\s<>/:]+:)?"
_ROW = re.compile(_PREFIX + rb"row[\s/>]")
_RECALCULATED = re.compile(
    _PREFIX + rb"""calcPr\s[^<>]*\bfullCalcOnLoad\s*=\s*["'](?:1|true)["']"""
)
_FREQUENT = re.compile(
    _PREFIX + rb"(?:row|c|v|f|is|si|t|r|rPr|rFont|sz|color|family|scheme|b|i|u)[\s/>]"
)


def _cells(sheet: Any, row: Iterable[Any], bold: bool = False) -> list[Any]:
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    cells = []
    for value in row:
        cell = value
        if isinstance(value, str):
            cell = WriteOnlyCell(sheet, value)
            # By default openpyxl turns "=1+1" into a formula, and "#N/A" into an error.
            cell.data_type, cell.number_format = "s", "@"
            if bold:
                cell.font = Font(bold=True)
        cells.append(cell)
    return cells


# XML cannot carry these, or turns them into a line break, so ECMA-376 (part 1,
# 22.9.2.19) writes "_x000D_". Entries stored before a rule may have any of them.
_NOT_IN_XML = re.compile(r"[\x00-\x08\x0b-\x1f\ufffe\uffff]")


def _escaped(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = re.sub(r"_(?=x[0-9A-Fa-f]{4}_)", "_x005F_", value)
    text = _NOT_IN_XML.sub(lambda result: f"_x{ord(result[0]):04X}_", text)
    if len(text.encode("utf-16-le")) // 2 > MAX_CELL_UNITS:
        reason = _(
            "“%(text)s” is too long for a spreadsheet cell (%(most)s "
            "characters). Export as CSV or JSON."
        )
        params = {"text": part_of(value, 40), "most": MAX_CELL_UNITS}
        raise FileError(reason % params)
    return text


def _unescaped(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda result: chr(int(result[1], 16)), value)
