"""Ask the XMPP server from a task: send a list of IQs, return their answers.

The stream has one owner. All other threads reach it through this module, and other
processes too, through the channel layer. One call sends many stanzas, because each
round trip costs a wait.
"""

import asyncio
import logging
import os
import threading
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, NamedTuple

from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connection

from xmppservice.connection.models import StreamStatus
from xmppservice.runtime.threads import waiting

logger = logging.getLogger(__name__)

REQUESTS = "xmpp.gateway"
PAUSE_SECONDS = 1.0  # after the channel layer has failed


class Down(Exception):
    """There is no stream, or it broke: the outcome of the requests is unknown."""


class Broke(Down):
    """The stream broke while answers were awaited, perhaps because of a request."""


class Late(Exception):
    """No answer by the deadline: the requests may or may not have taken effect."""


FAILURES: dict[str, type[Exception]] = {
    failure.__name__: failure for failure in (Down, Broke, Late)
}


class IqRequest(NamedTuple):
    """A request: ``type`` is get or set, ``payload`` its one child as XML.

    An empty ``to`` means the account of the stream.
    """

    type: str
    to: str
    payload: str


class IqResult(NamedTuple):
    """A stanza error's ``condition`` and ``text``, or a result's ``payload``."""

    condition: str
    payload: str
    text: str = ""


class State(NamedTuple):
    """``ready``: requests can be sent now. ``privileged``: about rosters, too.

    ``companions`` are the domains with our module for Prosody.
    """

    ready: bool
    privileged: bool
    companions: frozenset[str] = frozenset()


Ask = Callable[[Sequence[IqRequest], float], Coroutine[Any, Any, list[IqResult]]]


class Owner(NamedTuple):
    """The stream's side: how to ask it, its state and its event loop."""

    ask: Ask
    state: Callable[[], State]
    loop: asyncio.AbstractEventLoop


_owner: Owner | None = None


def attach(ask: Ask, state: Callable[[], State]) -> None:
    """Register the stream of the running loop; its owner calls this."""
    global _owner
    _owner = Owner(ask, state, asyncio.get_running_loop())


def detach() -> None:
    global _owner
    _owner = None


def state() -> State:
    """Return whether this process can send requests now."""
    if _owner is not None:
        return _owner.state()
    return _stored_state() if settings.CHANNEL_LAYER_URL else State(False, False)


def is_up() -> bool:
    """Return whether any process answers clients now."""
    return (_owner.state() if _owner is not None else _stored_state()).ready


def _stored_state() -> State:
    """Return the state that the stream's owner last wrote; not up if it fell silent."""
    row = StreamStatus.objects.filter(pk=settings.XMPP_JID).first()
    if row is None or not row.alive:
        return State(False, False)
    return State(row.ready, row.privileged, frozenset(row.companions))


def ask(requests: Sequence[IqRequest], deadline: float) -> list[IqResult]:
    """Return the answers to ``requests``, in their order.

    ``deadline`` is a time as in ``time.time()``. Raises Down or Late.
    """
    # A wait inside a transaction, or on the loop, deadlocks in a flood of commands.
    assert not connection.in_atomic_block, "no XMPP inside a transaction"
    if not requests:
        return []
    future = _ask(requests, deadline)
    try:
        with waiting():
            return future.result(timeout=max(0.0, deadline - time.time()) + 1)
    except FutureTimeoutError:
        future.cancel()
        raise Late("no answer by the deadline") from None


def _ask(requests: Sequence[IqRequest], deadline: float) -> Future[list[IqResult]]:
    if _owner is None:
        if not settings.CHANNEL_LAYER_URL:
            raise Down("no stream in this process")
        return _requester().ask(requests, deadline)
    assert not _runs_here(_owner.loop), "no waiting on the stream's own loop"
    answers = _owner.ask(requests, deadline)
    return asyncio.run_coroutine_threadsafe(answers, _owner.loop)


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False


# --- Over the channel layer: the requesting side -----------------------------------


class Requester:
    """Ask the owner in another process; one instance per process, with its own loop.

    One channel carries all answers: a channel per request would be left behind.
    """

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._channel = f"{REQUESTS}.{uuid.uuid4().hex}"
        self._waiting: dict[str, asyncio.Future[list[IqResult]]] = {}
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._run, name="gateway", daemon=True).start()

    def ask(
        self, requests: Sequence[IqRequest], deadline: float
    ) -> Future[list[IqResult]]:
        pending = self._send_requests(requests, deadline)
        return asyncio.run_coroutine_threadsafe(pending, self._loop)

    def _run(self) -> None:
        self._loop.run_until_complete(self._listen())

    async def _send_requests(
        self, requests: Sequence[IqRequest], deadline: float
    ) -> list[IqResult]:
        id = uuid.uuid4().hex
        answer: asyncio.Future[list[IqResult]] = self._loop.create_future()
        self._waiting[id] = answer
        try:
            async with asyncio.timeout(deadline - time.time()):
                await _send(
                    REQUESTS,
                    {
                        "type": "xmpp.ask",
                        "id": id,
                        "reply": self._channel,
                        "requests": [list(request) for request in requests],
                        "deadline": deadline,
                    },
                )
                return await answer
        except TimeoutError:
            raise Late("no answer by the deadline") from None
        finally:
            del self._waiting[id]

    async def _listen(self) -> None:
        while True:
            try:
                message = await get_channel_layer().receive(self._channel)
            except Exception as error:
                self._fail_all(type(error).__name__)
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        future = self._waiting.get(message["id"])
        if future is None or future.done():
            return
        if failure := message["failure"]:
            future.set_exception(FAILURES[failure](message["text"]))
        else:
            future.set_result([IqResult(*answer) for answer in message["answers"]])

    def _fail_all(self, reason: str) -> None:
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(Down(f"no channel layer: {reason}"))


_requester_lock = threading.Lock()
_the_requester: Requester | None = None


def _requester() -> Requester:
    # A fork does not copy the loop's thread: each child process starts its own.
    global _the_requester
    with _requester_lock:
        if _the_requester is None or _the_requester.pid != os.getpid():
            _the_requester = Requester()
        return _the_requester


async def _send(channel: str, message: dict[str, Any]) -> None:
    try:
        await get_channel_layer().send(channel, message)
    except Exception as error:
        # The layer is full, or its transport failed.
        raise Down(f"no channel layer: {type(error).__name__}") from error


# --- Over the channel layer: the answering side ------------------------------------


async def answer_others(ask: Ask) -> None:
    """Answer the requests of other processes; the stream's owner runs this."""
    is_broken = False
    async with asyncio.TaskGroup() as tasks:
        while True:
            try:
                message = await get_channel_layer().receive(REQUESTS)
            except Exception as error:
                if not is_broken:
                    logger.warning("nobody can ask: %s", type(error).__name__)
                is_broken = True
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                is_broken = False
                tasks.create_task(_answer(ask, message))


async def _answer(ask: Ask, message: dict[str, Any]) -> None:
    requests = [IqRequest(*request) for request in message["requests"]]
    answers, failure, text = await _outcome(ask(requests, message["deadline"]))
    try:
        await _send(
            message["reply"],
            {
                "type": "xmpp.answer",
                "id": message["id"],
                "answers": [list(answer) for answer in answers],
                "failure": failure,
                "text": text,
            },
        )
    except Down:
        pass  # The requesting side notices the layer's failure, or raises Late.


async def _outcome(
    pending: Awaitable[list[IqResult]],
) -> tuple[list[IqResult], str, str]:
    try:
        return await pending, "", ""
    except (Down, Late) as error:
        return [], type(error).__name__, str(error)
    except asyncio.CancelledError:
        # We are stopping: the requesting side gets Down, and asks the next owner.
        return [], Down.__name__, "the service stops"
    except Exception as error:
        # The request is at fault: the requesting side counts an attempt.
        logger.error("a question could not be asked: %s", type(error).__name__)
        return [], Broke.__name__, type(error).__name__
