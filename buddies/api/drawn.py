"""The entries of a campaign, where a view expects those that a table has."""

import operator
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.db.models import Q
from django.db.models.constants import LOOKUP_SEP

from buddies.models import Buddy

# Those that the filters, the search and the pages of a list use.
LOOKUPS: dict[str, Callable[[Any, Any], bool]] = {
    "exact": operator.eq,
    "gt": operator.gt,
    "lt": operator.lt,
    "isnull": lambda value, is_null: (value is None) == is_null,
    "icontains": lambda value, part: str(part).casefold() in value.casefold(),
}
AS_STORED = ("exact", "gt", "lt")


class DrawnEntries:
    """Entries in memory, with as much of a queryset as the views of the API use.

    So one declaration of filters, search and pages is for all trees.
    """

    model = Buddy

    def __init__(self, entries: Iterable[Buddy]) -> None:
        self._entries = list(entries)

    def __iter__(self) -> Iterator[Buddy]:
        return iter(self._entries)

    def __getitem__(self, part: slice) -> list[Buddy]:
        return self._entries[part]

    def all(self) -> "DrawnEntries":
        return self

    def order_by(self, name: str) -> "DrawnEntries":
        key = operator.attrgetter(name.removeprefix("-"))
        is_reversed = name.startswith("-")
        return DrawnEntries(sorted(self._entries, key=key, reverse=is_reversed))

    def filter(self, *conditions: Q, **lookups: Any) -> "DrawnEntries":
        wanted = Q(*conditions, **lookups)
        return DrawnEntries(one for one in self._entries if _matches(one, wanted))

    def get(self, **lookups: Any) -> Buddy:
        for one in self.filter(**lookups):
            return one
        raise Buddy.DoesNotExist


def _matches(entry: Buddy, wanted: Q) -> bool:
    combine = any if wanted.connector == Q.OR else all
    found = combine(
        _matches(entry, one) if isinstance(one, Q) else _has(entry, one)
        for one in wanted.children
    )
    return found != wanted.negated


def _has(entry: Buddy, condition: Any) -> bool:
    lookup, wanted = condition
    name, _, kind = lookup.partition(LOOKUP_SEP)
    kind = kind or "exact"
    field: Any = Buddy._meta.pk if name == "pk" else Buddy._meta.get_field(name)
    if kind in AS_STORED:
        wanted = field.to_python(wanted)
    return LOOKUPS[kind](getattr(entry, field.attname), wanted)
