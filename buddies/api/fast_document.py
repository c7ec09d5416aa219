"""The live document in front of Django: no middleware, and no query per request.

With ASGI, no thread either. Authorised requests in the expected form are answered
here; Django gets all others, and says what is wrong with them.
"""

import asyncio
import threading
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from django.conf import settings

from buddies.publishing import http_cache
from xmppservice.api import tokens
from xmppservice.api.models import Token
from xmppservice.runtime.threads import (
    DATABASE_ERRORS,
    Thread,
    call_with_fresh_connection,
)

SCOPE = "document:read"
TIMEOUT_SECONDS = 1.0  # waiting for the database
TRUST_SECONDS = 5.0  # before a token is checked again
MAX_TOKENS = 1_000

Send = Callable[[dict[str, Any]], Awaitable[None]]


class TrustedTokens:
    """Tokens that were checked a moment ago, by their digests. Thread-safe."""

    def __init__(self) -> None:
        self._until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._until)

    def has(self, secret: str) -> bool:
        return self._until.get(tokens.digest(secret), 0.0) > time.monotonic()

    def add(self, token: Token | None) -> bool:
        """Remember a token that may read the document; return whether it may."""
        if token is None or SCOPE not in token.scopes:
            return False
        with self._lock:
            self._until[token.digest] = time.monotonic() + TRUST_SECONDS
            self._until.move_to_end(token.digest)
            if len(self._until) > MAX_TOKENS:
                self._until.popitem(last=False)
        return True


class FastDocument:
    """An ASGI application that answers with the document, and passes on all else."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._thread, self._use_thread = Thread("document"), Thread("use of tokens")
        self._refresh_task: asyncio.Task[None] | None = None
        self._use_task: asyncio.Task[None] | None = None  # kept, or it may be collected
        self._trusted = TrustedTokens()

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        if scope["path"] == http_cache.PATH and scope["method"] in ("GET", "HEAD"):
            answer = await self._answer(scope)
            if answer is not None:
                await _send(send, answer, scope["method"] == "HEAD")
                return
        await self._application(scope, receive, send)

    async def _answer(self, scope: Any) -> http_cache.HttpAnswer | None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        platform = _platform(scope["query_string"])
        if platform is None or not _is_secure(headers):
            return None
        if not await self._is_allowed(headers):
            return None
        live = await self._live()
        return None if live is None else http_cache.answer(live, platform, headers)

    async def _live(self) -> http_cache.PublishedDocument | None:
        """Return the newest release, or the cached one if that takes too long."""
        cache = http_cache.cache
        if cache.published is None or not cache.is_fresh:
            # Concurrent requests wait for the same lookup.
            if self._refresh_task is None or self._refresh_task.done():
                self._refresh_task = asyncio.create_task(self._refresh())
            await asyncio.wait({self._refresh_task}, timeout=TIMEOUT_SECONDS)
        return cache.published

    async def _refresh(self) -> None:
        with suppress(*DATABASE_ERRORS):
            await self._thread.run(http_cache.cache.refresh)

    async def _is_allowed(self, headers: Mapping[str, str]) -> bool:
        secret = _secret(headers)
        if settings.DOCUMENT_PUBLIC or self._trusted.has(secret):
            return True
        if not secret:
            return False
        try:
            token = await self._thread.run(tokens.find, secret)
        except DATABASE_ERRORS:
            return False
        if not self._trusted.add(token):
            return False
        self._use_task = asyncio.create_task(
            self._use_thread.run(tokens.record_use, token)
        )
        return True


class WsgiDocument:
    """The same for WSGI servers, whose threads may wait for the database."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._trusted = TrustedTokens()

    def __call__(
        self, environ: Mapping[str, Any], start: Callable[..., Any]
    ) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        answer = None
        if path == http_cache.PATH and method in ("GET", "HEAD"):
            with suppress(*DATABASE_ERRORS):
                answer = self._answer(environ)
        if answer is None:
            response: Iterable[bytes] = self._application(environ, start)
            return response
        start(f"{answer.status} {HTTPStatus(answer.status).phrase}", _headers(answer))
        return [] if method == "HEAD" else [answer.body]

    def _answer(self, environ: Mapping[str, Any]) -> http_cache.HttpAnswer | None:
        platform = _platform(environ.get("QUERY_STRING", "").encode("latin-1"))
        headers = {
            name[5:].replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        if platform is None or not _is_secure(headers) or not self._is_allowed(headers):
            return None
        cache = http_cache.cache
        live = cache.published
        if live is None or not cache.is_fresh:
            live = call_with_fresh_connection(cache.refresh, ())
        return http_cache.answer(live, platform, headers)

    def _is_allowed(self, headers: Mapping[str, str]) -> bool:
        secret = _secret(headers)
        if settings.DOCUMENT_PUBLIC or self._trusted.has(secret):
            return True
        token = call_with_fresh_connection(tokens.find, (secret,)) if secret else None
        if token is None or not self._trusted.add(token):
            return False
        tokens.record_use(token)
        return True


def _secret(headers: Mapping[str, str]) -> str:
    """Return the request's token; empty without one."""
    word, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if word.lower().encode() in tokens.SCHEMES else ""


def _platform(query: bytes) -> str | None:
    """Return the requested platform, "" for all; None for any other query."""
    if not query:
        return ""
    name, _, platform = query.decode("latin-1").partition("=")
    is_one = name == "platform" and platform in http_cache.PLATFORMS
    return platform if is_one else None


def _is_secure(headers: Mapping[str, str]) -> bool:
    return not settings.HTTPS or headers.get("x-forwarded-proto") == "https"


def _headers(answer: http_cache.HttpAnswer) -> list[tuple[str, str]]:
    """Return the headers of an answer to GET or HEAD."""
    headers = dict(answer.headers)
    if answer.status == HTTPStatus.OK:
        headers["Content-Length"] = str(len(answer.body))
    return list(headers.items())


async def _send(send: Send, answer: http_cache.HttpAnswer, is_head: bool) -> None:
    headers = [
        (name.lower().encode(), value.encode()) for name, value in _headers(answer)
    ]
    start = {"status": answer.status, "headers": headers}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": b"" if is_head else answer.body})
