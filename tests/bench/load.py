"""A load of many clients, and its result: answers a second, CPU seconds for each.

Each client keeps a number of requests outstanding, and sends the next one when an
answer comes. Answers are counted, not parsed, so that the load itself costs little.
"""

import asyncio
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from demo.stream import RawStream, log_in
from tests.bench.times import bar
from tests.service import PASSWORD, until

TICKS = os.sysconf("SC_CLK_TCK")
WARM_UP = 0.3  # seconds
LOGIN_BATCH_SIZE = 100
PATIENCE = 120  # seconds for outstanding answers

# What each answer contains once.
VCARD, MESSAGE, RESULT = b"</vCard>", b"</message>", b"type='result'"
# An error stanza, or a failed command.
REFUSED = re.compile(rb'<error|"status": ?[1-9]')

Request = Callable[[str], str]


class Pipe(asyncio.Protocol):
    """Sends requests on an open stream, and counts the answers."""

    def __init__(self, jid: str, transport: Any) -> None:
        self.jid = jid
        self.answered = 0
        self.under_way = 0
        self.failed = ""
        self._transport = transport
        transport.set_protocol(self)
        self._ids = count()
        self._asks = False
        self._rest = b""

    def begin(self, request: Request, mark: bytes, outstanding: int) -> None:
        """``request(id)`` makes a stanza; ``mark`` ends its answer."""
        self._request, self._mark, self._asks = request, mark, True
        self._ask(outstanding)

    async def ask(self, request: Request, mark: bytes, times: int) -> float:
        """Ask ``times`` times at once; return the seconds to the last answer."""
        began = time.monotonic()
        self._request, self._mark, self._asks = request, mark, False
        self._ask(times)
        await self.end()
        return time.monotonic() - began

    def send(self, request: Request, mark: bytes) -> None:
        """Ask once more, whatever is outstanding."""
        self._request, self._mark, self._asks = request, mark, False
        self._ask(1)

    async def end(self) -> None:
        """Stop asking, and wait for outstanding answers."""
        self._asks = False
        await until(lambda: self.failed or not self.under_way, PATIENCE)
        assert not self.failed, self.failed

    def _ask(self, times: int) -> None:
        self.under_way += times
        xml = "".join(self._request(f"{next(self._ids)}") for _ in range(times))
        self._transport.write(xml.encode())

    def data_received(self, data: bytes) -> None:
        if not self.under_way:
            return  # presence of other users
        data = self._rest + data
        if refused := REFUSED.search(data):
            at = refused.start()
            self.failed = f"{self.jid} is answered {data[at : at + 200]!r}"
            self._asks = False
            return
        came = data.count(self._mark)
        # A mark may come in two parts, but must not be counted twice.
        at = data.rfind(self._mark) + len(self._mark) if came else 0
        self._rest = data[max(at, len(data) - len(self._mark) + 1) :]
        self.answered += came
        self.under_way -= came
        if came and self._asks:
            self._ask(came)

    def connection_lost(self, error: Exception | None) -> None:
        self.failed = self.failed or f"the stream of {self.jid} has ended"


@asynccontextmanager
async def pipes(locals: Sequence[str], port: int) -> AsyncIterator[list[Pipe]]:
    """Clients of localhost, logged in and online."""
    async with logged_in(locals, port) as streams:
        yield [Pipe(stream.jid, stream.transport) for stream in streams]


@asynccontextmanager
async def logged_in(locals: Sequence[str], port: int) -> AsyncIterator[list[RawStream]]:
    """Streams of such clients."""
    streams: list[RawStream] = []
    try:
        for at in range(0, len(locals), LOGIN_BATCH_SIZE):
            if len(locals) > LOGIN_BATCH_SIZE:
                bar("logins", at, len(locals))
            some = locals[at : at + LOGIN_BATCH_SIZE]
            streams += await asyncio.gather(*(_log_in(local, port) for local in some))
        yield streams
    finally:
        for stream in streams:
            stream.transport.close()


async def _log_in(local: str, port: int) -> RawStream:
    stream = await log_in(f"{local}@localhost/load", PASSWORD, port)
    stream.write("<presence/>")
    # Its own presence comes back: after that nothing is outstanding.
    await stream.next()
    return stream


@dataclass(frozen=True, slots=True)
class Rate:
    """Answers a second, and the CPU seconds of processes for each answer."""

    per_second: float
    cpu: dict[str, float]


async def rate(
    clients: Sequence[Pipe],
    request: Callable[[Pipe], Request],
    mark: bytes,
    *,
    outstanding: int,
    seconds: float,
    processes: dict[str, Iterable[int]],
) -> Rate:
    """Measure a load of all clients; ``processes``: process ids by a name for them."""
    for client in clients:
        client.begin(request(client), mark, outstanding)
    await asyncio.sleep(WARM_UP)
    before, used, began = _answered(clients), _used(processes), time.monotonic()
    await asyncio.sleep(seconds)
    done, taken = _answered(clients) - before, time.monotonic() - began
    cpu = {name: _used(processes)[name] - used[name] for name in used}
    for client in clients:
        await client.end()
    assert done, "nothing was answered"
    return Rate(done / taken, {name: spent / done for name, spent in cpu.items()})


def _answered(clients: Iterable[Pipe]) -> int:
    return sum(client.answered for client in clients)


def _used(processes: dict[str, Iterable[int]]) -> dict[str, float]:
    return {name: sum(map(cpu_seconds, pids)) for name, pids in processes.items()}


def cpu_seconds(pid: int) -> float:
    """Return the CPU seconds of a process so far, including those in the kernel."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0  # a helper of the XMPP server that has ended
    return (int(words[11]) + int(words[12])) / TICKS
