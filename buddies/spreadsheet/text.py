"""CSV, and the encodings of text files."""

import csv
import io
import re
from collections.abc import Iterator
from typing import Any

from django.utils.formats import get_format
from django.utils.translation import gettext as _

from buddies.spreadsheet.cells import COLUMNS, FLAGS, column_of
from buddies.spreadsheet.source import WINDOWS, FileError, Source, Table
from buddies.spreadsheet.xlsx import MAX_BYTES

MAX_HEADER = 10_000  # characters, for finding the separator


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

    def read(self, text: str, encoding: str) -> Table:
        """Return the table of a decoded file."""
        lines = io.StringIO(text, newline="")
        separator = _separator(lines)
        return Table(_rows(lines, separator), Source(encoding, separator))


def _rows(lines: io.StringIO, separator: str) -> Iterator[tuple[int, list[Any]]]:
    csv.field_size_limit(MAX_BYTES)
    number = 0
    try:
        for row in csv.reader(lines, delimiter=separator, strict=True):
            number += 1
            yield number, [_unguarded(cell) for cell in row]
    except csv.Error as error:
        text = _("This is not a valid table: %(error)s (row %(row)s).")
        params = {"error": _(str(error)), "row": number + 1}
        raise FileError(text % params) from None


# Excel's own way to name the separator; it does not count the line as a row.
_STATED = re.compile(r'"?sep=([^\w"\r\n])"?[,;\t]*[\r\n]*', re.IGNORECASE)


def _separator(lines: io.StringIO) -> str:
    """Return what separates the cells, and go to the header."""
    begin, first = lines.tell(), lines.readline()
    if stated := _STATED.fullmatch(first):
        return stated[1]
    while first and not first.strip():
        first = lines.readline()
    lines.seek(begin)
    header = first[:MAX_HEADER]
    return max(",;\t|", key=lambda one: (_known(header, one), header.count(one)))


def _known(header: str, separator: str) -> int:
    """How many columns a header has, if this separates its cells."""
    return sum(1 for cell in header.split(separator) if column_of(cell.strip(' "\r\n')))


# --- Texts that a spreadsheet takes for a formula ---------------------------------

# OWASP, CSV injection. A program that splits at another separator begins a cell in
# the middle of a text, so that each possible beginning counts, also before a quote.
_BREAKS = "\t\n\v\f\r\x85\u2028\u2029"
_BEGIN = rf"(?<![^{_BREAKS},;|])"
_FORMULA = rf'(?:(?:(?![{_BREAKS}])\s|")*[=+\-@＝＋－＠]|\t|\r(?!\n))'
_DANGEROUS = re.compile(f"{_BEGIN}(?='*{_FORMULA})")
_GUARDED = re.compile(f"{_BEGIN}'(?='*{_FORMULA})")


def _guarded(cell: Any) -> Any:
    if isinstance(cell, bool):
        return FLAGS[cell][0]
    return _DANGEROUS.sub("'", cell) if isinstance(cell, str) else cell


def _unguarded(cell: str) -> str:
    return _GUARDED.sub("", cell)


# --- Encodings --------------------------------------------------------------------

_MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}


def decode(content: bytes) -> tuple[str, str]:
    """Return the text of a file, and the name of its encoding.

    A file without a byte order mark that is not UTF-8 is Windows-1252, as Excel
    writes it in western Europe. Raises FileError.
    """
    refusal = FileError(
        _("The file could not be read. Save it as XLSX or “CSV UTF-8”.")
    )
    codec = next((c for mark, c in _MARKS.items() if content.startswith(mark)), "")
    name = codec.removesuffix("-sig").upper() or "UTF-8"
    try:
        text = content.decode(codec or "utf-8")
    except UnicodeDecodeError as error:
        if codec:
            raise refusal from None
        _refuse_damaged(content, error.start)
        text, name = _decode_windows(content, refusal), WINDOWS
    if "\0" in text:
        raise refusal
    return text, name


def _refuse_damaged(content: bytes, place: int) -> None:
    """Refuse UTF-8 with a few other bytes: another encoding would spoil the rest."""
    text = content.decode("utf-8", "replace")
    others = len(text) - len(text.encode("ascii", "ignore"))
    if others >= 2 * text.count("\ufffd"):
        line = content.count(b"\n", 0, place) + 1
        reason = _("Line %(line)s is not UTF-8 text, but the rest of the file is.")
        raise FileError(reason % {"line": line})


def _decode_windows(content: bytes, refusal: FileError) -> str:
    try:
        text = content.decode("cp1252")
    except UnicodeDecodeError:
        raise refusal from None
    if re.search(r"[\0-\x08\x0e-\x1f]", text):
        raise refusal
    return text
