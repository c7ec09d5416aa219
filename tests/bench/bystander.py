"""Another user of the XMPP server, who pings it and logs in all the time.

Runs in a process of its own, as `python -m tests.bench.bystander PORT PINGER LOCAL`, so
that it waits for the server only. When its standard input ends, it prints the begin and
the end of each ping and login, on the clock that all processes share.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from demo.client import Client
from demo.server import bound_to_us, end
from demo.stream import log_in
from tests.processes import ROOT
from tests.service import PASSWORD

PING = "<ping xmlns='urn:xmpp:ping'/>"
PING_EVERY_SECONDS, LOGIN_EVERY_SECONDS = 0.02, 0.1
ANSWER_SECONDS = 120

Span = tuple[float, float]  # begin and end, time.monotonic()


@dataclass(frozen=True, slots=True)
class Waits:
    """How long pings and logins took that were under way in a span of time."""

    pings: list[float]
    logins: list[float]

    def __str__(self) -> str:
        return f"ping {_worst(self.pings)}, login {_worst(self.logins)}"


def _worst(seconds: list[float]) -> str:
    if not seconds:
        return "none"
    return (
        f"worst {max(seconds):.3f} s of {len(seconds)}, median {median(seconds):.3f} s"
    )


@dataclass(slots=True)
class Bystander:
    """What the other user waited for, once the block has ended."""

    pings: list[Span] = field(default_factory=list)
    logins: list[Span] = field(default_factory=list)

    def during(self, *spans: Span) -> Waits:
        return Waits(_under_way(self.pings, spans), _under_way(self.logins, spans))


def _under_way(done: list[Span], spans: tuple[Span, ...]) -> list[float]:
    return [
        ended - began
        for began, ended in done
        if any(began < until and ended > since for since, until in spans)
    ]


@contextmanager
def bystander(port: int, pinger: str, local: str) -> Iterator[Bystander]:
    """Let another user work during the block; their waits are known after it."""
    words = ["-m", "tests.bench.bystander", str(port), pinger, local]
    command = bound_to_us([sys.executable, *words])
    pipe = subprocess.PIPE
    child = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
    seen = Bystander()
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n", "the other user could not log in"
        yield seen
        output, _ = child.communicate(timeout=ANSWER_SECONDS)
        found = json.loads(output)
        seen.pings += map(tuple, found["pings"])
        seen.logins += map(tuple, found["logins"])
    finally:
        end(child, 5)  # type: ignore[arg-type]  # its pipes are texts


async def _repeat(
    spans: list[Span], pause: float, work: Callable[[], Awaitable[Any]]
) -> None:
    while True:
        began = time.monotonic()
        await work()
        spans.append((began, time.monotonic()))
        await asyncio.sleep(pause)


async def _work(port: int, pinger: str, local: str) -> None:
    pings: list[Span] = []
    logins: list[Span] = []

    async def login() -> None:
        stream = await log_in(f"{local}@localhost", PASSWORD, port)
        await stream.close()

    async with Client(f"{pinger}@localhost", PASSWORD, port) as client:
        tasks = [
            asyncio.create_task(
                _repeat(
                    pings,
                    PING_EVERY_SECONDS,
                    lambda: client.iq("get", PING, "localhost", ANSWER_SECONDS),
                )
            ),
            asyncio.create_task(_repeat(logins, LOGIN_EVERY_SECONDS, login)),
        ]
        print("ready", flush=True)
        ended = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
        done, _ = await asyncio.wait(
            {ended, *tasks}, return_when=asyncio.FIRST_COMPLETED
        )
        if not ended.done():
            for task in done:
                task.result()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    print(json.dumps({"pings": pings, "logins": logins}))


if __name__ == "__main__":
    asyncio.run(_work(int(sys.argv[1]), *sys.argv[2:]))
