"""XmppServer: hosts one ASGI application instance on one stream.

It owns the bounded inbox between them and the life cycle of both: it reopens a
broken stream and restarts a crashed application, with growing pauses.
"""

import asyncio
import logging
import random
import time
from collections import deque
from collections.abc import (
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    MutableMapping,
    Sequence,
)
from typing import Any, Protocol

from xmppservice.connection import events, gateway

logger = logging.getLogger(__name__)

MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.5, 10.0

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class HostedStream(Protocol):
    """What the server needs from a stream: see ``stream.ServiceStream``."""

    jid: str
    failure: str
    on_message: Callable[[dict[str, str]], bool]
    on_ready: Callable[[], None]
    on_privileges: Callable[[], None]
    on_published: Callable[[int], None]
    on_subscription: Callable[[str, int | None], None]
    on_account: Callable[[str, bool], None]

    @property
    def ready(self) -> bool: ...
    @property
    def privileged(self) -> bool: ...
    @property
    def companions(self) -> frozenset[str]: ...
    @property
    def reads(self) -> int | None: ...
    def publish(
        self, number: int, document: str, entries: Sequence[events.CatalogueEntry]
    ) -> None: ...
    async def ask(
        self, requests: Sequence[gateway.IqRequest], deadline: float
    ) -> list[gateway.IqResult]: ...
    async def session(self) -> None: ...
    async def deliver(self, answers: Iterable[events.Answer]) -> None: ...
    async def announce(self, to: Iterable[str], *, message: bool) -> None: ...


class Inbox:
    """Events waiting for the application, limited in number and in bytes.

    Reading the socket is never paused, because the answers that tasks wait for come
    through it, too. Commands that do not fit are refused; the client repeats them.
    Events of the stream itself, which have no size, are few and come first: a new
    document is not announced behind thousands of commands.
    """

    def __init__(self, stanzas: int, size: int) -> None:
        self.max_stanzas, self.max_bytes = stanzas, size
        self.bytes = 0
        self._events: deque[tuple[int, Any]] = deque()
        self._first: deque[Any] = deque()
        self._filled = asyncio.Event()

    def __len__(self) -> int:
        return len(self._first) + len(self._events)

    @property
    def is_half_empty(self) -> bool:
        is_short = 2 * len(self._events) <= self.max_stanzas
        return is_short and 2 * self.bytes <= self.max_bytes

    def put(self, event: Any, size: int = 0) -> bool:
        """Append ``event`` of about ``size`` bytes; False when there is no room."""
        if not size:
            self._first.append(event)
        elif (
            len(self._events) >= self.max_stanzas or self.bytes + size > self.max_bytes
        ):
            return False
        else:
            self._events.append((size, event))
            self.bytes += size
        self._filled.set()
        return True

    async def get(self) -> Any:
        while not (self._first or self._events):
            self._filled.clear()
            await self._filled.wait()
        if self._first:
            return self._first.popleft()
        size, event = self._events.popleft()
        self.bytes -= size
        return event


class XmppServer:
    """Run ``application`` on ``stream`` while :meth:`run` runs."""

    def __init__(
        self, application: Application, stream: HostedStream, inbox: Inbox
    ) -> None:
        self.application, self.stream, self.inbox = application, stream, inbox
        self._refused = 0  # commands, since the inbox was full
        self._published = asyncio.Event()
        stream.on_message = self._accept
        stream.on_ready = self._report_ready
        stream.on_privileges = self._report_privileges
        stream.on_published = lambda number: self._put(events.published(number))
        stream.on_subscription = self._report_subscription
        stream.on_account = self._report_account

    async def run(self) -> None:
        """Serve until cancelled."""
        gateway.attach(self.stream.ask, self._state)
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(self._host())
                parts.create_task(self._connect())
                parts.create_task(gateway.answer_others(self.stream.ask))
        finally:
            gateway.detach()

    @property
    def ready(self) -> bool:
        """Whether clients get answers now."""
        return self.stream.ready and self._published.is_set()

    def _state(self) -> gateway.State:
        stream = self.stream
        return gateway.State(stream.ready, stream.privileged, stream.companions)

    def _report_ready(self) -> None:
        stream = self.stream
        self._put(
            events.connected(privileged=stream.privileged, companions=stream.companions)
        )

    def _report_privileges(self) -> None:
        stream = self.stream
        self._put(
            events.privileges(
                privileged=stream.privileged, companions=stream.companions
            )
        )

    def _reads(self) -> int | None:
        """How often the document that was published last was read."""
        return self.stream.reads

    async def _host(self) -> None:
        scope = {"type": "xmpp", "jid": self.stream.jid, "reads": self._reads}
        for pause in _pauses():
            if self.stream.ready:
                self._report_ready()
            try:
                await self.application(dict(scope), self.inbox.get, self._send)
            except Exception:
                logger.exception("the XMPP application crashed; it is started again")
            await asyncio.sleep(pause)

    async def _connect(self) -> None:
        # Never open without a document: clients would read an empty tree.
        await self._published.wait()
        pauses = _pauses()
        while True:
            opened = asyncio.get_running_loop().time()
            await self.stream.session()
            self._put(events.disconnected(self.stream.failure))
            if asyncio.get_running_loop().time() - opened > MAX_PAUSE_SECONDS:
                pauses = _pauses()
            await asyncio.sleep(next(pauses))

    async def _send(self, event: Any) -> None:
        match event["type"]:
            case "xmpp.publish":
                self.stream.publish(
                    event["number"], event["document"], event["entries"]
                )
                self._published.set()
            case "xmpp.send":
                await _confirmed(self.stream.deliver(event["answers"]))
            case "xmpp.announce":
                announcing = self.stream.announce(event["to"], message=event["message"])
                await _confirmed(announcing)
            case unknown:
                raise ValueError(f"not an event of this server: {unknown}")

    def _put(self, event: Any) -> None:
        self.inbox.put(event)

    def _report_subscription(self, jid: str, number: int | None) -> None:
        # Dropped when there is no room: the user's next login asks again.
        self.inbox.put(events.subscription(jid, number), size=200 + len(jid))

    def _report_account(self, jid: str, registered: bool) -> None:
        # Dropped when there is no room: what we know of accounts is checked anyway.
        event = events.account(jid, registered=registered)
        self.inbox.put(event, size=200 + len(jid))

    def _accept(self, fields: dict[str, str]) -> bool:
        size = 500 + sum(map(len, fields.values()))
        message = events.message(fields)
        message["arrived"] = time.monotonic()
        is_accepted = self.inbox.put(message, size)
        if not is_accepted:
            self._refused += 1
        self._log_refusals()
        return is_accepted

    def _log_refusals(self) -> None:
        """Log when refusals begin, and when there is a lot of room again."""
        if self._refused == 1:
            logger.warning(
                "the inbox is full (%d stanzas, %d bytes): commands are refused",
                len(self.inbox),
                self.inbox.bytes,
            )
        elif self._refused and self.inbox.is_half_empty:
            logger.warning(
                "the inbox has room: %d commands were refused", self._refused
            )
            self._refused = 0


async def _confirmed(sending: Awaitable[None]) -> None:
    try:
        await sending
    except (gateway.Down, gateway.Late) as error:
        raise OSError(str(error)) from error


def _pauses() -> Iterator[float]:
    """Yield endless pauses in seconds: doubling, capped, with jitter."""
    pause = MIN_PAUSE_SECONDS
    while True:
        yield pause * random.uniform(0.7, 1.3)  # noqa: S311  (no secret)
        pause = min(MAX_PAUSE_SECONDS, pause * 2)
