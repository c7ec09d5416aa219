"""The cells of an XLSX sheet, with what openpyxl's own rows leave out.

Its read-only sheets hide whether a cell is an error or a formula, which cells are
merged, and each row's own number. This module is imported only to read a file.
"""

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any

from django.utils.translation import gettext as _
from openpyxl.utils.cell import coordinate_to_tuple
from openpyxl.utils.datetime import from_excel
from openpyxl.worksheet._reader import (
    FORMULA_TAG,
    MERGE_TAG,
    ROW_TAG,
    VALUE_TAG,
    WorkSheetParser,
)
from openpyxl.xml.functions import iterparse

from buddies.spreadsheet.cells import Unusable
from buddies.spreadsheet.source import FileError

MAX_COLUMNS = 100
MAX_ERROR = 20  # characters of an error
MAX_NAMED = 5  # ranges in a message


def read_rows(sheet: Any, is_recalculated: bool) -> Iterator[tuple[int, list[Any]]]:
    """Yield each row that has a cell, after its number.

    A cell without a usable value is :class:`Unusable`: an error, or a formula
    without a result, which ``is_recalculated`` says of all. Raises FileError after
    the last row, if cells are merged: all but the first of them would be empty.
    """
    with sheet._get_source() as file:
        parser = _Parser(file, sheet, is_recalculated)
        for _event, element in iterparse(file):
            if element.tag == ROW_TAG:
                yield parser.read_row(element)
                element.clear()
            elif element.tag == MERGE_TAG:
                _refuse_merged(element)


def _refuse_merged(merged: Any) -> None:
    ranges = [str(cell.get("ref")) for cell in merged]
    if ranges:
        names = ", ".join(ranges[:MAX_NAMED]) + (" …" if ranges[MAX_NAMED:] else "")
        text = _("Cells are merged: %(ranges)s. Split them, and fill each cell.")
        raise FileError(text % {"ranges": names})


class _Parser(WorkSheetParser):
    def __init__(self, file: Any, sheet: Any, is_recalculated: bool) -> None:
        book = sheet.parent
        super().__init__(file, sheet._shared_strings, data_only=True, epoch=book.epoch)
        self._dates, self._durations = book._date_formats, book._timedelta_formats
        self._is_recalculated = is_recalculated

    def read_row(self, element: Any) -> tuple[int, list[Any]]:
        number, cells = self.parse_row(element)
        row: list[Any] = []
        for cell in cells:
            place = cell["column"]
            if place > MAX_COLUMNS and cell["value"] is not None:
                text = _("Row %(row)s has more cells than columns.")
                raise FileError(text % {"row": number})
            if place <= MAX_COLUMNS:
                row.extend([None] * (place - len(row)))
                row[place - 1] = cell["value"]
        return number, row

    def parse_cell(self, element: Any) -> dict[str, Any]:
        try:
            cell: dict[str, Any] = super().parse_cell(element)
            return {**cell, "value": self._value(element, cell)}
        except (ArithmeticError, LookupError, TypeError, ValueError):
            # The row is known only by its number, so a bad place is a bad file.
            if place := element.get("r"):
                coordinate_to_tuple(place)
            text = element.findtext(VALUE_TAG) or ""
            return {
                "column": self.col_counter,
                "value": Unusable(text[:MAX_ERROR] or "?"),
            }

    def _value(self, element: Any, cell: dict[str, Any]) -> Any:
        value, kind, style = cell["value"], cell["data_type"], cell["style_id"]
        if element.find(FORMULA_TAG) is not None:
            # The result may be an empty text.
            is_text = element.get("t") == "str" and element.find(VALUE_TAG) is not None
            if self._is_recalculated or (value is None and not is_text):
                return Unusable("")
        if kind == "e":
            return Unusable((value or "?")[:MAX_ERROR])
        if kind == "n" and style in self._dates and value is not None:
            value = from_excel(value, self.epoch, timedelta=style in self._durations)
        if element.get("t") == "d" and isinstance(value, datetime):
            # openpyxl drops the offset.
            value = datetime.fromisoformat(element.findtext(VALUE_TAG))
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime.combine(value, time())
        return value
