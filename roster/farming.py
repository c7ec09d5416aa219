"""Who tries numbers out instead of asking about an address book.

Three rules of thumb about numbers nobody needs to read. The thresholds are from the
books and attacks of tests/roster/books.py. What passes below them is bounded by the
discovery budget: random valid numbers where many people are users, scans of large
steps in small commands.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from django.utils.translation import gettext_lazy as _

# Colleagues with direct dial at up to 90 % of their range: 100 in a row are the most
# that 60,000 books showed. A school or hospital may fill a range of 200.
ROW = 300
# Two numbers further apart than this are neighbours by chance.
LARGEST_STEP = 1_000
# What one number out of step takes from a row. At 20, one in twenty may be left out of
# a scan, and a range taken to 90 % does not add up.
SLIP = 20

# A company of 1,000 may fill one prefix, or two; these are one half of it each.
COMPANY = ELSEWHERE = 500
# Landlines and mobiles of one small town, the densest of books: 50. Scanned blocks of
# 100 numbers: 100.
PER_PREFIX = 70

# An owner whose friends all live where nobody is a user finds nobody either, but has
# no more contacts than this.
MANY = 7_500
# Random valid numbers are hit less often than contacts, by how often one is in use.
RARELY = 10
# So few are expected by chance to be none at all where nearly nobody is a user.
ENOUGH = 50

Reason = dict[str, float | int | str]

_SENTENCES = {
    "run": _(
        "Asked about %(numbers)s numbers in a row (%(step)s apart): address books hold "
        "few neighbours."
    ),
    "crowd": _(
        "Asked about %(numbers)s numbers, nearly all of them in %(prefixes)s blocks: "
        "those of an address book are spread more widely."
    ),
    "misses": _(
        "Of %(numbers)s numbers %(hits)s were users, where an address book of that "
        "size has about %(expected)s."
    ),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What an owner was charged for since the last release: only numbers.

    ``crowds``: by the digest of a prefix, how many of the asked numbers have it.
    ``hits``: how many of them were users.
    """

    crowds: Mapping[int, int]
    hits: int

    @property
    def total(self) -> int:
        return sum(self.crowds.values())


def suspicions(
    past: Asked, new: Mapping[str, int], usual: float | None
) -> list[Reason]:
    """Why the owner seems to farm, if they were now answered for ``new`` as well.

    Empty when they do not. ``new``: E.164 numbers not asked before, with the digests
    of their prefixes. ``usual``: the share of hits of an ordinary owner, None when
    not enough is known.
    """
    found = (_run(new), _crowd(past, new), _misses(past, usual or 0.0))
    return [reason for reason in found if reason]


def explain(reason: Reason) -> str:
    """A reason as a sentence for staff; no number of anybody appears in it."""
    return _SENTENCES[str(reason["rule"])] % reason


def _run(new: Iterable[str]) -> Reason | None:
    # Numbers of two countries, or lengths, are never within a step of each other.
    ordered = sorted(int(number) for number in new)
    steps = [after - before for before, after in pairwise(ordered)]
    likely = Counter(step for step in steps if step <= LARGEST_STEP).most_common(1)
    for step, count in likely:
        if count + 1 >= ROW and (row := _longest(steps, step)) >= ROW:
            return {"rule": "run", "numbers": row, "step": step}
    return None


def _longest(steps: Iterable[int], step: int) -> int:
    """How many numbers stand in a row, less what its gaps cost."""
    longest = length = 1
    for each in steps:
        length = length + 1 if each == step else max(1, length - SLIP)
        longest = max(longest, length)
    return longest


def _crowd(past: Asked, new: Mapping[str, int]) -> Reason | None:
    crowds = Counter(past.crowds)
    crowds.update(new.values())
    *others, fullest = sorted(crowds.values()) or [0]
    prefixes = _effective([*others, max(0, fullest - COMPANY)])
    if sum(others) + max(0, fullest - COMPANY) <= ELSEWHERE + PER_PREFIX * prefixes:
        return None
    return {"rule": "crowd", "numbers": crowds.total(), "prefixes": round(prefixes)}


def _effective(sizes: Iterable[int]) -> float:
    """How many equally large crowds would be as unpredictable: 2 to the entropy."""
    counted = [size for size in sizes if size]
    total = sum(counted)
    return 2.0 ** -sum(size / total * math.log2(size / total) for size in counted)


def _misses(past: Asked, usual: float) -> Reason | None:
    expected = usual * past.total
    if past.total < MANY or expected < ENOUGH or past.hits * RARELY >= expected:
        return None
    return {
        "rule": "misses",
        "numbers": past.total,
        "hits": past.hits,
        "expected": round(expected),
    }
