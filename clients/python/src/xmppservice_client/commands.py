"""Commands: sent until they are answered, whatever comes in between.

The rules are the table "What comes, and what to do" of the contract, section 2. Nothing
here knows an XMPP library: :class:`Commands` is told what came, and given a function
that sends.
"""

import asyncio
import json
import logging
import math
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from xmppservice_client.store import Command, MemoryStore, Store

logger = logging.getLogger(__name__)

ADD_TO_ROSTER, SEARCH_USERS = "cmd_add_to_roster", "cmd_search_users"

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 5.0, 60.0
RECEIPT_SECONDS = 300.0  # before a repeat of a command that is stored
MAX_STANZA_BYTES = 200_000  # as it is written to the stream
MAX_ENTRIES = 10_000
SAFE_BYTES = 10_000  # any server takes a stanza of this size (RFC 6120, 13.12)
LEAST_RETRY_SECONDS = 1.0  # whatever an answer says: no loop without a pause

# JSON may have them as they are, XML may not: a server ends the stream.
NO_XML = re.compile("[\ud800-\udfff\ufffe\uffff]")

SQL_ERROR, RATE_LIMITED = 1, 5


class CommandError(Exception):
    """A command has no answer, and a repeat would have none."""


class Refused(CommandError):
    """The service cannot read the command's envelope."""


class TooLarge(CommandError):
    """The XMPP server ends the stream because of the command's size."""


class Answer(NamedTuple):
    """The answer to a command; ``first`` is the index of its first entry.

    ``users`` are those that a search has found, ``messages`` what was wrong.
    """

    status: int
    error_code: str
    messages: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    retry_after: float = 0.0
    first: int = 0

    @property
    def is_done(self) -> bool:
        return self.status == 0


class Receipt(NamedTuple):
    """The service has stored the command."""


class Failure(NamedTuple):
    """A stanza error: its type and condition."""

    type: str
    condition: str


class NewStream(NamedTuple):
    """There is another stream: what was under way on the last one may be lost."""


class Resumed(NamedTuple):
    """The stream goes on (XEP-0198): nothing was lost."""


class Ended(NamedTuple):
    """The stream has ended, perhaps because the command ``is_too_large``."""

    is_too_large: bool


Event = Answer | Receipt | Failure | NewStream | Resumed | Ended


def new_command(word: str, payload: object, owner: str = "") -> Command:
    """Return a command of the account ``owner``, with an id of its own."""
    text = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    escaped = NO_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return Command(str(uuid.uuid4()), word, escaped, owner)


def read_answer(text: str) -> Answer | None:
    """Return the answer in a payload; None if it is not of the contract's form."""
    try:
        fields: dict[str, Any] = json.loads(text)
        status, code = fields["status"], fields["errorCode"]
        messages = [one["message"] for one in fields["errorMessage"]]
        users, seconds = fields.get("userList", []), fields.get("retryAfter", 0)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError):
        return None
    if not isinstance(fields["errorMessage"], list) or not isinstance(users, list):
        return None
    if not all(isinstance(one, str) for one in (code, *messages, *users)):
        return None
    if not (_is_number(status) and status % 1 == 0 and _is_number(seconds)):
        return None
    return Answer(int(status), code, tuple(messages), tuple(users), float(seconds))


def _is_number(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value < math.inf  # type: ignore[operator]  # a number


def parts(
    entries: Sequence[Any],
    size: Callable[[Sequence[Any]], int],
    limit: int = MAX_STANZA_BYTES,
) -> Iterator[Sequence[Any]]:
    """Split entries, in their order, so that each part makes a stanza below the limit.

    ``size`` returns the bytes of the stanza with some entries.
    """
    begin, most = 0, MAX_ENTRIES
    while begin < len(entries):
        end = min(len(entries), begin + most)
        while end > begin + 1 and (bytes := size(entries[begin:end])) > limit:
            # A proportion, then a little less: no search by single entries.
            end = begin + max(1, (end - begin) * limit // bytes * 95 // 100)
        yield entries[begin:end]
        # The next one is hardly twice as long: measuring all of it would take minutes.
        begin, most = end, min(MAX_ENTRIES, 2 * (end - begin))


class Commands:
    """Sends commands until they are answered.

    ``send`` returns when the stanza has left the device, ``size`` the bytes that it has
    there. ``on_limited`` is called with an answer that says ``RATE_LIMITED``: the users
    among the numbers that were looked up before. ``first_pause`` scales all pauses, for
    tests.
    """

    def __init__(
        self,
        send: Callable[[Command], Awaitable[None]],
        size: Callable[[Command], int],
        store: Store | None = None,
        on_limited: Callable[[Command, Answer], None] = lambda command, answer: None,
        first_pause: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self._send, self._size, self._on_limited = send, size, on_limited
        self._store = store or MemoryStore()
        self._scale = first_pause / FIRST_PAUSE_SECONDS
        self._online = asyncio.Event()
        self._pending: dict[str, _Pending] = {}

    async def run(self, command: Command) -> Answer:
        """Return the final answer; raises Refused or TooLarge."""
        self._store.save(command)
        pending = self._pending[command.id] = _Pending(command, self._size(command))
        try:
            answer = await self._run(pending)
        except CommandError:
            self._store.remove(command.id)
            raise
        finally:
            del self._pending[command.id]
        self._store.remove(command.id)
        return answer

    def stored(self, owner: str = "") -> list[Command]:
        """Return the commands that an earlier run has left of the account ``owner``."""
        return [
            one
            for one in self._store.load()
            if one.owner == owner and one.id not in self._pending
        ]

    # --- What comes -------------------------------------------------------------

    def came(self, id: str, event: Event) -> None:
        """Take what the service has sent; an id that nobody waits for is ignored."""
        if pending := self._pending.get(id):
            pending.is_on_its_way = False
            pending.has_arrived = True
            pending.events.put_nowait(event)

    def opened(self) -> None:
        """Take a new stream; a resumed one (XEP-0198) is not new."""
        self._online.set()
        for pending in self._pending.values():
            pending.events.put_nowait(NewStream())

    def resumed(self) -> None:
        self._online.set()
        for pending in self._pending.values():
            pending.events.put_nowait(Resumed())

    def ended(self, *, is_too_large: bool = False) -> None:
        """Take the end of a stream: by ``policy-violation`` if a stanza was too large.

        Of several stanzas on their way, the largest was.
        """
        self._online.clear()
        on_the_way = [one for one in self._pending.values() if one.is_on_its_way]
        largest = max(on_the_way, key=lambda one: one.size, default=None)
        for pending in on_the_way:
            is_guilty = is_too_large and pending is largest
            pending.is_on_its_way = False
            pending.events.put_nowait(Ended(is_guilty))

    # --- One command ------------------------------------------------------------

    async def _run(self, pending: "_Pending") -> Answer:
        pauses = _pauses()
        while True:
            await self._online.wait()
            pending.begin()
            await self._send(pending.command)
            outcome = await self._wait(pending, next(pauses) * self._scale)
            if isinstance(outcome, Answer):
                return outcome
            if isinstance(outcome, NewStream):
                pauses = _pauses()

    async def _wait(self, pending: "_Pending", pause: float) -> Event | None:
        """Wait for what ends the attempt: an answer, another stream, or time."""
        word = pending.command.word
        attempt = _Attempt(pause, RECEIPT_SECONDS * self._scale)
        while True:
            # Without a stream, only the next one ends it.
            is_online = self._online.is_set()
            event = await pending.next(attempt.until if is_online else math.inf)
            if event is None and self._online.is_set():
                logger.info("%s: %s, sent again", word, attempt.reason)
                return None
            if event is None:
                continue
            if isinstance(event, Ended):
                pending.end(event)
            elif isinstance(event, Failure) and event.type == "modify":
                raise Refused(f"{word}: {event.condition}")
            elif attempt.is_ended_by(event):
                return event
            elif isinstance(event, Answer) and event.status == RATE_LIMITED:
                self._on_limited(pending.command, event)


class _Attempt:
    """A command that was sent once: when to send it again, and why."""

    def __init__(self, pause: float, receipt_seconds: float) -> None:
        self._pause, self._receipt_seconds = pause, receipt_seconds
        self._answer: Answer | None = None  # one that is not final
        self.reason = "no answer"
        self.until = time.monotonic() + pause

    def is_ended_by(self, event: Event) -> bool:
        now = time.monotonic()
        if isinstance(event, NewStream):
            return self._answer is None or self._answer.status != RATE_LIMITED
        if isinstance(event, Answer):
            if event.status not in (SQL_ERROR, RATE_LIMITED):
                return True
            self._answer, self.reason = event, event.error_code
            is_limited = event.status == RATE_LIMITED
            seconds = max(LEAST_RETRY_SECONDS, event.retry_after)
            self.until = now + (seconds if is_limited else self._pause)
        elif self._answer:
            pass  # A receipt may come after an answer, which says more.
        elif isinstance(event, Receipt):
            self.until = now + self._receipt_seconds
        elif isinstance(event, Failure):
            self.reason = event.condition
            self.until = min(self.until, now + self._pause)
        return False


class _Pending:
    """A command without a final answer, and what came for it."""

    def __init__(self, command: Command, size: int) -> None:
        self.command, self.size = command, size
        self.events: asyncio.Queue[Event] = asyncio.Queue()
        self.is_on_its_way = False
        self.has_arrived = False  # once, so that it is not too large
        self._ends = 0

    def begin(self) -> None:
        # What came before, such as the news of the stream that it now goes to, is old.
        while not self.events.empty():
            event = self.events.get_nowait()
            if isinstance(event, Ended):
                self.end(event)
        self.is_on_its_way = True

    def end(self, event: Ended) -> None:
        """Count the ends of streams on which nothing came back; raises TooLarge."""
        if self.has_arrived:
            return
        self._ends += self.size > SAFE_BYTES
        if event.is_too_large or self._ends == 2:
            raise TooLarge(f"{self.command.word}: {self.size} bytes")

    async def next(self, until: float) -> Event | None:
        """Return the next event; None when it is time to repeat."""
        if self.events.empty():
            seconds = max(0.0, until - time.monotonic())
            with suppress(TimeoutError):
                timeout = None if math.isinf(seconds) else seconds
                return await asyncio.wait_for(self.events.get(), timeout)
        return None if self.events.empty() else self.events.get_nowait()


def _pauses() -> Iterator[float]:
    """Yield the seconds until each repeat: 5, 10, 20, 40, then 60 for ever."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        yield pause
        pause = min(2 * pause, LAST_PAUSE_SECONDS)
