"""Ask the XMPP server from a task: a list of IQs there, their answers back.

The stream has one owner; this is the way to it from any other thread. One call
carries all the stanzas of a question, because each crossing costs a wait.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, NamedTuple

from django.db import connection


class Down(Exception):
    """There is no stream, or it broke: nothing is known of what was asked."""


class Broke(Down):
    """The stream broke while answers were awaited, perhaps by what was asked."""


class Late(Exception):
    """No answer by the deadline: what was asked may or may not have happened."""


class Iq(NamedTuple):
    """A request: ``type`` is get or set, ``payload`` its one child as XML."""

    type: str
    to: str
    payload: str


class Answer(NamedTuple):
    """``condition`` of a stanza error, or empty and the result's ``payload``."""

    condition: str
    payload: str


Ask = Callable[[Sequence[Iq], float], Coroutine[Any, Any, list[Answer]]]


class Owner(NamedTuple):
    """The stream's side: how to ask it, and whether asking makes sense now."""

    ask: Ask
    is_up: Callable[[], bool]
    loop: asyncio.AbstractEventLoop


_owner: Owner | None = None


def attach(ask: Ask, is_up: Callable[[], bool]) -> None:
    """Make the running loop's stream the one that answers; its owner calls this."""
    global _owner
    _owner = Owner(ask, is_up, asyncio.get_running_loop())


def detach() -> None:
    global _owner
    _owner = None


def is_up() -> bool:
    """Whether there is a stream to ask, at this moment."""
    return _owner is not None and _owner.is_up()


def ask(requests: Sequence[Iq], deadline: float) -> list[Answer]:
    """Answers to ``requests``, in their order.

    ``deadline`` is a time as of ``time.time()``. Raises Down or Late.
    """
    # Both waits would end in a deadlock as soon as commands flood in.
    assert not connection.in_atomic_block, "no XMPP inside a transaction"
    if not requests:
        return []
    if _owner is None:
        raise Down("no stream in this process")
    assert not _runs_here(_owner.loop), "no waiting on the stream's own loop"
    answers = _owner.ask(requests, deadline)
    future = asyncio.run_coroutine_threadsafe(answers, _owner.loop)
    try:
        return future.result(timeout=max(0.0, deadline - time.time()) + 1)
    except FutureTimeoutError:
        future.cancel()
        raise Late("no answer by the deadline") from None


def _runs_here(loop: asyncio.AbstractEventLoop) -> bool:
    try:
        return asyncio.get_running_loop() is loop
    except RuntimeError:
        return False
