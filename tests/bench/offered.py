"""Commands offered at a constant rate, and what became of each.

Unlike a load that waits for answers, it goes on when the service is too slow. Answers
are not parsed, but told apart: answered, or refused until later. A command that got
neither is still outstanding at the end.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from time import monotonic

from tests.bench.load import MESSAGE, Pipe, Request
from tests.bench.times import bar
from tests.service import until

TICK_SECONDS = 0.01
DRAIN_SECONDS = 120
# All are answered, or those that are not never will be: a queue has no such pauses.
QUIET_SECONDS = 10.0

_ID = re.compile(rb"<message\b[^>]*\bid=['\"][^'\"]*-(\d+)['\"]")
_WAIT = re.compile(rb"<resource-constraint\b")
_FAILED = re.compile(rb"<error\b|status(?:\"|&quot;): ?[1-9]")


class Caller(Pipe):
    """Sends commands, whatever is outstanding, and times the answer to each.

    ``waits``: seconds until each answer. ``refused``: how many have to be repeated.
    ``heard_at``: when the latest answer came, as of ``monotonic()``.
    """

    waits: list[float]
    refused: int
    heard_at: float
    _sent: dict[bytes, float]

    def begin_offer(self, request: Request) -> None:
        self.waits, self.refused, self._sent = [], 0, {}
        self.heard_at = monotonic()
        self._request = request

    def offer(self) -> None:
        id = f"{next(self._ids)}"
        self._sent[id.encode()] = monotonic()
        self._transport.write(self._request(id).encode())

    @property
    def outstanding(self) -> int:
        return len(self._sent)

    def data_received(self, data: bytes) -> None:
        self.heard_at = monotonic()
        *answers, self._rest = (self._rest + data).split(MESSAGE)
        for answer in answers:
            self._take(answer)

    def _take(self, answer: bytes) -> None:
        found = _ID.search(answer)
        sent = self._sent.pop(found[1], None) if found else None
        if sent is None:
            return
        if _WAIT.search(answer):
            self.refused += 1
        elif _FAILED.search(answer):
            self.failed = f"{self.jid} is answered {answer[-300:]!r}"
        else:
            self.waits.append(monotonic() - sent)


async def offer(
    callers: Sequence[Caller],
    request: Callable[[Caller], Request],
    per_second: float,
    seconds: float,
    label: str,
) -> None:
    """Offer commands of all callers in turn; return when no more answers come."""
    for caller in callers:
        caller.begin_offer(request(caller))
    began, sent = monotonic(), 0
    while (now := monotonic() - began) < seconds:
        while sent < now * per_second:
            callers[sent % len(callers)].offer()
            sent += 1
        bar(label, int(now), int(seconds))
        await asyncio.sleep(TICK_SECONDS)
    bar(label, int(seconds), int(seconds))

    def is_done() -> bool:
        assert not any(caller.failed for caller in callers), _failure(callers)
        silence = monotonic() - max(caller.heard_at for caller in callers)
        return silence > QUIET_SECONDS or not any(c.outstanding for c in callers)

    await until(is_done, DRAIN_SECONDS)


def _failure(callers: Sequence[Caller]) -> str:
    return next(caller.failed for caller in callers if caller.failed)
