"""One process owns the stream of a JID; the others wait as standbys.

Ownership is a lock that ends with its holder, even on kill -9: in the database if
that is a server, else on a file in VAR_DIR.
"""

import asyncio
import fcntl
import hashlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TextIO

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections

from roster.commands import adhoc
from xmppservice.connection.account import ClientStream
from xmppservice.connection.asgi_server import Application, Inbox, XmppServer
from xmppservice.connection.component import ComponentStream
from xmppservice.connection.stream import ServiceStream
from xmppservice.protocol.jids import local_of

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
# A machine that vanishes does not close its connection: PostgreSQL probes it and gives
# up after 11 seconds, so that the standby takes over within 15.
KEEP_ALIVE = (
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;"
    " SET tcp_keepalives_count = 3; SET tcp_user_timeout = 11000"
)


class Lock(Protocol):
    def take(self) -> bool | None:
        """Take the lock, or check that we still hold it; None: unknown."""

    def close(self) -> None:
        """Release the lock."""


class FileLock:
    """A lock on a file in VAR_DIR, which the kernel releases when its holder dies."""

    def __init__(self) -> None:
        settings.VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file: TextIO | None = None

    def take(self) -> bool:
        self._file = self._file or (settings.VAR_DIR / "xmpp.lock").open("w")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


class DatabaseLock:
    """An advisory lock of PostgreSQL, on a connection of its own."""

    def __init__(self) -> None:
        self._connection = connections.create_connection("default")
        self._connection.inc_thread_sharing()  # created here, used in a thread
        digest = hashlib.sha256(f"xmppservice {settings.XMPP_JID}".encode()).digest()
        self._key = int.from_bytes(digest[:8], signed=True)
        self._is_held = False

    def take(self) -> bool | None:
        try:
            return self._take()
        except (DatabaseError, InterfaceError):
            self.close()
            return None

    def close(self) -> None:
        self._connection.close()
        self._is_held = False

    def _take(self) -> bool:
        is_new = self._connection.connection is None
        with self._connection.cursor() as cursor:
            if is_new:
                cursor.execute(KEEP_ALIVE)
            if self._is_held:
                cursor.execute("SELECT 1")
            else:
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [self._key])
                (self._is_held,) = cursor.fetchone()
        return self._is_held


async def run_xmpp(
    application: Application, begin: Callable[[], None] = lambda: None
) -> None:
    """Serve ``application`` while we own the stream; ``begin`` is called before."""
    lock = DatabaseLock() if connection.vendor == "postgresql" else FileLock()
    with ThreadPoolExecutor(1, thread_name_prefix="standby") as thread:
        try:
            while True:
                await _wait_for_lock(thread, lock)
                await asyncio.to_thread(begin)
                await _serve(application, thread, lock)
        finally:
            thread.submit(lock.close)


async def _wait_for_lock(thread: ThreadPoolExecutor, lock: Lock) -> None:
    loop, is_waiting = asyncio.get_running_loop(), False
    while not await loop.run_in_executor(thread, lock.take):
        if not is_waiting:
            logger.info("another process has the stream: waiting for it to end")
        is_waiting = True
        await asyncio.sleep(POLL_SECONDS)
    if is_waiting:
        logger.warning("taking over the stream of %s", settings.XMPP_JID)


async def _serve(
    application: Application, thread: ThreadPoolExecutor, lock: Lock
) -> None:
    """Run the XMPP part until we lose the lock."""
    inbox = Inbox(settings.XMPP_INBOX_STANZAS, settings.XMPP_INBOX_BYTES)
    server = XmppServer(application, stream_from_settings(), inbox)
    serving = asyncio.ensure_future(server.run())
    watching = asyncio.ensure_future(_wait_until_lost(thread, lock))
    try:
        await asyncio.wait([serving, watching], return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            serving.result()
        logger.warning("another process has taken the stream over")
    finally:
        for task in (serving, watching):
            task.cancel()
        await asyncio.gather(serving, watching, return_exceptions=True)


async def _wait_until_lost(thread: ThreadPoolExecutor, lock: Lock) -> None:
    """Return when another process has the lock.

    While the database is unavailable no process can take it, so vCard requests are
    still answered.
    """
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(thread, lock.take) is not False:  # noqa: ASYNC110  (a lock has no event)
        await asyncio.sleep(POLL_SECONDS)


def stream_from_settings() -> ServiceStream:
    """Return the configured stream."""
    jid, secret = settings.XMPP_JID, settings.XMPP_SECRET
    host, domains = settings.XMPP_HOST, settings.XMPP_DOMAINS
    if local_of(jid):
        address = (host, settings.XMPP_CLIENT_PORT)
        account = ClientStream(
            jid, secret, address, domains, adhoc, tls=settings.XMPP_TLS
        )
        # ejabberd does not advertise privileges to an account.
        account.awaits_privileges = not settings.EJABBERD_API_URL
        return account
    address = (host, settings.XMPP_COMPONENT_PORT)
    return ComponentStream(jid, secret, address, domains, adhoc)
