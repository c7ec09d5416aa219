"""Detects owners who enumerate numbers instead of asking about an address book.

Three rules, none of which needs stored numbers: the numbers of one command form long
runs; all numbers so far crowd in few blocks; too few of them are users. The thresholds
come from tests/roster/books.py: at most one in 5,000 of its address books is taken for
enumeration. Only the discovery budget limits what stays below them: random valid
numbers where many people are users, large steps in small commands, decoys.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from django.utils.translation import gettext_lazy as _

from roster.msisdn import Number

# With 90 % of a company's range, one number in 30 is in a run of 50. Of complete
# ranges, one of 300 passes; one of 400 does not.
MIN_RUN_LENGTH = 50
MAX_IN_RUNS = 400

# A company of 1,000 may be all of a book, in one block of 10,000: COMPANY_SIZE of its
# numbers do not count, nor do MAX_ELSEWHERE others (its second block, a town).
COMPANY_SIZE = 500
MAX_ELSEWHERE = 500
# Numbers per effective block: up to 65 in the books of a small town's shops, 100 where
# blocks of 100 are scanned.
MAX_PER_BLOCK = 70

# A book of a region without users has no hits either, but only one book in 1,000 is
# that large.
MAX_NUMBERS = 7_500
# An address book has more hits than random numbers: not all valid numbers are in use,
# and friends of users are more often users.
HIT_RATIO = 10
# If fewer hits than this are expected, a tenth of them means nothing.
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
class ChargedNumbers:
    """The numbers an owner was charged for since the last flag was cleared.

    ``crowds``: by the digest of a prefix, how many of them have it. ``hits``: how
    many of them were users.
    """

    crowds: Mapping[int, int]
    hits: int

    @property
    def total(self) -> int:
        return sum(self.crowds.values())


def flag_reasons(
    past: ChargedNumbers, new: Mapping[Number, int], usual: float | None
) -> list[Reason]:
    """Why the owner would appear to enumerate numbers if ``new`` were answered, too.

    Empty if they would not. ``new``: E.164 numbers not asked about before, with the
    digests of their prefixes. ``usual``: an ordinary owner's share of hits, None if
    not enough is known.
    """
    results = (_run(new), _crowd(past, new), _misses(past, usual or 0.0))
    return [reason for reason in results if reason]


def explain(reason: Reason) -> str:
    """A reason as a sentence for staff, without any phone number."""
    return _SENTENCES[str(reason["rule"])] % reason


def _run(new: Iterable[Number]) -> Reason | None:
    ordered = sorted(int(number) for number in new)
    steps = (after - before for before, after in pairwise(ordered))
    runs = [(len(list(same)) + 1, step) for step, same in groupby(steps)]
    long_runs = [(length, step) for length, step in runs if length >= MIN_RUN_LENGTH]
    numbers = sum(length for length, step in long_runs)
    if numbers < MAX_IN_RUNS:
        return None
    return {"rule": "run", "numbers": numbers, "step": max(long_runs)[1]}


def _crowd(past: ChargedNumbers, new: Mapping[Number, int]) -> Reason | None:
    crowds = Counter(past.crowds)
    crowds.update(new.values())
    *others, fullest = sorted(crowds.values()) or [0]
    counted = [*others, max(0, fullest - COMPANY_SIZE)]
    blocks = _effective(counted)
    if sum(counted) <= MAX_ELSEWHERE + MAX_PER_BLOCK * blocks:
        return None
    average = round(sum(counted) / blocks)
    return {"rule": "crowd", "numbers": crowds.total(), "each": average}


def _effective(sizes: Sequence[int]) -> float:
    """The effective number of crowds: 2 to the power of their entropy."""
    total = sum(sizes)
    shares = [size / total for size in sizes if size]
    return math.exp2(-sum(share * math.log2(share) for share in shares))


def _misses(past: ChargedNumbers, usual: float) -> Reason | None:
    expected = usual * past.total
    if (
        past.total < MAX_NUMBERS
        or expected < MIN_HITS
        or past.hits * HIT_RATIO >= expected
    ):
        return None
    return {
        "rule": "misses",
        "numbers": past.total,
        "hits": past.hits,
        "expected": round(expected),
    }
