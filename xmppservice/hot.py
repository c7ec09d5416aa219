"""The live document in front of Django: no middleware, no thread, no query a request.

Who may read it is answered here; whoever may not, or asks in a way that is not this
one, is handed on: Django says what is wrong.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from django.conf import settings

from buddies import published
from xmppservice import tokens
from xmppservice.threads import DATABASE_ERRORS, Thread

SCOPE = "document:read"
PATIENCE = 1.0  # seconds, with the database
TRUSTED = 5.0  # seconds for which a token is not looked at again
MOST_TOKENS = 1_000

Send = Callable[[dict[str, Any]], Awaitable[None]]


class HotDocument:
    """An ASGI application that answers for the document, and hands on all else."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._thread, self._notes = Thread("document"), Thread("use of tokens")
        self._looking: asyncio.Task[None] | None = None
        self._noting: asyncio.Task[None] | None = None  # kept, or it may be collected
        self._trusted: OrderedDict[str, float] = OrderedDict()

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        if scope["path"] == published.PATH and scope["method"] in ("GET", "HEAD"):
            answer = await self._answer(scope)
            if answer is not None:
                await _send(send, answer, scope["method"] == "HEAD")
                return
        await self._application(scope, receive, send)

    async def _answer(self, scope: Any) -> published.Answer | None:
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in scope["headers"]
        }
        platform = _platform(scope["query_string"])
        if platform is None or not _is_secure(headers):
            return None
        if not await self._may(headers):
            return None
        live = await self._live()
        return None if live is None else published.answer(live, platform, headers)

    async def _live(self) -> published.Published | None:
        """The newest release, or the last one when that takes too long."""
        shelf = published.shelf
        if shelf.published is None or not shelf.is_fresh:
            # All who wait at this moment wait for the same look.
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._look())
            await asyncio.wait({self._looking}, timeout=PATIENCE)
        return shelf.published

    async def _look(self) -> None:
        with suppress(*DATABASE_ERRORS):
            await self._thread.run(published.shelf.look)

    async def _may(self, headers: dict[str, str]) -> bool:
        if settings.DOCUMENT_PUBLIC:
            return True
        word, _, secret = headers.get("authorization", "").partition(" ")
        if word.lower().encode() not in tokens.WORDS:
            return False
        key = tokens.digest(secret.strip())
        if self._trusted.get(key, 0.0) > time.monotonic():
            return True
        try:
            token = await self._thread.run(tokens.find, secret.strip())
        except DATABASE_ERRORS:
            return False
        if token is None or SCOPE not in token.scopes:
            return False
        self._trust(key)
        self._noting = asyncio.create_task(self._notes.run(tokens.note_use, token))
        return True

    def _trust(self, key: str) -> None:
        self._trusted[key] = time.monotonic() + TRUSTED
        self._trusted.move_to_end(key)
        if len(self._trusted) > MOST_TOKENS:
            self._trusted.popitem(last=False)


def _platform(query: bytes) -> str | None:
    """The one that is asked for, "" for all; None for what is no such question."""
    if not query:
        return ""
    name, _, platform = query.decode("latin-1").partition("=")
    is_one = name == "platform" and platform in published.PLATFORMS
    return platform if is_one else None


def _is_secure(headers: dict[str, str]) -> bool:
    return not settings.HTTPS or headers.get("x-forwarded-proto") == "https"


async def _send(send: Send, answer: published.Answer, is_head: bool) -> None:
    said = dict(answer.headers)
    if answer.status == HTTPStatus.OK:
        said["Content-Length"] = str(len(answer.body))
    headers = [(name.lower().encode(), value.encode()) for name, value in said.items()]
    start = {"status": answer.status, "headers": headers}
    await send({"type": "http.response.start", **start})
    await send({"type": "http.response.body", "body": b"" if is_head else answer.body})
