"""Tests above their share of a run are named, on any machine."""

import pytest

from tests.levels import BUDGET, LONG, over_budget
from tests.processes import ROOT

SHARES = {
    "tests": {"all": 50, "one": 30},
    "tests/browser": {"all": 60, "one": 40},
    "tests/slow": {"all": 100, "one": 100},
}
TOOK = {"tests/test_a.py::a": 1.0, "tests/browser/test_b.py::b": 1.0}


def lines_over_budget(**took: float) -> list[str]:
    more = {name.replace("__", "/"): seconds for name, seconds in took.items()}
    return list(over_budget({**TOOK, **more}, SHARES))


def test_a_test_may_have_a_share_of_its_own():
    took = {"tests/test_a.py::a": 4.0, "tests/browser/test_b.py::b": 6.0}
    own = {"tests/test_a.py::a": 40, "tests/browser/test_b.py::b": 59}
    shares = {**SHARES, "tests/browser": {"all": 60, "one": 60}}

    assert list(over_budget(took, shares, own)) == [
        "Over budget: tests/browser/test_b.py::b took 60.0 %, and may take 59 %"
    ]


def test_a_test_that_grew_beyond_its_share_is_named():
    lines = lines_over_budget(**{"tests/browser/test_b.py::c": 8.0})

    assert lines == [
        "Over budget: tests/browser took 90.0 %, and may take 60 %",
        "Over budget: tests/browser/test_b.py::c took 80.0 %, and may take 40 %",
    ]


def test_a_test_within_its_share_is_not_named():
    fine = {
        f"tests/{where}test_a.py::{n}": 1.0
        for n in range(5)
        for where in ("", "browser/")
    }
    assert list(over_budget(fine, SHARES)) == []


@pytest.mark.parametrize("seconds", [1.0, 1000.0])
def test_a_slower_machine_names_no_other_tests(seconds):
    took = {name: seconds * value for name, value in TOOK.items()}
    assert list(over_budget(took, SHARES)) == list(over_budget(TOOK, SHARES))


def test_a_run_of_some_levels_reports_no_shares():
    assert list(over_budget({"tests/test_a.py::a": 9.0}, SHARES)) == []


def test_the_shares_of_a_kind_cover_a_whole_run():
    for kind in (True, False):
        shares = [
            level["all"]
            for name, level in BUDGET.items()
            if name.startswith("tests/slow") == kind
        ]
        assert 100 <= sum(shares) <= 160


@pytest.mark.parametrize("name", LONG)
def test_each_test_with_its_own_share_exists(name):
    file, _, function = name.partition("::")
    assert f"def {function}(" in (ROOT / file).read_text()
