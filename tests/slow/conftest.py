"""What the slow tests share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation's site, as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir"]
    extra = {"VAR_DIR": str(tmp_path_factory.mktemp("var")), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [*command, str(folder)],
        cwd=ROOT,
        env=os.environ | extra,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder
