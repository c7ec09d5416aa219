"""Install a lock file into this environment, with progress; `make` calls it.

    .venv/bin/python demo/packages.py requirements.txt [pip's own options]

Nothing is resolved: the lock names every package with its version and its hashes, and
pip installs exactly these (``--no-deps``). Old versions of pip resolve ``name[extra]``
of a dependency again, and fail when a newer release is out. Standard library only:
nothing else is installed when it runs.
"""

import os
import re
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
INSTALL = [*PIP, "install", "--no-deps", "--require-hashes"]
CHECK = [*PIP, "check"]
PACKAGES = Path(sysconfig.get_path("purelib"))
ENTRY = re.compile(r"^[\w.-]+(?:\[[^\]]*\])?==", re.MULTILINE)
# The beginnings of the line that pip prints for each package.
FETCHED = ("Collecting ", "Processing ", "Requirement already satisfied")
POLL_SECONDS = 0.3
# If the output is not a terminal, print a line after this many packages.
PACKAGES_PER_LINE = 25


def main(lock: Path, options: Sequence[str]) -> int:
    """Install the packages of ``lock``; return the exit code of pip."""
    progress = Progress(len(ENTRY.findall(lock.read_text())))
    code = _run([*INSTALL, "-r", str(lock), *options], progress)
    return code or _run(CHECK)


class Progress:
    """Counts downloaded and installed packages of a lock, shown in one line."""

    def __init__(self, total: int, output: TextIO = sys.stdout) -> None:
        self._total = total
        self._fetched = self._shown = 0
        self._output = output
        self._before = _installed()

    def read(self, line: str) -> None:
        """Count a line that pip has printed."""
        if line.startswith(FETCHED):
            self._fetched += 1
        elif line.startswith("Ignoring "):  # for another system or Python
            self._total -= 1

    def show(self, *, finished: bool = False) -> None:
        """Print the progress: in place on a terminal, else a line now and then."""
        # An upgrade removes the old package first, so that there may be fewer.
        installed = max(0, _installed() - self._before)
        done = self._fetched + installed
        text = f"Python packages: {self._fetched} of {self._total} fetched"
        text += ", all installed" if finished else f", {installed} installed"
        if self._output.isatty():
            self._output.write(f"\r{text}" + ("\n" if finished else ""))
        elif finished or done >= self._shown + PACKAGES_PER_LINE:
            self._output.write(f"{text}\n")
            self._shown = done
        self._output.flush()


def _installed() -> int:
    """Return the number of packages in this environment."""
    return sum(1 for _ in PACKAGES.glob("*.dist-info"))


def _run(command: Sequence[str], progress: Progress | None = None) -> int:
    """Run pip, and print its output only if it fails."""
    output: list[str] = []
    with subprocess.Popen(
        command,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        reader = threading.Thread(target=_read, args=(child, output, progress))
        reader.start()
        while child.poll() is None:
            if progress:
                progress.show()
            time.sleep(POLL_SECONDS)
        reader.join()
    if child.returncode:
        sys.stderr.write("".join(output[-20:]))
        sys.stderr.write("pip failed, see above. To start over: rm -r .venv\n")
    elif progress:
        progress.show(finished=True)
    return child.returncode


def _read(
    child: subprocess.Popen[str], output: list[str], progress: Progress | None
) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        output.append(line)
        if progress:
            progress.read(line)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
