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
from django.core.management.base import CommandError
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from roster.commands import adhoc
from xmppservice import environment
from xmppservice.connection.account import ClientStream
from xmppservice.connection.asgi_server import Application, Inbox, XmppServer
from xmppservice.connection.component import ComponentStream
from xmppservice.connection.models import StreamStatus
from xmppservice.connection.status import process_name
from xmppservice.connection.stream import ServiceStream
from xmppservice.protocol.jids import local_of
from xmppservice.runtime.threads import DATABASE_ERRORS

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
# A machine that vanishes does not close its connection: PostgreSQL probes it and gives
# up after 11 seconds, so that the standby takes over within 15.
KEEP_ALIVE = (
    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;"
    " SET tcp_keepalives_count = 3; SET tcp_user_timeout = 11000"
)

# The session, if any, that has an advisory lock with a key of 64 bits. Source:
# PostgreSQL, "pg_locks".
SESSIONS = (
    "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND ((classid::bigint << 32) | objid::bigint) = %s"
)
HOLDER = (
    "SELECT pid, application_name, client_addr, backend_start FROM pg_stat_activity"  # noqa: S608  (nothing in it is from outside)
    f" WHERE pid IN ({SESSIONS})"
)
SILENT_SECONDS = 60.0  # then a standby warns, if nothing is heard of the stream


class Lock(Protocol):
    def take(self) -> bool | None:
        """Take the lock, or check that we still hold it; None: unknown."""

    def holder(self) -> str:
        """Return what is known of the process that has it, for people."""

    def close(self) -> None:
        """Release the lock."""


class FileLock:
    """A lock on a file in VAR_DIR, which the kernel releases when its holder dies."""

    def __init__(self) -> None:
        self._file: TextIO | None = None

    def take(self) -> bool:
        if self._file is None:
            with environment.folder(settings.VAR_DIR) as folder:
                self._file = (folder / "xmpp.lock").open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        self._file.truncate(0)
        self._file.write(process_name())
        self._file.flush()
        return True

    def holder(self) -> str:
        return (settings.VAR_DIR / "xmpp.lock").read_text()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        self._file = None


class DatabaseLock:
    """An advisory lock of PostgreSQL, on a connection of its own.

    It belongs to the session (PostgreSQL, "Advisory Locks"). Each look proves that the
    session is still ours and still has it: a pool may have given us another one.
    """

    def __init__(self) -> None:
        self._connection = connections.create_connection("default")
        self._connection.inc_thread_sharing()  # created here, used in a thread
        digest = hashlib.sha256(f"xmppservice {settings.XMPP_JID}".encode()).digest()
        self._key = int.from_bytes(digest[:8], signed=True)
        self._is_held = False

    def take(self) -> bool | None:
        try:
            return self._take()
        except DATABASE_ERRORS:
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
                name = f"xmppservice stream {process_name()}"
                cursor.execute("SET application_name = %s", [name])
            if not (self._is_held and self._is_ours(cursor)):
                cursor.execute("SELECT pg_try_advisory_lock(%s)", [self._key])
                (self._is_held,) = cursor.fetchone()
        return self._is_held

    def _is_ours(self, cursor: CursorWrapper) -> bool:
        cursor.execute(f"{SESSIONS} AND pid = pg_backend_pid()", [self._key])
        return cursor.fetchone() is not None

    def holder(self) -> str:
        with self._connection.cursor() as cursor:
            cursor.execute(
                HOLDER,
                [self._key],
            )
            row = cursor.fetchone()
        if row is None:
            return "no session"
        pid, name, address, since = row
        return (
            f"{name or 'a session'} from {address or 'a socket'}, process {pid} of"
            f" PostgreSQL, since {since.isoformat(timespec='seconds')}"
        )


def refuse_shared_sessions() -> None:
    """Raise CommandError if connections to the database share sessions.

    PgBouncer in transaction mode gives each transaction any free session, so the lock
    would belong to nobody in particular.
    """
    if connection.vendor != "postgresql":
        return
    first, second = (connections.create_connection("default") for _ in range(2))
    try:
        # In an order that also shows sessions that are handed out in turn.
        seen = [(one, _session(one)) for one in (first, second, second, first)]
    finally:
        first.close()
        second.close()
    if len(set(seen)) != 2 or len({session for _, session in seen}) != 2:
        raise CommandError(
            "DATABASE_URL leads to a pool that shares sessions, such as PgBouncer in "
            "transaction mode: connect this process to PostgreSQL directly."
        )


def _session(one: BaseDatabaseWrapper) -> int:
    with one.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    return int(pid)


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
    warn_at = loop.time() + SILENT_SECONDS
    while not await loop.run_in_executor(thread, lock.take):
        if not is_waiting:
            logger.info("another process has the stream: waiting for it to end")
        is_waiting = True
        if loop.time() >= warn_at:
            warn_at = loop.time() + SILENT_SECONDS
            await loop.run_in_executor(thread, _warn_of_silence, lock)
        await asyncio.sleep(POLL_SECONDS)
    if is_waiting:
        logger.warning("taking over the stream of %s", settings.XMPP_JID)


def _warn_of_silence(lock: Lock) -> None:
    """Name the lock's holder if it does not write the state of the stream."""
    try:
        row = StreamStatus.objects.filter(pk=settings.XMPP_JID).first()
        if row is None or not row.alive:
            logger.warning(
                "nothing is heard of the stream, and its lock is held by %s",
                lock.holder(),
            )
    except (*DATABASE_ERRORS, OSError):
        pass  # While the database is unavailable, the lock's own look tells.
    finally:
        connection.close()


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
