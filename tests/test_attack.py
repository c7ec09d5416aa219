"""The arithmetic of the reports of `make attack` and of the benches."""

import pytest

from tests.attack.population import Population
from tests.attack.projection import BURST, PER_YEAR, Outcome, per_account_year
from tests.attack.timing import difference
from tests.bench import numbers
from tests.bench.times import percentile


def test_a_flagged_account_tests_no_more_in_a_year():
    outcome = Outcome(answered={"a": 1_000}, rules={"a": ["run"]})

    assert per_account_year(outcome) == 1_000


def test_an_unflagged_account_has_the_budget_and_its_refill():
    outcome = Outcome(answered={"a": 3_000}, rules={"a": []})

    assert per_account_year(outcome) == BURST + PER_YEAR


def test_an_attack_is_stopped_when_all_its_accounts_are():
    outcome = Outcome(answered={"a": 1, "b": 2}, rules={"a": ["run"], "b": []})

    assert not outcome.is_stopped
    outcome.refused = {"b"}
    assert outcome.is_stopped


def test_the_result_of_several_accounts_is_their_average():
    outcome = Outcome(
        answered={"a": 1_000, "b": 3_000}, rules={"a": ["crowd"], "b": []}
    )

    assert per_account_year(outcome) == (1_000 + BURST + PER_YEAR) // 2


def test_an_attack_that_never_began_yields_nothing():
    assert per_account_year(Outcome()) == 0


@pytest.mark.parametrize(
    ("percent", "seconds"), [(1, 1), (50, 50), (99, 99), (100, 100)]
)
def test_a_percentile_is_one_of_the_times(percent: int, seconds: int):
    assert percentile(range(100, 0, -1), percent) == seconds


def test_the_percentile_of_one_time_is_that_time():
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7.0


def test_only_different_times_are_distinguished():
    times = [n / 1_000 for n in range(100)]

    low, high = difference(times, times)
    assert low <= 0 <= high
    low, high = difference([second + 1 for second in times], times)
    assert 0.9 < low < high < 1.1


def test_each_place_has_its_own_number():
    places = range(20_000)

    for kind in (numbers.user, numbers.unregistered, numbers.hidden):
        assert len({kind(place) for place in places}) == len(places)


def test_users_are_in_the_blocks_that_the_attacker_knows():
    population = Population(1_000)

    blocks = {int(number) // 10_000 * 10_000 for number in population.users}
    assert blocks == set(population.blocks)
    assert len(population.users) == len(set(population.users)) == 1_000
    tried = population.valid(5_000, seed=1)
    assert {int(number) // 10_000 * 10_000 for number in tried} <= blocks
    assert len(set(tried)) == 5_000
