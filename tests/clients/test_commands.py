"""When both packages send a command again, and when they give up."""

import asyncio
import json
import stat
import subprocess
from functools import cache
from pathlib import Path

import pytest
from xmppservice_client.commands import (
    Answer,
    Commands,
    Failure,
    Receipt,
    new_command,
    parts,
)
from xmppservice_client.store import Command, FileStore, MemoryStore

from tests.clients.behaviour import CASES, Case

SCRIPT = Path(__file__).with_name("behaviour.mjs")
HOUR = 3600.0


@cache
def javascript() -> dict[str, list]:
    cases = json.dumps(CASES)
    done = subprocess.run(
        ["node", SCRIPT], input=cases, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", CASES)
def test_javascript(name: str):
    case = CASES[name]
    assert javascript()[name] == [case.sends, case.outcomes]


@pytest.mark.parametrize("name", CASES)
async def test_python(name: str):
    assert await play(CASES[name]) == (CASES[name].sends, CASES[name].outcomes)


async def play(case: Case) -> tuple[list[int], list[int | str]]:
    sends = [0] * len(case.sizes)

    async def send(command: Command) -> None:
        sends[int(command.id)] += 1

    commands = Commands(send, lambda one: case.sizes[int(one.id)], first_pause=HOUR)
    runs = [
        asyncio.create_task(commands.run(Command(str(id), "cmd", "")))
        for id in range(len(case.sizes))
    ]
    await settle()
    for step in case.steps:
        take(commands, *step)
        await settle()
    outcomes = [outcome(run) for run in runs]
    for run in runs:
        run.cancel()
    await asyncio.gather(*runs, return_exceptions=True)
    return sends, outcomes


async def settle() -> None:
    """Let all tasks run until they wait for something."""
    for _ in range(20):
        await asyncio.sleep(0)


def outcome(run: "asyncio.Task[Answer]") -> int | str:
    if not run.done():
        return "waiting"
    if error := run.exception():
        return type(error).__name__
    return run.result().status


def take(commands: Commands, kind: str, *words) -> None:
    match kind:
        case "open":
            commands.opened()
        case "resume":
            commands.resumed()
        case "end":
            commands.ended()
        case "end-large":
            commands.ended(is_too_large=True)
        case "receipt":
            commands.came("0", Receipt())
        case "error":
            commands.came("0", Failure(words[0], "a-condition"))
        case "answer":
            status, retry_after, command = words
            answer = Answer(status, "", retry_after=retry_after)
            commands.came(str(command), answer)


# --- What is kept ---------------------------------------------------------------------


async def nothing(command: Command) -> None:
    pass


def size(command: Command) -> int:
    return 500


async def test_a_command_that_is_cancelled_is_sent_by_the_next_run():
    store = MemoryStore()
    command = new_command("cmd", {}, "romeo@localhost")
    commands = Commands(nothing, size, store)
    run = asyncio.create_task(commands.run(command))
    await settle()
    assert commands.stored("romeo@localhost") == []  # it is under way
    run.cancel()
    await asyncio.gather(run, return_exceptions=True)

    later = Commands(nothing, size, store)
    assert later.stored("romeo@localhost") == [command]
    # Nobody sends what another account has left.
    assert later.stored("juliet@localhost") == []


@pytest.mark.parametrize("event", [Answer(0, ""), Failure("modify", "not-acceptable")])
async def test_a_command_that_has_ended_is_forgotten(event):
    store = MemoryStore()
    commands = Commands(nothing, size, store)
    commands.opened()
    run = asyncio.create_task(commands.run(Command("0", "cmd", "")))
    await settle()
    commands.came("0", event)
    await asyncio.wait({run}, timeout=10)
    assert run.done()
    assert store.load() == []


def test_a_file_keeps_commands_for_its_user_only(tmp_path: Path):
    path = tmp_path / "commands.json"
    first, second = new_command("cmd", {"a": "à"}), new_command("cmd", {})
    store = FileStore(path)
    store.save(first)
    store.save(second)
    store.remove(first.id)

    assert FileStore(path).load() == [second]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# --- Long address books ---------------------------------------------------------------


def bytes_of(some) -> int:
    return 100 + sum(len(one) for one in some)


@pytest.mark.parametrize(
    ("entries", "lengths"),
    [
        ([], []),
        (["a" * 50] * 3, [3]),
        (["a"] * 25_000, [10_000, 10_000, 5_000]),
        (["a" * 199_900, "b" * 300_000, "c", "d"], [1, 1, 2]),
    ],
)
def test_entries_are_split_in_their_order(entries: list[str], lengths: list[int]):
    found = list(parts(entries, bytes_of))
    assert [len(part) for part in found] == lengths
    assert [one for part in found for one in part] == entries
    assert all(bytes_of(part) <= 200_000 for part in found if len(part) > 1)
