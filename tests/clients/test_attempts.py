"""Both packages repeat commands as the contract's table says, whatever comes when."""

import asyncio
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from xmppservice_client.commands import (
    Answer,
    Commands,
    Failure,
    Receipt,
    new_command,
    read_answer,
)
from xmppservice_client.store import Command

SCRIPT = Path(__file__).with_name("commands.mjs")
PAUSE_SECONDS = 0.1
DONE = Answer(0, "")
FAILED = Answer(1, "SQL_ERROR")


class Client:
    """Sends one command; ``react`` is called each time, with how often it was sent."""

    def __init__(self, react: Callable[["Client"], object], size: int = 100) -> None:
        self.react, self.count, self.sent = react, 0, asyncio.Event()
        self.commands = Commands(self._send, lambda _: size, first_pause=PAUSE_SECONDS)
        self.commands.opened()

    async def _send(self, _: Command) -> None:
        self.count += 1
        self.sent.set()
        self.react(self)

    def came(self, *events: object) -> None:
        for event in events:
            self.commands.came("a", event)

    def reconnect(self) -> None:
        self.commands.ended()
        self.commands.opened()

    async def run(self) -> Answer:
        command = Command("a", "cmd_search_users", "{}")
        return await asyncio.wait_for(self.commands.run(command), 5)


def first(*events: object) -> Callable[[Client], None]:
    return lambda client: client.came(*(events if client.count == 1 else [DONE]))


@pytest.mark.parametrize(
    "events",
    [
        [FAILED, Receipt()],
        [Receipt(), FAILED],
        [FAILED, Failure("wait", "resource-constraint"), Receipt()],
        [Answer(5, "RATE_LIMITED", retry_after=0.2), Receipt()],
    ],
)
async def test_a_receipt_changes_nothing_after_an_answer(events):
    client = Client(first(*events))

    assert await client.run() == DONE
    assert client.count == 2


@pytest.mark.parametrize("events", [[], [FAILED]])
async def test_a_new_stream_begins_with_the_first_pause(events):
    def react(client: Client) -> None:
        client.came(*([DONE] if client.count == 6 else events))
        if client.count == 4:
            client.commands.ended()
            later = asyncio.get_running_loop().call_later
            later(PAUSE_SECONDS * 9, client.commands.opened)

    began = time.monotonic()
    client = Client(react)
    await client.run()

    # 1 + 2 + 4 pauses, 9 without a stream, and 1; otherwise the last one would be 12.
    assert time.monotonic() - began < PAUSE_SECONDS * 26
    assert client.count == 6


async def test_an_answer_after_a_long_interruption_is_taken():
    client = Client(lambda _: None)
    task = asyncio.create_task(client.run())
    await client.sent.wait()
    client.commands.ended()
    await asyncio.sleep(PAUSE_SECONDS * 2)
    client.commands.resumed()
    client.came(DONE)

    assert await task == DONE
    assert client.count == 1


async def test_what_has_arrived_once_is_not_too_large():
    def react(client: Client) -> None:
        client.came(*([Receipt()] if client.count == 1 else []))
        if client.count < 5:
            asyncio.get_running_loop().call_soon(client.reconnect)
        else:
            client.came(DONE)

    assert await Client(react, size=50_000).run() == DONE


async def test_without_a_pause_in_the_answer_there_is_no_loop():
    client = Client(lambda client: client.came(Answer(5, "RATE_LIMITED")))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(client.run(), 0.3)

    assert client.count == 1


# --- Texts ---------------------------------------------------------------------

FIELDS = {"status": 0, "errorCode": "", "errorMessage": []}
NO_ANSWERS = [
    *(json.dumps(FIELDS | {"status": one}) for one in ("0", True, 0.5, -1, None)),
    json.dumps(FIELDS).replace("0", "1e400"),
    json.dumps(FIELDS | {"errorCode": None}),
    *(json.dumps(FIELDS | {"errorMessage": one}) for one in ("", {}, [{"message": 5}])),
    *(json.dumps(FIELDS | {"userList": one}) for one in ("abc", {"a": 1}, [1])),
    *(json.dumps(FIELDS | {"retryAfter": one}) for one in ("3", None, True, -1)),
    "[" * 100_000,
]


def javascript(*words: str) -> str:
    done = subprocess.run(
        ["node", SCRIPT, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_javascript_package_does_the_same():
    assert javascript() == "fine\n"


def test_what_is_not_of_the_form_is_no_answer(tmp_path: Path):
    texts = tmp_path / "texts.json"
    texts.write_text(json.dumps(NO_ANSWERS))

    assert [text for text in NO_ANSWERS if read_answer(text)] == []
    assert json.loads(javascript(str(texts))) == [None] * len(NO_ANSWERS)


@pytest.mark.parametrize("text", ["\ud83d", "\ufffe", "\uffff"])
def test_texts_that_xml_cannot_carry_are_escaped(text: str):
    payload = new_command("cmd_search_users", {"userList": [text]}).payload

    assert payload.isascii()
    assert json.loads(payload) == {"userList": [text]}
