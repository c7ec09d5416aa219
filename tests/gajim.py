"""Gajim, an ordinary XMPP client with windows, on a screen of its own."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

from demo.prosody import bound_to_us
from tests.processes import ROOT
from tests.service import until

PYTHON = "/usr/bin/python3"  # Debian's, for which Gajim is installed
INSIDE = ROOT / "tests/gajim_inside.py"
SCREEN = ["Xvfb", "-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "1400x1000x24"]
END_SECONDS = 10


class Gajim:
    """A Gajim that keeps its files below ``folder``.

    Its methods are the functions of gajim_inside.py: ``gajim.rows("Browsing …")``.
    """

    name = "Gajim"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder / "gajim.log"

    @classmethod
    def installed(cls) -> bool:
        return bool(shutil.which("gajim") and shutil.which("Xvfb"))

    def __enter__(self) -> Self:
        self._screen = _start(SCREEN, {}, None)
        assert self._screen.stdout
        display = f":{self._screen.stdout.readline().strip()}"
        command = [PYTHON, "-P", str(INSIDE), "--separate", "--loglevel", "gajim=INFO"]
        command += ["--config-path", str(self._folder / "config")]
        # Without a D-Bus, a Gajim that runs already is not found.
        more = {"DISPLAY": display, "DBUS_SESSION_BUS_ADDRESS": "disabled:"}
        more |= {"HOME": str(self._folder), "XDG_RUNTIME_DIR": str(self._folder)}
        more |= {"GSETTINGS_BACKEND": "memory", "NO_AT_BRIDGE": "1"}
        self._child = _start(command, more, self._log)
        return self

    def __exit__(self, *_: object) -> None:
        for child in (self._child, self._screen):
            child.terminate()
            try:
                child.communicate(timeout=END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()

    @property
    def log(self) -> str:
        return self._log.read_text()

    def __getattr__(self, name: str) -> Any:
        """Return a function that calls ``name`` of gajim_inside.py."""
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *values, **named: self.value(f"{name}(*{values!r}, **{named!r})")

    def value(self, expression: str) -> Any:
        """Return the value of ``expression`` in gajim_inside.py; raise its error."""
        stdin, stdout = self._child.stdin, self._child.stdout
        assert stdin
        assert stdout
        stdin.write(json.dumps(expression) + "\n")
        stdin.flush()
        line = stdout.readline()
        assert line, f"Gajim has ended:\n{self.log}"
        value, broke = json.loads(line)
        assert not broke, broke
        return value

    async def log_in(self, local: str, password: str, port: int) -> None:
        self.value(f"log_in({local!r}, {password!r}, {port})")
        await until(self.online)


def _start(
    command: list[str], more: dict[str, str], log: Path | None
) -> subprocess.Popen[str]:
    environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", **more}
    with open(log or os.devnull, "wb") as errors:
        return subprocess.Popen(
            bound_to_us(command),
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
