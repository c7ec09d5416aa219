"""A pytest run with our options, on generated tests."""

import subprocess
import sys
import tomllib
from pathlib import Path

from tests.processes import ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
OPTIONS = SETTINGS["tool"]["pytest"]["ini_options"]["addopts"]
SERVICE = """
import pytest

@pytest.fixture(scope="session")
def service():
    pass
"""
TESTS = """
import os
import pathlib
import pytest

@pytest.mark.parametrize("number", range(6))
def test_it(service, number):
    with pathlib.Path(__file__).with_suffix(".ran").open("a") as file:
        print(os.environ["PYTEST_XDIST_WORKER"], file=file)
"""


def test_tests_of_a_file_that_share_a_service_run_in_one_process(tmp_path: Path):
    tests = tmp_path / "tests"
    tests.mkdir()
    (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = {OPTIONS}\n")
    (tests / "conftest.py").write_text(SERVICE)
    for name in ("one", "two"):
        (tests / f"test_{name}.py").write_text(TESTS)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "xdist.plugin", "-n2", "tests"],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # others take seconds to load
            "TEST_VAR_DIR": str(tmp_path),
        },
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("one", "two"):
        processes = (tests / f"test_{name}.ran").read_text().split()
        assert len(processes) == 6
        assert len(set(processes)) == 1
