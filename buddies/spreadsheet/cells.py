"""The columns of a table of the tree, and what a cell may hold."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Any, NamedTuple
from unicodedata import category, normalize

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from buddies.models import Buddy, plausible
from xmppservice.runtime.moments import resolve

MAX_WORD = 100  # characters of a header or a flag; normalizing more takes long

# --- What a cell may hold ---------------------------------------------------------


class Unusable(NamedTuple):
    """A cell without a value: an error, or a formula whose result is unknown."""

    error: str

    def __str__(self) -> str:
        return self.error

    @property
    def reason(self) -> str:
        """What is wrong, in the reader's language."""
        if self.error:
            return _("The cell contains the error %(error)s.") % self._asdict()
        return _(
            "The result of the formula is not in the file. Open the file in a "
            "spreadsheet program, and save it again."
        )


# Each of these returns the value of a cell, or raises ValueError with what is wrong.


def as_text(cell: Any) -> str:
    """Text byte for byte."""
    if cell is None or isinstance(cell, str):
        return cell or ""
    number = _digits(cell)
    # From 16 digits on, a spreadsheet has rounded the number.
    if number is None or "e" in number:
        raise ValueError(_("This is not text. Format the column as text."))
    return number


def as_address(cell: Any) -> str:
    """An address that no spreadsheet has turned into a number."""
    if isinstance(cell, str | None) and not _SHORTENED.fullmatch(cell or ""):
        return cell or ""
    if isinstance(cell, str) or _digits(cell) is not None:
        reason = _(
            "This is a number, so leading zeros are lost. Format the column as text."
        )
        raise ValueError(reason)
    raise ValueError(_("This is not text. Format the column as text."))


_SHORTENED = re.compile(r"\s*\d[.,]?\d*E\+\d+\s*", re.IGNORECASE)


def _digits(cell: Any) -> str | None:
    """Return a number as a spreadsheet shows it; None if it is none."""
    if isinstance(cell, float):
        return f"{cell:.15g}"
    is_whole = isinstance(cell, int) and not isinstance(cell, bool)
    return str(cell) if is_whole else None


def as_place(cell: Any) -> int | None:
    """A whole number from 1, or nothing."""
    number = "" if cell is None else _digits(cell) or str(cell).strip()
    if number == "":
        return None
    if re.fullmatch(r"[1-9]\d{0,8}", number, re.ASCII):
        return int(number)
    raise ValueError(_("Enter a whole number of 1 or more, or leave blank."))


# The words that people may use for a value; exports use the first one.
FLAGS = {
    True: ("yes", "true", "1", "sì", "si", "vero", "x"),
    False: ("no", "false", "0", "falso", ""),
}
KINDS: dict[Any, tuple[str, ...]] = {
    Buddy.Type.GROUP: ("group", "gruppo"),
    Buddy.Type.CHANNEL: ("channel", "canale"),
}


def as_flag(cell: Any) -> Any:
    """Yes or no; an empty cell means no."""
    return _read_word(cell, FLAGS)


def as_kind(cell: Any) -> Any:
    """Group or channel."""
    return _read_word(cell, KINDS)


def _read_word(cell: Any, known: dict[Any, tuple[str, ...]]) -> Any:
    text = "" if cell is None else _digits(cell) or str(cell)
    text = normalize("NFC", text[:MAX_WORD].strip()).lower()
    for value, words in known.items():
        if text in words:
            return value
    this, that = (words[0] for words in known.values())
    raise ValueError(_("Enter %(this)s or %(that)s.") % {"this": this, "that": that})


def as_moment(cell: Any) -> datetime | None:
    """A moment: ISO 8601, or day, month and year; the same in every language.

    Without an offset it is in the site's time zone.
    """
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    value = _read_moment(cell.strip()) if isinstance(cell, str) else cell
    if not isinstance(value, datetime):
        raise ValueError(
            _("Enter a date and time such as %(one)s or %(other)s, day first.")
            % {"one": "2026-12-31 18:30", "other": "31/12/2026 18:30"}
        )
    try:
        moment = resolve(value)
        plausible(moment)
    except ValidationError as error:
        raise ValueError(error.messages[0]) from None
    return moment


_DATE = r"(\d{4})-(\d\d?)-(\d\d?)|(\d\d?)([/.-])(\d\d?)\5(\d{4})"
_TIME = r"(?:T| +)(\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?) *(Z|[+-]\d\d(?::?\d\d)?)?"
_MOMENT = re.compile(f"(?:{_DATE})(?:{_TIME})?", re.ASCII | re.IGNORECASE)


def _read_moment(text: str) -> datetime | None:
    if not (match := _MOMENT.fullmatch(text)):
        return None
    year, month, day, first, _separator, second, last, clock, offset = match.groups()
    date = f"{year or last}-{month or second}-{day or first}"
    try:
        return parse_datetime(f"{date}T{clock or '00:00'}{(offset or '').upper()}")
    except ValueError:
        return None


# --- The columns ------------------------------------------------------------------


class Column(NamedTuple):
    """An attribute of an entry, and the function that reads its cells.

    ``names`` are other headers that a file may have, as the form's labels are.
    """

    attribute: str
    reader: Callable[[Any], Any]
    names: tuple[str, ...] = ()

    def read(self, cell: Any) -> Any:
        """Return the value of a cell. Raises ValueError with what is wrong."""
        if isinstance(cell, Unusable):
            raise ValueError(cell.reason)
        if isinstance(cell, float) and not isfinite(cell):
            raise ValueError(_("This is not a finite number."))
        return self.reader(cell)


FIELDS = {
    "address": Column("address", as_address, ("indirizzo",)),
    "parent": Column("parent", as_address, ("inside", "group", "gruppo", "nel gruppo")),
    "place": Column("place", as_place, ("position", "posizione", "posto")),
    "type": Column("type", as_kind, ("tipo",)),
    "name": Column("name", as_text, ("nome",)),
    "status": Column("status", as_text, ("status text", "stato", "testo di stato")),
    "default_message": Column("default_message", as_text, ("messaggio iniziale",)),
    "server_address": Column("server_address", as_address, ("indirizzo del server",)),
    "mobile": Column("mobile_is_published", as_flag, ("cellulare",)),
    "web": Column("web_is_published", as_flag),
    "visible_from": Column("visible_from", as_moment, ("visibile da", "visibile dal")),
    "visible_until": Column(
        "visible_until", as_moment, ("visibile fino a", "visibile fino al")
    ),
    "image_url": Column(
        "image_url", as_text, ("image address", "indirizzo dell'immagine", "immagine")
    ),
    "thumb_url": Column(
        "thumb_url",
        as_text,
        ("thumbnail address", "indirizzo della miniatura", "miniatura"),
    ),
}
COLUMNS = tuple(FIELDS)
VALUES = [name for name in COLUMNS if name not in ("address", "parent", "place")]
COLUMN_OF = {column.attribute: name for name, column in FIELDS.items()}


def column_of(header: Any) -> str | None:
    """The column that a header of a file names, or None."""
    return _COLUMN_BY_HEADER.get(_plain_header(header))


def _plain_header(header: Any) -> str:
    text = normalize("NFKC", "" if header is None else str(header)[:MAX_WORD])
    text = "".join(one for one in text if category(one) != "Cf").replace("\u2019", "'")
    return " ".join(text.replace("_", " ").split()).lower()


_COLUMN_BY_HEADER = {
    _plain_header(header): name
    for name, column in FIELDS.items()
    for header in (name, *column.names)
}


@dataclass(eq=False)
class Entry:
    """An entry of the plan, with its new group and place.

    ``row`` is its row in the file, 0 without one; ``cells`` holds that row's
    values, and ``unread`` the fields whose cells have no usable one. The old ones are
    in ``old_group``, ``old_place`` and ``old_values``.
    """

    buddy: Buddy
    group: "Entry | None" = None
    place: int = 0
    old_group: "Entry | None" = None
    old_place: int = 0
    row: int = 0
    cells: dict[str, Any] = field(default_factory=dict)
    unread: frozenset[str] = frozenset()
    old_values: dict[str, Any] = field(default_factory=dict)
    has_moved: bool = False

    @property
    def is_new(self) -> bool:
        return self.buddy.pk is None

    @property
    def is_new_in_group(self) -> bool:
        """Whether it is new in its group."""
        return self.is_new or self.group is not self.old_group

    @property
    def has_place_request(self) -> bool:
        """Whether its row requests another place than it has."""
        place = self.cells.get("place")
        return self.is_new_in_group or (place is not None and place != self.old_place)


def entries(buddies: Iterable[Buddy]) -> list[Entry]:
    """Return all entries with their group and place, groups before their children."""
    below: dict[int | None, list[Buddy]] = {}
    for buddy in sorted(buddies, key=lambda buddy: (buddy.position, buddy.pk)):
        below.setdefault(buddy.parent_id, []).append(buddy)
    results: list[Entry] = []
    waiting = [Entry(b, None, n) for n, b in enumerate(below.get(None, ()), 1)][::-1]
    while waiting:
        entry = waiting.pop()
        entry.old_group, entry.old_place = entry.group, entry.place
        results.append(entry)
        held = enumerate(below.get(entry.buddy.pk, ()), 1)
        waiting.extend([Entry(buddy, entry, n) for n, buddy in held][::-1])
    return results


def export_row(entry: Entry) -> list[Any]:
    """The cells of an entry's row in an export."""
    group = entry.group.buddy.address if entry.group else ""
    values = [_plain(getattr(entry.buddy, FIELDS[name].attribute)) for name in VALUES]
    return [entry.buddy.address, group, entry.place, *values]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return timezone.localtime(value).isoformat()
    return "" if value is None else value
