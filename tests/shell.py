"""A Django shell of a service that stays open, because each start takes seconds."""

import json
import subprocess
import threading
from collections.abc import Mapping, Sequence

from demo.server import bound_to_us
from tests.processes import ROOT

CLOSE_SECONDS = 20

# Reads a line with code, and answers with a line: its output and its traceback. Each
# time begins as in a new process: no dead connections, nothing in memory.
LOOP = """
import contextlib, io, json, sys, traceback
from django.core.cache import cache
from django.db import close_old_connections
from roster.accounts import absent
kept = dict(globals())
for line in sys.stdin:
    code, keep = json.loads(line)
    said, broke = io.StringIO(), ""
    cache.clear()
    absent.forget()
    close_old_connections()
    with contextlib.redirect_stdout(said):
        try:
            exec(code, kept if keep else {"__name__": "shell"})
        except Exception:
            broke = traceback.format_exc()
    print(json.dumps([said.getvalue().strip(), broke]), flush=True)
"""


class Shell:
    """``manage.py shell`` with this environment; starts at the first call."""

    def __init__(self, manage: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = [*manage, "shell", "-v0", "-c", LOOP]
        self._environment = environment
        self._child: subprocess.Popen[str] | None = None
        self._turn = threading.Lock()

    def __call__(self, code: str, *, keep: bool = False) -> str:
        """Run ``code`` and return what it printed; raise what it raised.

        With ``keep``, the names that it defines stay for the next such code.
        """
        with self._turn:
            child = self._child = self._child or self._start()
            assert child.stdin
            assert child.stdout
            child.stdin.write(json.dumps([code, keep]) + "\n")
            child.stdin.flush()
            line = child.stdout.readline()
        assert line, "the shell has ended"
        said: str
        said, broke = json.loads(line)
        assert not broke, broke
        return said

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            bound_to_us(self._command),
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """End the shell; the next call would start another one."""
        child, self._child = self._child, None
        if child:
            child.communicate(timeout=CLOSE_SECONDS)
