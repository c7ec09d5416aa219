"""A program that uses the generated client passes a strict type check.

tests/clients/test_generated.py runs the same program.
"""

import os
import subprocess
import sys

from tests.clients.generated import generate_client
from tests.service import ROOT


def test_a_program_with_a_generated_client_is_typed(tmp_path):
    generate_client(tmp_path)
    options = ["--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}"]

    checked = subprocess.run(
        [sys.executable, "-m", "mypy", *options, "tests/clients/scenario.py"],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert checked.returncode == 0, checked.stdout
