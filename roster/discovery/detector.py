"""Who tries numbers out instead of asking about an address book.

Three rules that need no number afterwards: the numbers of one command stand in rows;
all numbers so far crowd in few blocks; too few of them are users. The thresholds come
from tests/roster/books.py: of its address books one in 5,000 is taken for enumeration,
at most. What stays below them is bounded by the discovery budget alone: random valid
numbers where many people are users, large steps in small commands, decoys.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from django.utils.translation import gettext_lazy as _

# At 90 % of a company's range, one number in 30 stands in a row of 50. Taken to the
# last number, a range of 300 passes; one of 400 does not.
MIN_IN_ROW = 50
MAX_IN_ROWS = 400

# A company of 1,000 may fill one block of 10,000, and is all of a book; it stays
# uncounted up to here, and what else crowds (its second block, a town) up to there.
COMPANY_SIZE = 500
MAX_ELSEWHERE = 500
# Numbers for every effective block: up to 65 in the books of a small town's shops, 100
# where blocks of 100 are scanned.
MAX_PER_BLOCK = 70

# Who has contacts only where nobody is a user finds nobody either, but one book in
# 1,000 is that large.
MAX_NUMBERS = 7_500
# Whose friends are users has more hits than numbers at random, by the share of valid
# numbers that are in use and by how much friends are alike.
RARELY = 10
# Below this many hits expected, a tenth of them says nothing.
MIN_HITS = 50

Reason = dict[str, float | int | str]

_SENTENCES = {
    "run": _(
        "Looked up %(numbers)s consecutive numbers (steps of "
        "%(step)s). Address books contain few of these."
    ),
    "crowd": _(
        "Looked up %(numbers)s numbers, about %(each)s in each block "
        "of 10,000. Numbers in an address book are more spread out."
    ),
    "misses": _(
        "Only %(hits)s of %(numbers)s numbers are users. An address "
        "book of that size has about %(expected)s."
    ),
}


@dataclass(frozen=True, slots=True)
class AskedNumbers:
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
    past: AskedNumbers, new: Mapping[str, int], usual: float | None
) -> list[Reason]:
    """Why the owner seems to farm, if they were now answered for ``new`` as well.

    Empty when they do not. ``new``: E.164 numbers not asked before, with the digests
    of their prefixes. ``usual``: the share of hits of an ordinary owner, None when
    not enough is known.
    """
    results = (_run(new), _crowd(past, new), _misses(past, usual or 0.0))
    return [reason for reason in results if reason]


def explain(reason: Reason) -> str:
    """A reason as a sentence for staff; no number of anybody appears in it."""
    return _SENTENCES[str(reason["rule"])] % reason


def _run(new: Iterable[str]) -> Reason | None:
    ordered = sorted(int(number) for number in new)
    steps = (after - before for before, after in pairwise(ordered))
    rows = [(len(list(same)) + 1, step) for step, same in groupby(steps)]
    long = [(length, step) for length, step in rows if length >= MIN_IN_ROW]
    numbers = sum(length for length, step in long)
    if numbers < MAX_IN_ROWS:
        return None
    return {"rule": "run", "numbers": numbers, "step": max(long)[1]}


def _crowd(past: AskedNumbers, new: Mapping[str, int]) -> Reason | None:
    crowds = Counter(past.crowds)
    crowds.update(new.values())
    *others, fullest = sorted(crowds.values()) or [0]
    rest = [*others, max(0, fullest - COMPANY_SIZE)]
    blocks = _effective(rest)
    if sum(rest) <= MAX_ELSEWHERE + MAX_PER_BLOCK * blocks:
        return None
    each = round(sum(rest) / blocks)
    return {"rule": "crowd", "numbers": crowds.total(), "each": each}


def _effective(sizes: Sequence[int]) -> float:
    """How many equally large crowds would be as unpredictable: 2 to the entropy."""
    total = sum(sizes)
    shares = [size / total for size in sizes if size]
    return math.exp2(-sum(share * math.log2(share) for share in shares))


def _misses(past: AskedNumbers, usual: float) -> Reason | None:
    expected = usual * past.total
    if (
        past.total < MAX_NUMBERS
        or expected < MIN_HITS
        or past.hits * RARELY >= expected
    ):
        return None
    return {
        "rule": "misses",
        "numbers": past.total,
        "hits": past.hits,
        "expected": round(expected),
    }
