"""The table of contract 3 as one pure function, and the types it uses."""

import re
import unicodedata
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from xmppservice.protocol.roster import RosterItem

_LINE_BREAKS = re.compile("[\t\n\r\x85\u2028\u2029]+")


class Groups(NamedTuple):
    """The names of the two groups that the service manages."""

    others: str
    verified: str


class Contact(NamedTuple):
    """A contact that a client wants on its roster; ``name`` may be empty."""

    jid: str
    address: str
    name: str
    verified: bool


def decide(
    item: RosterItem | None, contact: Contact, groups: Groups
) -> RosterItem | None:
    """The item to write for a contact, or None to leave the roster alone.

    ``subscription`` never enters the decision and is never written.

    Source: contract, 3.
    """
    target = groups.verified if contact.verified else groups.others
    name = normal_name(contact.name)
    if item is None:
        name = name or normal_name(contact.address)
        return RosterItem(contact.jid, name, (target,))
    # An empty name says nothing, so it never replaces one.
    same = not name or normal_name(item.name) == name
    name = item.name if same else name
    present = _groups(item.groups, target, groups)
    if (name, present) == (item.name, item.groups):
        return None
    return replace(item, name=name, groups=present)


class Rule(StrEnum):
    """The rows of the table, by what they write."""

    ADDED = "added"
    GROUPED = "grouped"
    GROUPED_AND_NAMED = "grouped and named"
    NAMED = "named"
    NAMED_AND_PROMOTED = "named and promoted"
    PROMOTED = "promoted"
    NOTHING = "nothing"


def applied(before: RosterItem | None, after: RosterItem | None) -> Rule:
    """The row of the table that has turned ``before`` into ``after``."""
    if before is None:
        return Rule.NOTHING if after is None else Rule.ADDED
    if after is None or after == before:
        return Rule.NOTHING
    named = after.name != before.name
    if after.groups == before.groups:
        return Rule.NAMED
    if not before.groups:
        return Rule.GROUPED_AND_NAMED if named else Rule.GROUPED
    return Rule.NAMED_AND_PROMOTED if named else Rule.PROMOTED


def _groups(present: tuple[str, ...], target: str, groups: Groups) -> tuple[str, ...]:
    if not present:
        return (target,)
    if target != groups.verified or not _has(present, groups.others):
        return present
    kept = tuple(name for name in present if not _is(name, groups.others))
    return kept if _has(kept, groups.verified) else (*kept, groups.verified)


def _has(names: tuple[str, ...], group: str) -> bool:
    return any(_is(name, group) for name in names)


def _is(name: str, group: str) -> bool:
    return name.casefold() == group.casefold()


def normal_name(name: str) -> str:
    """Normalise a name, to compare and to write it: one line, trimmed, NFC.

    XML reads a line break or a tab in an attribute as a blank (XML 1.0, 3.3.3).
    """
    if name.isascii() and name.isprintable():
        return name.strip()
    return unicodedata.normalize("NFC", _LINE_BREAKS.sub(" ", name).strip())
