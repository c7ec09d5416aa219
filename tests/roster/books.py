"""Realistic address books, and sequences of numbers as an attacker enumerates them.

They are not derived from real address books: the shares are set by hand, wide on
purpose. The same seed makes the same books. An address book has

- a size, log-normal: median 220, one in a hundred above 3,400, one in 300 above 5,000,
  10,000 at most;
- one of three numbering plans: wide (Italy: ten digits of a mobile, landlines of a
  town in few blocks of 10,000), town (North America: mobiles and landlines alike in
  the blocks of one area) and small (Iceland: seven digits, the whole country);
- a tenth of contacts abroad, and families with neighbouring numbers;
- for one owner in three colleagues: 10 to 1,000 of them (Pareto), at 50 to 90 % of
  the numbers of their company's range;
- for one in 25 thousands of local customers (a shop, a doctor), for one in 30
  customers all over the country, with a few numbers of each company (sales);
- hits, beta-distributed: friends of users are users (homophily), customers less so;
  three books in a hundred have no hits at all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from zlib import crc32

LARGEST = 10_000  # the most that can be asked about at once
MAX_OF_A_BLOCK = 500  # customers in 10,000 landlines, of which a third are in use
ADOPTION = 0.25
COMPANY, LARGEST_COMPANY = 10, 1_000  # colleagues


@dataclass(frozen=True, slots=True)
class Book:
    """E.164 numbers in the order of the book, and whether each is a user."""

    kind: str
    numbers: list[str]
    users: list[bool]


@dataclass(frozen=True, slots=True)
class Plan:
    """The blocks of numbers, without their last digits, by cumulated weight."""

    mobiles: tuple[tuple[str, ...], list[float]]
    digits: int  # of a mobile, behind its block
    landlines: Callable[[Random], list[str]]  # the blocks of a town


def prefixes(numbers: list[str]) -> dict[str, int]:
    """The digests of their prefixes, as the service makes them, but without a key."""
    return {number: crc32(number[:-4].encode()) & 0x7FFF for number in numbers}


def _zipf(blocks: list[str], exponent: float) -> tuple[tuple[str, ...], list[float]]:
    weights = (1 / rank**exponent for rank in range(1, len(blocks) + 1))
    return tuple(blocks), list(accumulate(weights))


def _wide_town(random: Random) -> list[str]:
    area = f"+390{random.randrange(100, 1000)}"
    return [f"{area}{random.randrange(100):02}" for _ in range(random.randint(2, 8))]


def _own_exchanges(random: Random) -> list[str]:
    return [f"+1209{random.randrange(200, 1000)}" for _ in range(random.randint(2, 8))]


def _small_town(random: Random) -> list[str]:
    return [f"+354{random.randrange(400, 600)}" for _ in range(random.randint(2, 8))]


# Ten prefixes for each of six operators; some have many more customers than others.
_ITALY = [f"+393{operator}{n}" for n in range(10) for operator in (4, 2, 3, 8, 9, 7)]
WIDE = Plan(_zipf(_ITALY, 0.6), 7, _wide_town)
# The blocks of the home town first, then those of the area.
TOWN = Plan(_zipf([f"+1209{n}" for n in range(200, 600)], 0.9), 4, _own_exchanges)
SMALL = Plan(_zipf([f"+354{n}" for n in range(610, 790)], 0.3), 4, _small_town)
PLANS = (WIDE, TOWN, SMALL)


def books(count: int, seed: int) -> Iterator[Book]:
    random = Random(seed)
    return (_book(random) for _ in range(count))


def _book(random: Random) -> Book:
    kind = random.choices(["anybody", "local", "sales"], [0.927, 0.04, 0.033])[0]
    plan = random.choices(PLANS, [0.7, 0.2, 0.1])[0]
    numbers = list(dict.fromkeys(_numbers(random, kind, plan)))[:LARGEST]
    random.shuffle(numbers)
    share = _share(random, kind)
    return Book(kind, numbers, [random.random() < share for _ in numbers])


def _numbers(random: Random, kind: str, plan: Plan) -> list[str]:
    numbers = _circle(random, plan, _size(random, 180, 0.9))
    if random.random() < 1 / 3:
        numbers += company(random, int(COMPANY * random.paretovariate(1.0)))
    if kind == "local":
        size = _size(random, 1_500, 0.7)
        landlines = int(size * random.betavariate(2, 4))
        numbers += _landlines(random, plan, landlines)
        numbers += _mobiles(random, plan, size - landlines)
    if kind == "sales":
        numbers += _customers(random, plan, _size(random, 1_200, 0.7))
    return numbers


def _size(random: Random, median: int, sigma: float) -> int:
    return min(LARGEST, int(median * random.lognormvariate(0, sigma)) + 1)


def _circle(random: Random, plan: Plan, size: int) -> list[str]:
    """Friends, families, the town; some abroad."""
    abroad = int(size * random.betavariate(1, 9))
    landlines = int((size - abroad) * random.betavariate(2, 8))
    mobiles = _mobiles(random, plan, size - abroad - landlines)
    families = [_neighbour(number) for number in mobiles if random.random() < 0.05]
    strangers = _mobiles(random, random.choice(PLANS), abroad)
    return mobiles + families + strangers + _landlines(random, plan, landlines)


def _mobiles(random: Random, plan: Plan, size: int) -> list[str]:
    blocks, weights = plan.mobiles
    chosen = random.choices(blocks, cum_weights=weights, k=size)
    most = 10**plan.digits
    return [f"{b}{int(random.random() * most):0{plan.digits}}" for b in chosen]


def _landlines(random: Random, plan: Plan, size: int) -> list[str]:
    town = [
        b for _ in range(1 + size // MAX_OF_A_BLOCK) for b in plan.landlines(random)
    ]
    blocks, weights = _zipf(town, 0.8)
    chosen = random.choices(blocks, cum_weights=weights, k=size)
    return [f"{block}{int(random.random() * 10_000):04}" for block in chosen]


def _neighbour(number: str) -> str:
    return f"+{int(number) + 1}"


def company(random: Random, size: int, share: float | None = None) -> list[str]:
    """``size`` colleagues with direct dial, at ``share`` of their range."""
    size = min(size, LARGEST_COMPANY)
    taken = int(size / (share or random.uniform(0.5, 0.9)))
    start = 39_02_0000_0000 + random.randrange(10**8 - taken)
    return [f"+{start + n}" for n in sorted(random.sample(range(taken), size))]


def _customers(random: Random, plan: Plan, size: int) -> list[str]:
    numbers: list[str] = []
    while len(numbers) < size:
        numbers += _mobiles(random, plan, 5)
        numbers += company(random, random.randint(1, 8))
    return numbers


def _share(random: Random, kind: str) -> float:
    if random.random() < 0.03:
        return 0.0
    mean, alike = (ADOPTION, 4) if kind == "anybody" else (ADOPTION / 2, 20)
    return random.betavariate(alike * mean, alike * (1 - mean))


# Attacks: the numbers in the order in which they are looked up.


def sequential(count: int, step: int = 1, start: int = 39_333_120_0000) -> list[str]:
    return [f"+{start + step * n}" for n in range(count)]


def shuffled(numbers: list[str], seed: int = 1) -> list[str]:
    return Random(seed).sample(numbers, len(numbers))


def hybrid(count: int, block: int, seed: int = 1) -> list[str]:
    """Random blocks of a country's mobiles, each scanned from end to end."""
    random = Random(seed)
    starts = (int(n) // block * block for n in _mobiles(random, WIDE, count // block))
    return [number for start in starts for number in sequential(block, start=start)]


def valid(count: int, seed: int = 1) -> list[str]:
    """Random mobiles of a country, no two of them neighbours."""
    return _mobiles(Random(seed), WIDE, count)


def commands(numbers: list[str], size: int) -> Iterator[list[str]]:
    """These numbers in commands of one size."""
    for at in range(0, len(numbers), size):
        yield numbers[at : at + size]


def growing(numbers: list[str], size: int = 2) -> Iterator[list[str]]:
    """These numbers in small commands, each twice as large as the one before."""
    at = 0
    while at < len(numbers):
        yield numbers[at : at + size]
        at, size = at + size, size * 2
