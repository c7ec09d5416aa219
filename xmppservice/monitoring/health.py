"""Health probes for monitoring: ``/healthz`` and ``/readyz``.

Both come before the check of the host and before any login: probes use internal
addresses. Their answers contain no secret, number or payload.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from http import HTTPStatus
from typing import NamedTuple, TypeVar

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, connection, connections
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone

from roster import statistics
from xmppservice.connection import gateway
from xmppservice.connection.models import StreamStatus
from xmppservice.runtime import transports

logger = logging.getLogger(__name__)

MAX_WAIT_SECONDS = 30  # a longer wait means that commands pile up
TIMEOUT_SECONDS = 3.0  # for the database

T = TypeVar("T")


# --- Tables ---------------------------------------------------------------------


def refuse_old_tables() -> None:
    """Raise CommandError when the database is older than the code."""
    if tables_are_old():
        raise CommandError("The database is not up to date: run manage.py migrate.")
    # From here on the command's threads use their own connections.
    connection.close()


def tables_are_old() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


_migrated = False


def _is_migrated() -> bool:
    # Cached once true: tables cannot become outdated while a process runs.
    global _migrated
    _migrated = _migrated or not tables_are_old()
    return _migrated


# --- Bounded reads --------------------------------------------------------------


class DatabaseUnavailable(Exception):
    """The database does not answer, or not in time."""


# Threads that an unresponsive database may block.
_query_slots = threading.BoundedSemaphore(4)


def query_with_timeout(read: Callable[[], T]) -> T:
    """Return ``read()``, a database query; or raise DatabaseUnavailable.

    It runs in its own thread, because no database driver limits every wait.
    """
    if not _query_slots.acquire(timeout=TIMEOUT_SECONDS):
        raise DatabaseUnavailable("earlier queries are still waiting")
    result: Future[T] = Future()
    threading.Thread(target=_run_query, args=(read, result), daemon=True).start()
    try:
        return result.result(timeout=TIMEOUT_SECONDS)
    except (DatabaseError, InterfaceError, TimeoutError) as error:
        raise DatabaseUnavailable(type(error).__name__) from None


def _run_query(read: Callable[[], T], result: Future[T]) -> None:
    try:
        value = read()
    except Exception as error:
        result.set_exception(error)
    else:
        result.set_result(value)
    finally:
        connections.close_all()
        _query_slots.release()


# --- Ready ----------------------------------------------------------------------


class Check(NamedTuple):
    """The result of one check, with a sentence that explains it."""

    name: str
    ok: bool
    message: str


TRANSPORTS = {"broker": transports.BROKER, "channel_layer": transports.CHANNEL_LAYER}
STORED = ("database", "migrations", "stream", "rosters", "commands")
NAMES = (*STORED, *TRANSPORTS)


def checks() -> list[Check]:
    """Return the results of all checks, in the order of NAMES."""
    return [*_stored(), *map(_transport, TRANSPORTS)]


def _stored() -> list[Check]:
    try:
        return query_with_timeout(lambda: list(_checks()))
    except DatabaseUnavailable:
        unavailable = Check(STORED[0], False, "The database does not answer.")
        return [unavailable, *map(_unknown, STORED[1:])]


def _transport(name: str) -> Check:
    words = name.replace("_", " ")
    if failure := TRANSPORTS[name].failure():
        return Check(name, False, f"The {words} does not answer: {failure}.")
    return Check(name, True, f"The {words} answers.")


def _unknown(name: str) -> Check:
    return Check(name, False, "Not known.")


def _checks() -> Iterator[Check]:
    migrated = _is_migrated()
    yield Check("database", True, "The database answers.")
    if not migrated:
        yield Check("migrations", False, "Migrations are missing: manage.py migrate.")
        yield from map(_unknown, STORED[2:])
        return
    yield Check("migrations", True, "All migrations are applied.")
    row = StreamStatus.objects.filter(pk=settings.XMPP_JID).first()
    yield _stream(row)
    yield _rosters(row)
    yield _commands()


def _stream(row: StreamStatus | None) -> Check:
    if gateway.is_up():
        return Check("stream", True, "The stream to the XMPP server is ready.")
    message = "The stream to the XMPP server is not connected."
    if row is None:
        message = "No process has opened the stream to the XMPP server yet."
    elif row.alive and row.reason:
        message = f"The stream to the XMPP server is not connected: {row.reason}."
    elif not row.alive:
        seconds = (timezone.now() - row.seen_at).total_seconds()
        message = (
            f"The process of the stream was last heard of {seconds:.0f} seconds ago."
        )
    return Check("stream", False, message)


def _rosters(row: StreamStatus | None) -> Check:
    if row is None or not row.driver:
        return Check("rosters", False, "It is not known yet how rosters are kept.")
    if row.missing:
        missing = "; ".join(row.missing.splitlines())
        message = f"{row.driver} lacks something: {missing}."
        return Check("rosters", False, message)
    return Check("rosters", True, f"Rosters are kept by {row.driver}.")


def _commands() -> Check:
    seconds = statistics.longest_wait()
    message = f"The oldest open command has waited for {seconds:.0f} seconds."
    return Check("commands", seconds <= MAX_WAIT_SECONDS, message)


def _as_json(check: Check) -> dict[str, object]:
    return {"name": check.name, "ok": check.ok, "says": check.message}


# --- HTTP -----------------------------------------------------------------------


class Health:
    """Middleware: ``/healthz`` is 200 while the process answers; ``/readyz`` is 200
    while the service works, else 503 with the failed checks.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._logged: list[str] = []

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info == "/healthz":
            return HttpResponse("ok\n", content_type="text/plain")
        if request.path_info == "/readyz":
            return self._readiness()
        return self.get_response(request)

    def _readiness(self) -> HttpResponse:
        result = checks()
        ready = all(check.ok for check in result)
        self._log([check.name for check in result if not check.ok])
        body = {"ready": ready, "checks": [_as_json(check) for check in result]}
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})

    def _log(self, failed: list[str]) -> None:
        # Probes come every few seconds: log changes only.
        if failed and failed != self._logged:
            logger.warning("not ready: %s", ", ".join(failed))
        elif self._logged and not failed:
            logger.info("ready")
        self._logged = failed
