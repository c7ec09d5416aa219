"""Address books are let through, and number enumeration is detected."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from random import Random

import pytest

from roster.discovery import detector
from roster.discovery.detector import ChargedNumbers
from tests.roster import books

NOTHING = ChargedNumbers({}, 0)


def rules_broken(
    commands: Iterable[list[str]],
    users: Sequence[bool] = (),
    usual: float | None = None,
) -> Iterator[tuple[int, list[str]]]:
    """For each command, yield the numbers so far and the rules that were broken.

    The last command has no new numbers.
    """
    crowds: Counter[int] = Counter()
    at = 0
    for new in (*commands, []):
        prefixes = books.prefixes(new)
        past = ChargedNumbers(crowds, sum(users[:at]))
        at += len(new)
        found = detector.flag_reasons(past, prefixes, usual)
        yield at, [str(reason["rule"]) for reason in found]
        crowds.update(prefixes.values())


def detected(numbers: list[str], size: int) -> tuple[str, int] | None:
    """The first rule that these numbers break, and after how many."""
    commands = books.commands(numbers, size)
    return next(((rules[0], at) for at, rules in rules_broken(commands) if rules), None)


def alarms(book: books.Book) -> bool:
    """Whether a book is taken for enumeration, as one command or in growing ones."""
    return any(
        rules
        for commands in ([book.numbers], books.growing(book.numbers))
        for _, rules in rules_broken(commands, book.users, books.ADOPTION)
    )


def reasons(
    past: ChargedNumbers, new: list[str], usual: float | None = None
) -> list[str]:
    found = detector.flag_reasons(past, books.prefixes(new), usual)
    return [str(reason["rule"]) for reason in found]


def misses(total: int, hits: int, usual: float | None) -> list[str]:
    """The rules broken by an owner whose numbers are spread over a country."""
    return reasons(ChargedNumbers(Counter(range(total)), hits), [], usual)


# The numbers, numbers per command, the rule, and after how many at most.
ATTACKS = [
    (books.sequential(5_000), 500, "run", 500),
    (books.sequential(5_000, step=7), 500, "run", 500),
    (books.sequential(5_000, step=1_000), 500, "run", 500),
    (books.sequential(5_000)[::-1], 500, "run", 500),
    (books.shuffled(books.sequential(500)), 500, "run", 500),
    (books.sequential(5_000), 1, "crowd", 1_100),
    (books.sequential(5_000), 100, "crowd", 1_100),
    (books.shuffled(books.sequential(10_000)), 100, "crowd", 1_100),
    (books.shuffled(books.sequential(10_000)), 1_000, "crowd", 2_000),
    (books.shuffled(books.sequential(10_000, step=7)), 100, "crowd", 1_100),
    (books.hybrid(10_000, 1_000), 100, "crowd", 1_200),
    (books.hybrid(10_000, 100), 100, "crowd", 2_000),
    (books.shuffled(books.hybrid(10_000, 100)), 100, "crowd", 8_000),
    (books.hybrid(10_000, 100), 500, "run", 500),
    (books.hybrid(10_000, 50), 500, "run", 500),
]


@pytest.mark.parametrize(("numbers", "size", "rule", "most"), ATTACKS)
def test_scans_are_detected(numbers, size, rule, most):
    found = detected(numbers, size)

    assert found is not None
    assert (found[0], found[1] <= most) == (rule, True), found


def test_decoys_do_not_hide_the_runs_of_a_command():
    scan, decoys = books.hybrid(500, 100), books.valid(500)

    assert reasons(NOTHING, books.shuffled(scan + decoys)) == ["run"]


@pytest.mark.parametrize(
    ("numbers", "size"),
    [
        (books.valid(10_000), 2_000),
        (books.sequential(10_000, step=1_000), 100),
        (books.hybrid(10_000, 10), 100),
    ],
    ids=["random", "wide steps in small commands", "small blocks in small commands"],
)
def test_some_attacks_are_limited_by_the_budget_only(numbers, size):
    assert detected(numbers, size) is None


@pytest.mark.parametrize("size", [30, 300, 1_000])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_a_company_with_direct_dial_is_let_through(size, share):
    for seed in range(20):
        colleagues = books.company(Random(seed), size, share)

        assert detected(colleagues, 2_000) is None
        assert detected(colleagues, 100) is None


def test_a_complete_range_is_let_through_up_to_a_limit():
    assert reasons(NOTHING, books.sequential(detector.MAX_IN_RUNS - 1)) == []
    assert reasons(NOTHING, books.sequential(detector.MAX_IN_RUNS)) == ["run"]


def test_short_runs_do_not_add_up():
    row = detector.MIN_RUN_LENGTH
    blocks = [
        number
        for n in range(20)
        for number in books.sequential(row - 1, start=39_333_000_0000 + n * 50_000)
    ]

    assert "run" not in reasons(NOTHING, blocks)
    assert "run" in reasons(NOTHING, books.hybrid(20 * row, row))


def test_a_run_does_not_continue_in_another_country():
    italy = books.sequential(200, start=39_333_120_9800)
    elsewhere = books.sequential(199, start=40_721_000_0000)

    assert reasons(NOTHING, italy + elsewhere) == []


@pytest.mark.parametrize(
    ("crowds", "found"),
    [
        ([1_000], []),  # a company
        ([1_071], ["crowd"]),
        ([600, 400], []),  # a company across two blocks
        ([1_000] + [1] * 500, []),
        ([1_000, 1_000], ["crowd"]),
        ([50] * 200, []),  # a shop in a town
        ([100] * 15, []),
        ([100] * 20, ["crowd"]),  # blocks of 100, scanned
        ([1] * 10_000, []),
    ],
)
def test_a_crowd_is_too_many_numbers_in_few_blocks(crowds, found):
    past = ChargedNumbers(dict(enumerate(crowds)), 0)

    assert reasons(past, []) == found


def test_new_numbers_count_towards_a_crowd():
    scan = books.shuffled(books.sequential(10_000))[:1_100]
    past = ChargedNumbers(Counter(books.prefixes(scan[:1_000]).values()), 0)

    assert past.total == 1_000
    assert reasons(past, []) == []
    assert reasons(past, scan[1_000:]) == ["crowd"]


@pytest.mark.parametrize(
    ("total", "hits", "usual", "found"),
    [
        (10_000, 50, 0.25, ["misses"]),
        (10_000, 249, 0.25, ["misses"]),
        (10_000, 250, 0.25, []),
        (7_499, 0, 0.25, []),  # friends in a region without users
        (7_500, 0, 0.25, ["misses"]),
        (10_000, 0, 0.004, []),  # there are hardly any users anywhere
        (10_000, 0, 0.005, ["misses"]),
        (10_000, 0, 0.0, []),
        (10_000, 0, None, []),
    ],
)
def test_misses_are_far_fewer_hits_than_usual(total, hits, usual, found):
    assert misses(total, hits, usual) == found


def test_without_numbers_there_is_no_suspicion():
    assert detector.flag_reasons(NOTHING, {}, None) == []
    assert detector.flag_reasons(NOTHING, {"+393331200000": 1}, 0.25) == []


def test_every_reason_is_explained_without_phone_numbers():
    past = ChargedNumbers(Counter(range(10_000)) + Counter({1: 990_000}), 1)
    new = books.prefixes(books.sequential(412, step=3))

    found = detector.flag_reasons(past, new, 0.01)
    kept = json.loads(json.dumps(found))

    assert [detector.explain(reason) for reason in kept] == [
        "Looked up 412 consecutive numbers (steps of 3). Address books "
        "contain few of these.",
        "Looked up 1000412 numbers, about 859152 in each block of "
        "10,000. Numbers in an address book are more spread out.",
        "Only 1 of 1000000 numbers are users. An address book of that "
        "size has about 10000.",
    ]
