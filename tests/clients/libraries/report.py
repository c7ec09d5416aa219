"""What the programs in Python share: their input, their output, their patience.

And, with asyncio, what they do with the library once it has logged in.
"""

import asyncio
import hashlib
import json
import os
import sys
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

JID, SERVICE = sys.argv[1:3]
PASSWORD = os.environ["PASSWORD"]
HOST, PORT = os.environ["XMPP_HOST"], int(os.environ["XMPP_PORT"])
CONTACTS = {"channelUsers": json.loads(os.environ["CONTACTS"])}
NUMBERS = {"userList": json.loads(os.environ["NUMBERS"])}
SECONDS = 30


def say(**result: object) -> None:
    print(json.dumps(result), flush=True)


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


class Arrivals:
    """Values that arrive by key, in order."""

    def __init__(self) -> None:
        self._queues: defaultdict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)

    def put(self, key: str, value: object) -> None:
        self._queues[key].put_nowait(value)

    async def next(self, key: str) -> Any:
        return await within(self._queues[key].get(), key)

    async def changed(self, before: str = "") -> str:
        """Wait for an announcement with another hash than the last one."""
        while (hash := await self.next("announcement")) == before:
            pass
        return str(hash)


async def within(waiting: Awaitable[Any], what: str) -> Any:
    """Wait for 30 seconds; ``what`` names it in the error."""
    try:
        return await asyncio.wait_for(waiting, SECONDS)
    except TimeoutError:
        raise SystemExit(f"{what} did not come within {SECONDS} seconds.") from None


async def converse(
    document: Callable[[], Awaitable[str]],
    command: Callable[[str, object, str], Awaitable[object]],
    subscribe: Callable[[], object],
    arrivals: Arrivals,
) -> None:
    """Read, send both commands, repeat one, and follow a change."""
    say(document=sha1(await within(document(), "The vCard")))
    added = await command("cmd_add_to_roster", CONTACTS, uuid.uuid4().hex)
    say(cmd_add_to_roster=added)
    id = uuid.uuid4().hex
    say(cmd_search_users=await command("cmd_search_users", NUMBERS, id))
    say(repeat=await command("cmd_search_users", NUMBERS, id))

    subscribe()
    subscribed = await arrivals.changed()
    say(subscribed=subscribed)
    change = await arrivals.changed(subscribed)
    say(change=change, document=sha1(await within(document(), "The vCard")))


def run(program: Coroutine[Any, Any, None]) -> None:
    """Run the whole program."""
    try:
        asyncio.run(program)
    except Exception as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None
