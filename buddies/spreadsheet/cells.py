"""The columns of a table of the tree, and what a cell may hold."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from import_export import resources
from import_export.fields import Field
from import_export.widgets import CharWidget, Widget

from buddies.models import Buddy, plausible


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
        word = "" if value is None else str(value).strip().lower()
        for meant, words in self.words.items():
            if word in words:
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
    results: list[Entry] = []
    waiting = [Entry(b, None, n) for n, b in enumerate(below.get(None, ()), 1)][::-1]
    while waiting:
        entry = waiting.pop()
        entry.was_in, entry.was_at = entry.group, entry.place
        results.append(entry)
        held = enumerate(below.get(entry.buddy.pk, ()), 1)
        waiting.extend([Entry(buddy, entry, n) for n, buddy in held][::-1])
    return results
