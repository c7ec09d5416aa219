"""What is wrong in the rows of a table, and what a reviewer should look at."""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.document.unseen import reveal_both, shapes
from buddies.spreadsheet.cells import VALUES, Entry

MAX_RANGES = 30  # of row numbers in a sentence


class Problem(NamedTuple):
    """What is wrong in a row, and in which column."""

    row: int
    column: str
    words: str


def in_sentences(problems: Iterable[Problem]) -> list[str]:
    """Return a sentence for each kind of problem, with all of its rows."""
    rows: dict[tuple[str, str], list[int]] = {}
    for problem in problems:
        rows.setdefault((problem.column, problem.words), []).append(problem.row)
    return [
        ngettext(
            "Row %(rows)s, column “%(column)s”: %(words)s",
            "Rows %(rows)s, column “%(column)s”: %(words)s",
            len(numbers),
        )
        % {"rows": _ranges(numbers), "column": column, "words": words}
        for (column, words), numbers in rows.items()
    ]


def _ranges(numbers: list[int]) -> str:
    """Return numbers, in ascending order, as ranges: 2–5, 7."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    words = [str(one) if one == last else f"{one}–{last}" for one, last in ranges]
    if len(words) <= MAX_RANGES:
        return ", ".join(words)
    text = _("%(rows)s … (%(count)s in total)")
    return text % {"rows": ", ".join(words[:MAX_RANGES]), "count": len(numbers)}


def look_alikes(entries: Iterable[Entry]) -> Iterator[Problem]:
    """Yield the new addresses that look like another one."""
    known: dict[str, Entry] = {}
    entries = list(entries)
    if not any(entry.is_new and entry.buddy.address for entry in entries):
        return
    for entry in sorted(entries, key=lambda entry: entry.is_new):
        address = entry.buddy.address
        keys = shapes(address) if address else set()
        other = next((known[key] for key in keys if key in known), None)
        if other and entry.is_new:
            old, new = reveal_both(other.buddy.address, address)
            words = _("“%(new)s” is new, but looks like “%(old)s”, another address.")
            yield Problem(entry.row, "address", words % {"old": old, "new": new})
        for key in keys:
            known.setdefault(key, entry)


# As Excel and LibreOffice write them into CSV, in English and in Italian.
_ERROR = re.compile(
    r"#(?:N/A|N/D|(?:REF|RIF|VALUE|VALORE|DIV/0|NUM|NULL|NULLO|SPILL|CALC)!|NAME\?"
    r"|NOME\?)|Err:\d+"
)


def error_texts(entry: Entry) -> Iterator[Problem]:
    """Yield the texts of a changed row that are perhaps errors of a spreadsheet."""
    for name in VALUES:
        value = entry.cells.get(name)
        is_old = not entry.is_new and value == entry.old_values[name]
        if isinstance(value, str) and not is_old and _ERROR.fullmatch(value.strip()):
            words = _("The text “%(text)s” may be an error of the spreadsheet.")
            yield Problem(entry.row, name, words % {"text": value.strip()})
