"""The broker and the channel layer: how clients reach them, and whether they answer.

kombu and redis-py spell sentinels and sockets differently. One URL serves both here:

``sentinel://[USER:PASSWORD@]HOST:PORT,HOST:PORT/DB?master=NAME&sentinel_password=WORD``
    the sentinels, and the group whose primary is used (default: mymaster)
``redis+socket:///FILE?db=DB`` or ``unix:///FILE?db=DB``
    a socket of this machine
"""

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, parse_qs, unquote, urlencode, urlsplit

from channels_redis.utils import create_pool  # type: ignore[import-untyped]  # it has no types
from django.conf import settings
from kombu import Connection
from redis.asyncio import Redis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

SOCKETS: tuple[str, ...] = ("redis+socket", "unix")
TIMEOUT_SECONDS = 2.0  # for an answer
FRESH_SECONDS = 2.0  # a result is used again: probes cannot pile up


def broker(url: str) -> tuple[str, dict[str, Any]]:
    """Return the URL for Celery, and the transport's options.

    Source: kombu, transports ``redis`` and ``sentinel``.
    """
    parts, query = _split(url)
    if parts.scheme == "sentinel":
        database = parts.path.strip("/") or "0"
        user, at, _ = parts.netloc.rpartition("@")
        hosts = (
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            for host, port in _sentinels(parts)
        )
        urls = (f"sentinel://{user}{at}{host}/{database}" for host in hosts)
        return ";".join(urls), _master(query, Retry(NoBackoff(), 0))
    if parts.scheme in SOCKETS:
        database = urlencode({"virtual_host": query.get("db", "0")})
        return f"redis+socket://{parts.netloc}{parts.path}?{database}", {}
    return url, {}


def channel_host(url: str) -> dict[str, Any]:
    """Return what channels_redis calls a host. Source: its README, ``hosts``."""
    parts, query = _split(url)
    if parts.scheme == "sentinel":
        user, _, password = parts.netloc.rpartition("@")[0].partition(":")
        master = _master(query, AsyncRetry(NoBackoff(), 0))
        login = {"username": unquote(user), "password": unquote(password)}
        return {
            "sentinels": _sentinels(parts),
            "db": int(parts.path.strip("/") or 0),
            **{name: value for name, value in login.items() if value},
            **master,
        }
    if parts.scheme in SOCKETS:
        database = urlencode({"db": query.get("db", "0")})
        return {"address": f"unix://{parts.netloc}{parts.path}?{database}"}
    return {"address": url}


def _split(url: str) -> tuple[SplitResult, dict[str, str]]:
    # Not with urlsplit: it refuses an IPv6 address behind another host.
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    netloc, slash, path = rest.partition("/")
    parts = SplitResult(scheme, netloc, slash + path, query, fragment="")
    return parts, {name: values[-1] for name, values in parse_qs(query).items()}


def _sentinels(parts: SplitResult) -> list[tuple[str, int]]:
    hosts = parts.netloc.rpartition("@")[2].split(",")
    addresses = (urlsplit(f"//{host}") for host in hosts)
    return [(one.hostname or "", one.port or 26379) for one in addresses]


def _master(query: dict[str, str], retry: Retry | AsyncRetry) -> dict[str, Any]:
    # A sentinel that is away is left at once for the next one.
    sentinel: dict[str, Any] = {"retry": retry, "socket_connect_timeout": 1.0}
    if "sentinel_password" in query:
        sentinel["password"] = query["sentinel_password"]
    name = query.get("master", "mymaster")
    return {"master_name": name, "sentinel_kwargs": sentinel}


# --- Whether they answer ------------------------------------------------------------


class Probe:
    """Whether the server of a setting answers, asked at most every FRESH_SECONDS."""

    def __init__(self, setting: str, ask: Callable[[str], None]) -> None:
        self._setting, self._ask = setting, ask
        self._url = ""
        self._lock = threading.Lock()
        self._asked_at = float("-inf")
        self._failure = ""

    def failure(self) -> str:
        """Return why it does not answer, in a few words; empty while it does."""
        # Callers that come meanwhile wait for this answer, and ask no other question.
        with self._lock:
            url, age = (
                getattr(settings, self._setting),
                time.monotonic() - self._asked_at,
            )
            if url != self._url or age > FRESH_SECONDS:
                self._url, self._failure = url, self._outcome(url)
                self._asked_at = time.monotonic()
            return self._failure

    def _outcome(self, url: str) -> str:
        if not url or url == settings.IN_MEMORY:
            return ""
        try:
            self._ask(url)
        except Exception as error:
            # Of whatever client is below; its text may carry the URL's password.
            return type(error).__name__
        return ""


def _ask(url: str) -> None:
    if url.startswith("amqp"):
        _log_in(url)
    else:
        asyncio.run(_ping(url))


def _log_in(url: str) -> None:
    # By its transport: the connection itself would try again, with pauses.
    with Connection(url, connect_timeout=TIMEOUT_SECONDS) as connection:
        transport = connection.transport
        transport.close_connection(transport.establish_connection())


async def _ping(url: str) -> None:
    pool = create_pool(channel_host(url))
    sentinels = pool.sentinel_manager.sentinels if url.startswith("sentinel:") else []
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await Redis(connection_pool=pool).ping()
    finally:
        await pool.disconnect()
        for sentinel in sentinels:
            await sentinel.aclose()


BROKER = Probe("CELERY_BROKER_URL", _ask)
CHANNEL_LAYER = Probe("CHANNEL_LAYER_URL", _ask)
