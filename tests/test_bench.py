"""The measurements: nothing else runs them, so at least they can be loaded."""

import importlib
from pathlib import Path

import pytest

# curves.py draws pictures, with a package of requirements-bench.txt.
PROGRAMS = sorted(
    {path.stem for path in Path("tests/bench").glob("[a-z]*.py")} - {"curves"}
)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_measurement_can_be_loaded(name):
    assert importlib.import_module(f"tests.bench.{name}")
