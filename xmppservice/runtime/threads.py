"""Threads for blocking work, each with its own database connection."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections, connections

T = TypeVar("T")

# A connection closed by PostgreSQL raises InterfaceError.
DATABASE_ERRORS = (DatabaseError, InterfaceError)


class Thread:
    """A thread with a database connection that is closed with it."""

    def __init__(self, name: str) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def __aenter__(self) -> "Thread":
        return self

    async def __aexit__(self, *failure: object) -> None:
        self._pool.submit(connections.close_all)
        # Not on the loop: the thread's remaining work may need it.
        await asyncio.to_thread(self._pool.shutdown)

    async def run(self, function: Callable[..., T], *args: Any) -> T:
        """Return ``function(*args)``, called in the thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._pool, call_with_fresh_connection, function, args
        )


def call_with_fresh_connection(function: Callable[..., T], args: tuple[Any, ...]) -> T:
    """Return ``function(*args)``, called without a broken connection."""
    # Drop a broken connection, so that the next query opens a new one.
    close_old_connections()
    return function(*args)
