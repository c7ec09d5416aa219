"""The group that a row names: by its address, or by its name."""

from collections.abc import Iterable
from functools import cached_property
from unicodedata import normalize

from django.utils.translation import gettext as _

from buddies.document.text import normal
from buddies.document.unseen import reveal, reveal_both, shapes
from buddies.models import Buddy
from buddies.spreadsheet.cells import Entry

MAX_LENGTH = 256  # characters: one more than an address or a name may have
MAX_NAMED = 5  # addresses in a message


class Groups:
    """The groups of a plan. ``notes`` says which ones were found by their names."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.notes: dict[str, None] = {}
        self._by_address: dict[str, Entry] = {}
        self._by_name: dict[str, list[Entry]] = {}
        for entry in entries:
            if entry.buddy.address:
                self._by_address[normal("address", entry.buddy.address)] = entry
            if entry.buddy.type == Buddy.Type.GROUP:
                # A file that renames a group may use either name.
                names = {entry.buddy.name, entry.old_values.get("name") or ""}
                for key in {_key(name) for name in names} - {""}:
                    self._by_name.setdefault(key, []).append(entry)

    def find(self, text: str) -> Entry:
        """Return a group, or a channel with this address. Raises ValueError."""
        text = text[:MAX_LENGTH]
        if entry := self._by_address.get(text):
            return entry
        named = self._by_name.get(_key(text), [])
        if not named:
            raise ValueError(self._not_found(text))
        if len(named) > 1:
            reason = _("Several groups are named “%(name)s”. Use an address: %(all)s.")
            places = ", ".join(_place(entry) for entry in named[:MAX_NAMED])
            raise ValueError(reason % {"name": reveal(text), "all": places})
        note = _("The group “%(name)s” was found by its name: %(place)s.")
        self.notes[note % {"name": reveal(text), "place": _place(named[0])}] = None
        return named[0]

    def _not_found(self, text: str) -> str:
        reason = _("There is no group with the address or name “%(text)s”.")
        for shape in shapes(text):
            if similar := self._by_shape.get(shape):
                reason += " " + _("“%(similar)s” only looks like it.")
                shown, other = reveal_both(text, similar)
                return reason % {"text": shown, "similar": other}
        return reason % {"text": reveal(text)}

    @cached_property
    def _by_shape(self) -> dict[str, str]:
        names = [entry.buddy.name for held in self._by_name.values() for entry in held]
        texts = [*names, *self._by_address]
        return {shape: text for text in texts for shape in shapes(text)}


def _key(name: str) -> str:
    return " ".join(normalize("NFC", name[:MAX_LENGTH]).split()).casefold()


def _place(entry: Entry) -> str:
    if entry.buddy.address:
        return f"“{reveal(entry.buddy.address)}”"
    return _("row %(row)s") % {"row": entry.row}
