"""Where the Python package keeps commands while the program does not run."""

from pathlib import Path

import pytest
from xmppservice_client import Command, FileStore

COMMANDS = [Command("1", "cmd_search_users", "{}"), Command("2", "cmd_x", "\u2615")]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "commands.json"


def test_another_run_finds_what_the_last_one_has_left(file: Path):
    store = FileStore(file)
    for command in COMMANDS:
        store.save(command)
    store.remove("1")

    assert FileStore(file).load() == COMMANDS[1:]


def test_only_its_user_can_read_it(file: Path):
    stale = file.with_name("commands.json.new")
    stale.touch()
    stale.chmod(0o666)
    FileStore(file).save(COMMANDS[0])

    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("text", ["", "[", '[["1"]]', "5"])
def test_a_file_without_commands_is_named(file: Path, text: str):
    file.write_text(text)

    with pytest.raises(ValueError, match=r"commands\.json has no commands"):
        FileStore(file)
