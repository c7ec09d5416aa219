"""What a file of a table is, and what reading it assumed."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from buddies.document.unseen import part_of

WINDOWS = "Windows-1252"


class FileError(ValueError):
    """Why a file cannot be read or written, in plain words."""


class Source(NamedTuple):
    """What reading a file assumed: a reviewer sees it before the import."""

    encoding: str = ""
    separator: str = ""
    sheet: str = ""
    other_sheets: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()  # with the columns that they name

    def in_words(self) -> list[str]:
        """Return a sentence for each assumption."""
        words = []
        if self.separator:
            params = {"encoding": self.encoding, "separator": self._separator()}
            text = _("Encoding: %(encoding)s. Cells are separated by %(separator)s.")
            words.append(text % params)
        if self.encoding == WINDOWS:
            words.append(_("The file is not UTF-8. Check letters with accents."))
        if self.sheet:
            words.append(_("Sheet: “%(name)s”.") % {"name": part_of(self.sheet)})
        if self.other_sheets:
            text = _("Sheets not read: %(names)s.")
            names = ", ".join(f"“{name}”" for name in self.other_sheets)
            words.append(text % {"names": part_of(names)})
        for header, column in self.headers:
            text = _("The column “%(header)s” was read as “%(column)s”.")
            words.append(text % {"header": header, "column": column})
        return words

    def _separator(self) -> str:
        names = {
            ",": _("commas"),
            ";": _("semicolons"),
            "\t": _("tabs"),
        }
        return names.get(self.separator, f"“{self.separator}”")


class Table(NamedTuple):
    """The rows of a file with their numbers in it, the header first.

    A row may raise FileError when it is read.
    """

    rows: Iterator[tuple[int, list[Any]]]
    source: Source
