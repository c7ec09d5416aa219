"""The one judgement: what is wrong with an entry, and with its place in a tree.

Whatever writes to the tree asks here first, and so does publishing. Nothing here reads
the database.

Source: decision 0040.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, NamedTuple, Protocol, TypeVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from buddies.document.shape import Node, destination
from buddies.document.text import NORMAL
from buddies.document.unseen import is_visible
from buddies.models import MAX_LEVELS, Buddy

K = TypeVar("K")


class Fault(NamedTuple):
    """What is wrong: the field of the model, and the reason in words."""

    field: str
    words: str

    def about(self, buddy: Buddy) -> str:
        """The fault for readers who see neither the entry nor the field."""
        label = _column(self.field).verbose_name
        name = buddy.name if is_visible(buddy.name) else buddy.address
        params = {"name": name, "field": label, "words": self.words}
        return _("“%(name)s”, %(field)s: %(words)s") % params


class Placed(Protocol):
    """What :func:`faults_of_places` needs to know of an entry."""

    type: str
    address: str
    server_address: str


def _column(name: str) -> Any:
    return Buddy._meta.get_field(name)


_JUDGED = (*NORMAL, "visible_from", "visible_until")
_VALIDATORS = {name: _column(name).validators for name in _JUDGED}
_TYPES = frozenset(Buddy.Type.values)

# Each build of the document judges all entries, and most are as they were.
MOST = 2**15  # entries, and addresses, whose judgement is kept
_NAMES = ("type", *_JUDGED)
_values_of = attrgetter(*_NAMES)


# --- One entry --------------------------------------------------------------------


def faults(buddy: Buddy, ignored: Collection[str] = ()) -> list[Fault]:
    """Return what is wrong with the fields of an entry, one fault a field.

    ``ignored`` fields are not looked at, because they are known to be wrong.
    """
    if _is_sound(_values_of(buddy)):
        return []
    found: dict[str, Fault] = {}
    for fault in _faults(buddy, ignored):
        if fault.field not in ignored:
            found.setdefault(fault.field, fault)
    return list(found.values())


@lru_cache(MOST)
def _is_sound(values: tuple[Any, ...]) -> bool:
    entry = SimpleNamespace(**dict(zip(_NAMES, values, strict=True)))
    return not any(_faults(entry, ()))


def _faults(buddy: Any, ignored: Collection[str]) -> Iterator[Fault]:
    for name, validators in _VALIDATORS.items():
        if value := getattr(buddy, name):
            for validator in validators:
                try:
                    validator(value)
                except ValidationError as error:
                    yield from (Fault(name, words) for words in error.messages)
    yield from _misfits(buddy, ignored)


def _misfits(buddy: Any, ignored: Collection[str]) -> Iterator[Fault]:
    if not is_visible(buddy.name):
        yield Fault("name", str(_column("name").error_messages["blank"]))
    if buddy.type not in _TYPES:
        text = _column("type").error_messages["invalid_choice"]
        yield Fault("type", text % {"value": buddy.type})
    if buddy.type == Buddy.Type.GROUP:
        if buddy.server_address:
            yield Fault("server_address", _("A group can't have a server address."))
        if buddy.default_message:
            yield Fault("default_message", _("A group can't have a default message."))
    begin, end = buddy.visible_from, buddy.visible_until
    if begin and end and end <= begin and "visible_from" not in ignored:
        text = _("“Visible until” must be later than “Visible from”.")
        yield Fault("visible_until", text)


# --- The structure ------------------------------------------------------------------


def faults_of_places(
    entries: Mapping[K, Placed],
    groups: Mapping[K, K | None],
    changed: Collection[K],
    moved: Collection[K] | None = None,
) -> Iterator[tuple[K, Fault]]:
    """Yield what is wrong with a whole tree because of its ``changed`` entries.

    ``groups`` has the key of each entry's group. ``moved`` are those of the changed
    that are new in their group: by default, all.
    """
    moved = changed if moved is None else moved
    yield from _wrong_groups(entries, groups, changed, moved)
    yield from _wrong_levels(groups, moved)
    yield from _shared_addresses(entries, changed)


def _wrong_groups(
    entries: Mapping[K, Placed],
    groups: Mapping[K, K | None],
    changed: Collection[K],
    moved: Collection[K],
) -> Iterator[tuple[K, Fault]]:
    emptied = set()
    for key, group in groups.items():
        # A deleted group is not a fault of the tree: the edit says that it is gone.
        if group is None or group not in entries:
            continue
        if entries[group].type == Buddy.Type.GROUP:
            continue
        if key in moved:
            text = _("Only a group can contain channels and groups.")
            yield key, Fault("parent", text)
        elif group in changed and group not in emptied:
            emptied.add(group)
            text = _(
                "This group is not empty, so it can't become a channel: move "
                "its contents first."
            )
            yield group, Fault("type", text)


def _wrong_levels(
    groups: Mapping[K, K | None], moved: Collection[K]
) -> Iterator[tuple[K, Fault]]:
    levels: dict[K | None, int] = {None: 0}
    named: set[K] = set()
    for key in groups:
        path: dict[K, None] = {}
        above: K | None = key
        while above is not None and above not in levels and above not in path:
            path[above] = None
            above = groups.get(above)
        if above is not None and above in path:
            circle = list(path)[list(path).index(above) :]
            named.update(circle)
            text = _("You can't move a group into itself.")
            yield from ((k, Fault("parent", text)) for k in circle if k in moved)
        for member in reversed(path):
            levels[member] = levels.get(groups.get(member), 0) + 1
        if levels[key] > MAX_LEVELS:
            yield from _too_deep(key, groups, moved, named)


def _too_deep(
    key: K, groups: Mapping[K, K | None], moved: Collection[K], named: set[K]
) -> Iterator[tuple[K, Fault]]:
    """Name the entry whose move brought another one too deep, once."""
    above: K | None = key
    seen: set[K] = set()
    while above is not None and above not in seen:
        seen.add(above)
        if above in moved:
            if above not in named:
                named.add(above)
                text = _("A tree can have at most %(most)s levels.")
                yield above, Fault("parent", text % {"most": MAX_LEVELS})
            return
        above = groups.get(above)


def _shared_addresses(
    entries: Mapping[K, Placed], changed: Collection[K]
) -> Iterator[tuple[K, Fault]]:
    exact: dict[str, K] = {}
    routed: dict[str, K] = {}
    for key, entry in entries.items():
        if not entry.address:
            continue  # one will be generated
        other = exact.setdefault(entry.address, key)
        if other == key and (route := route_of(entry)):
            other = routed.setdefault(route, key)
        if other == key or not (key in changed or other in changed):
            continue
        guilty, free = (key, other) if key in changed else (other, key)
        is_same = entry.address == entries[other].address
        words = _("This address is already taken.")
        yield (
            guilty,
            Fault("address", words if is_same else taken(entries[free].address)),
        )


def taken(address: str) -> str:
    """Say that servers take an address for another one."""
    text = _("Servers can't tell this address from “%(address)s”, which is taken.")
    return text % {"address": address}


def route_of(entry: Placed) -> str:
    """What an XMPP server makes of a channel's address; empty for any other entry.

    Channels with a server address are told apart by the thread.
    """
    if entry.type != Buddy.Type.CHANNEL or entry.server_address:
        return ""
    return _route(entry.address)


@lru_cache(MOST)
def _route(address: str) -> str:
    return destination(address) or address.casefold()


# --- A document -------------------------------------------------------------------


def faults_of_nodes(nodes: Sequence[Node]) -> Iterator[tuple[int, Fault]]:
    """Yield what is wrong with a document, by the index of the node."""
    entries = {place: Buddy(**node.fields) for place, node in enumerate(nodes)}
    for place, buddy in entries.items():
        yield from ((place, fault) for fault in faults(buddy))
    groups = {place: node.parent for place, node in enumerate(nodes)}
    yield from faults_of_places(entries, groups, entries)
