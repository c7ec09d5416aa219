"""Threads for blocking work, each with its own database connection."""

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections, connections

T = TypeVar("T")

# A connection closed by PostgreSQL raises InterfaceError.
DATABASE_ERRORS = (DatabaseError, InterfaceError)


# Python's 5 ms are for each thread that computes: beside five of them, which run
# commands, the stream's loop and an edit waited for 25 ms at every step.
SWITCH_SECONDS = 0.0005


def switch_often() -> None:
    """Let threads that wait for the interpreter have it soon."""
    sys.setswitchinterval(SWITCH_SECONDS)


class FairLock:
    """A lock that its waiters get in the order of their arrival."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._is_held = False

    def acquire(self) -> None:
        with self._lock:
            if not self._is_held:
                self._is_held = True
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()

    def release(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_held = False


_commands = FairLock()
_work = threading.local()


@contextmanager
def work_on_commands() -> Iterator[None]:
    """Store, run or answer commands: one thread of a process does so at a time.

    More of them gain a few percent, and each takes as much of the interpreter's time as
    the stream's loop and an edit get. Other writers of SQLite go first.
    """
    _commands.acquire()
    _work.is_on_commands = True
    try:
        yield
    finally:
        _work.is_on_commands = False
        _commands.release()


@contextmanager
def waiting() -> Iterator[None]:
    """Let another thread work on commands while this one waits for the XMPP server."""
    if not is_on_commands():
        yield
        return
    _commands.release()
    try:
        yield
    finally:
        _commands.acquire()


def is_on_commands() -> bool:
    return getattr(_work, "is_on_commands", False)


class Thread:
    """A thread with a database connection that is closed with it.

    ``on_commands``: everything that it does is work on commands.
    """

    def __init__(self, name: str, *, on_commands: bool = False) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._call = _call_on_commands if on_commands else call_with_fresh_connection

    async def __aenter__(self) -> "Thread":
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._pool.submit(connections.close_all)
        # Not on the loop: the thread's remaining work may need it.
        await asyncio.to_thread(self._pool.shutdown)

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Return ``function(*args)``, called in the thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, self._call, function, args)


def _call_on_commands(function: Callable[..., T], args: tuple[Any, ...]) -> T:
    with work_on_commands():
        return call_with_fresh_connection(function, args)


def call_with_fresh_connection(function: Callable[..., T], args: tuple[Any, ...]) -> T:
    """Return ``function(*args)``, called without a broken connection."""
    # Drop a broken connection, so that the next query opens a new one.
    close_old_connections()
    return function(*args)
