"""Campaigns on many more random trees than `make test` tries."""

import os
import subprocess
import sys

import pytest

from tests.buddies import test_held_trees
from tests.buddies.campaigns.test_edits import equality_test
from tests.buddies.publishing.test_applying import property_test
from tests.buddies.test_held_trees import old
from tests.processes import ROOT

__all__ = ["old"]  # the fixture


def test_what_holds_for_some_trees_holds_for_many():
    # Hypothesis reads the number when the module is loaded.
    tests = [sys.executable, "-m", "pytest", "-q", "-n0"]
    run = subprocess.run(
        [*tests, "tests/buddies/campaigns/test_merge.py"],
        cwd=ROOT,
        env={**os.environ, "EXAMPLES": "500"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout


test_many_edits_leave_the_same_tree_as_live = pytest.mark.django_db(equality_test(60))
test_many_stored_trees_are_the_merged_ones = pytest.mark.django_db(property_test(60))


def test_of_many_held_trees_nothing_is_lost(old, monkeypatch):
    monkeypatch.setattr(test_held_trees, "SEEDS", range(100, 160))

    test_held_trees.test_what_was_held_is_a_campaign_and_live_is_live(old)
