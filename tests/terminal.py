"""A program in a terminal, driven by a test as a user drives it."""

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import termios
from pathlib import Path
from typing import ClassVar, Self

import pyte

from demo.prosody import bound_to_us
from tests.service import until

ROWS, COLUMNS = 150, 240
PATIENCE = 30  # seconds


class Program:
    """A terminal program that keeps its files below ``folder``."""

    name: ClassVar[str]

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        # It writes only changes, so a terminal emulator keeps the whole screen.
        self._screen = pyte.Screen(COLUMNS, ROWS)
        self._stream = pyte.ByteStream(self._screen)

    @classmethod
    def installed(cls) -> bool:
        return bool(shutil.which(cls.name))

    def __enter__(self) -> Self:
        self._terminal, inside = pty.openpty()
        os.set_blocking(self._terminal, False)
        size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
        fcntl.ioctl(inside, termios.TIOCSWINSZ, size)
        self._child = subprocess.Popen(
            bound_to_us(self._command()),
            stdin=inside,
            stdout=inside,
            stderr=inside,
            env=self._environment(),
            start_new_session=True,
        )
        os.close(inside)
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.wait()
        os.close(self._terminal)

    def _command(self) -> list[str]:
        return [self.name]

    def _environment(self) -> dict[str, str]:
        places = {
            "HOME": "",
            "XDG_CACHE_HOME": "cache",
            "XDG_CONFIG_HOME": "config",
            "XDG_DATA_HOME": "data",
        }
        folders = {name: str(self._folder / place) for name, place in places.items()}
        terminal = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
        return {"PATH": os.environ["PATH"], **terminal, **folders}

    def type(self, line: str) -> None:
        """Type ``line`` and press Enter."""
        self.press(f"{line}\r")

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    async def shows(self, text: str) -> None:
        """Wait until ``text`` is anywhere on the screen."""
        try:
            await until(lambda: text in self.text, PATIENCE)
        except AssertionError:
            raise AssertionError(
                f"{text!r} was not shown:\n{self.text.strip()}"
            ) from None

    @property
    def text(self) -> str:
        """The lines that the screen shows now, without trailing blanks."""
        try:
            while read := os.read(self._terminal, 65_536):
                self._stream.feed(read)
        except OSError:
            pass  # no more, or the program has ended
        return "\n".join(line.rstrip() for line in self._screen.display)
