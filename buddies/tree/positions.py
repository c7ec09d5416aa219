"""The places of entries among their siblings."""

from itertools import groupby
from operator import itemgetter
from typing import Literal, cast, get_args

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from buddies.models import Buddy

# Between two neighbours, so that a move writes only the moved entry.
GAP = 2**16

Where = Literal["before", "after", "first", "last"]
INSIDE = ("first", "last")


def parse_where(word: object) -> Where:
    """Return an untrusted word as a place; raises ValidationError."""
    for where in get_args(Where):
        if word == where:
            return cast(Where, where)
    raise ValidationError(_("Unknown position."))


def place_moved(siblings: list[tuple[Buddy, bool]]) -> None:
    """Give moved siblings positions between their neighbours."""
    before: list[Buddy] = []
    grouped = groupby(siblings, key=itemgetter(1))
    runs = [(has_moved, [buddy for buddy, _moved in run]) for has_moved, run in grouped]
    for place, (has_moved, run) in enumerate(runs):
        if has_moved:
            behind = runs[place + 1][1] if place + 1 < len(runs) else []
            positions = free_positions(before, behind, len(run))
            if not positions:
                renumber([buddy for buddy, _has_moved in siblings])
                return
            set_positions(run, positions)
        before = run


def siblings_of(parent_id: int | None) -> list[Buddy]:
    return list(Buddy.objects.filter(parent_id=parent_id))


def place_entries(
    moved: list[Buddy], target: Buddy | None, where: Where
) -> list[Buddy]:
    """Give entries their parent and position; return siblings that make room."""
    parent, before, behind = neighbours(moved, target, where)
    for buddy in moved:
        buddy.parent = parent
    positions = free_positions(before, behind, len(moved))
    if positions:
        set_positions(moved, positions)
        return []
    renumbered = renumber([*before, *moved, *behind])
    return [buddy for buddy in renumbered if buddy not in moved]


def neighbours(
    moved: list[Buddy], target: Buddy | None, where: Where
) -> tuple[Buddy | None, list[Buddy], list[Buddy]]:
    """Return the parent for entries, and its other children before and after them."""
    parent = target if target is None or where in INSIDE else target.parent
    keys = {buddy.pk for buddy in moved}
    others = [s for s in siblings_of(parent.pk if parent else None) if s.pk not in keys]
    index = _index(others, target, where)
    return parent, others[:index], others[index:]


def _index(siblings: list[Buddy], target: Buddy | None, where: Where) -> int:
    if where == "first":
        return 0
    if target is None or where == "last":
        return len(siblings)
    return siblings.index(target) + (where == "after")


def free_positions(before: list[Buddy], behind: list[Buddy], count: int) -> list[int]:
    """Return ``count`` positions between the two lists; none without room."""
    low = before[-1].position if before else None
    high = behind[0].position if behind else None
    if low is None:
        low = 0 if high is None else high - GAP * (count + 1)
    if high is None:
        high = low + GAP * (count + 1)
    step = (high - low) // (count + 1)
    return [low + step * (nth + 1) for nth in range(count)] if step else []


def renumber(siblings: list[Buddy]) -> list[Buddy]:
    """Space siblings evenly in this order; return those whose position changed."""
    return set_positions(siblings, [GAP * (nth + 1) for nth in range(len(siblings))])


def set_positions(buddies: list[Buddy], positions: list[int]) -> list[Buddy]:
    """Give each its position; return those whose position changed."""
    pairs = zip(buddies, positions, strict=True)
    moved = [
        (buddy, position) for buddy, position in pairs if buddy.position != position
    ]
    for buddy, position in moved:
        buddy.position = position
    return [buddy for buddy, _position in moved]
