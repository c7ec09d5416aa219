"""Where commands are until they are answered."""

import json
import os
from pathlib import Path
from typing import NamedTuple, Protocol


class Command(NamedTuple):
    """A command as it is stored and repeated: the same text each time.

    ``owner`` is the bare JID of the account that sends it, and no other one may.
    """

    id: str
    word: str
    payload: str
    owner: str = ""


class Store(Protocol):
    """Keeps commands until they are answered, also while the program does not run."""

    def save(self, command: Command) -> None: ...
    def remove(self, id: str) -> None: ...
    def load(self) -> list[Command]: ...


class MemoryStore:
    """A store for programs that need not repeat anything after a restart."""

    def __init__(self) -> None:
        self._commands: dict[str, Command] = {}

    def save(self, command: Command) -> None:
        self._commands[command.id] = command

    def remove(self, id: str) -> None:
        self._commands.pop(id, None)

    def load(self) -> list[Command]:
        return list(self._commands.values())


class FileStore(MemoryStore):
    """A store in a file, which only its user can read: it has phone numbers.

    Each account needs a file of its own: another one would send the commands as its
    own. Raises ValueError if the file is not of this form.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        if path.exists():
            for command in _commands_in(path):
                super().save(command)

    def save(self, command: Command) -> None:
        super().save(command)
        self._write()

    def remove(self, id: str) -> None:
        super().remove(id)
        self._write()

    def _write(self) -> None:
        # A new file in its place, so that a crash leaves the old one or the new one.
        new = self._path.with_name(f"{self._path.name}.new")
        new.unlink(missing_ok=True)
        with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
            json.dump(self.load(), f)
            f.flush()
            os.fsync(f.fileno())
        new.replace(self._path)


def _commands_in(path: Path) -> list[Command]:
    try:
        return [Command(*fields) for fields in json.loads(path.read_text())]
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path} has no commands: move it away.") from error
