"""Child processes of the tests: started, killed, and kept alive as systemd does."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from demo.prosody import bound_to_us

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 20


class Process:
    """A command that runs from :meth:`start` to :meth:`stop`.

    With :meth:`keep`, it is started again half a second after it has died.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
    ) -> None:
        self.name = name
        self._command = [*command]
        self._environment = environment
        self._log = log
        self._child: subprocess.Popen[bytes] | None = None
        self._asked = False
        self._kept = threading.Event()
        self._keeper: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        if self.running:
            return
        self._asked = False
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(
                bound_to_us(self._command),
                cwd=ROOT,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def ask_to_stop(self) -> None:
        """Send SIGTERM once: a second one would interrupt its shutdown."""
        self._kept.clear()
        if self.running and not self._asked:
            assert self._child is not None
            self._child.terminate()
        self._asked = True

    def stop(self) -> int | None:
        """Ask it to stop, kill it after a timeout, and return its exit code."""
        self.ask_to_stop()
        child, self._child = self._child, None
        if child is None:
            return None
        try:
            child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            pass  # it is killed
        # Also its children: granian leaves a worker if it is stopped while starting.
        _kill(child)
        return child.returncode

    def kill(self) -> None:
        """Kill it and all its children with SIGKILL."""
        if self._child is not None:
            _kill(self._child)

    def keep(self) -> None:
        """Start it again whenever it dies, until it is stopped."""
        self._kept.set()
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep, daemon=True)
            self._keeper.start()

    def _keep(self) -> None:
        # For ever: the children that a thread started die when the thread ends.
        while self._kept.wait():
            if not self.running:
                self.start()
            time.sleep(0.5)


def _kill(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
