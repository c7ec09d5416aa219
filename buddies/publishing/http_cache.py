"""The live document over HTTP: built once per release, platform and encoding.

This depends on no framework, so that the fast document and Django's own view give
the same answers.
"""

import gzip
import json
import threading
import time
from collections.abc import Mapping
from functools import cached_property
from http import HTTPStatus
from typing import NamedTuple

import brotli
from django.conf import settings
from django.db import DatabaseError, InterfaceError

from buddies.document import build, shape
from buddies.document.shape import EMPTY, Item
from buddies.models import Buddy
from buddies.publishing import live
from xmppservice.protocol import live_document

PATH = live_document.DOCUMENT_PATH
FRESH_SECONDS = 0.25
PLATFORMS = {"mobile": "mobileIsPublished", "web": "webIsPublished"}
MEDIA_TYPE = "application/json"


class HttpAnswer(NamedTuple):
    """An HTTP response, for any framework."""

    status: int
    headers: dict[str, str]
    body: bytes


class Variant:
    """The document for one platform, in the encodings that clients ask for."""

    def __init__(self, text: str, digest: str) -> None:
        identity = text.encode()
        self.bodies = {
            "br": brotli.compress(identity, quality=5),
            "gzip": gzip.compress(identity, 6, mtime=0),
            "": identity,
        }
        self.digest = digest

    def choose(self, accepted: str) -> str:
        """Return the best encoding for an Accept-Encoding (RFC 9110, 12.5.3)."""
        words = _weights(accepted)
        for encoding in ("br", "gzip"):
            if words.get(encoding, words.get("*", 0.0)) > 0:
                return encoding
        return ""

    def etag(self, encoding: str) -> str:
        # Each representation has its own tag (RFC 9110, 8.8.3.3).
        return f'"{self.digest}{"-" + encoding if encoding else ""}"'


def _weights(accepted: str) -> dict[str, float]:
    results = {}
    for part in accepted.lower().split(","):
        word, _, parameter = part.partition(";")
        results[word.strip()] = 0.0 if _is_zero(parameter) else 1.0
    return results


def _is_zero(parameter: str) -> bool:
    name, _, value = parameter.replace(" ", "").partition("=")
    return name == "q" and value.strip("0.") == ""


class ShownChannel(NamedTuple):
    """A channel of the document, and the platforms that show it."""

    item: Item
    platforms: frozenset[str]


class PublishedDocument:
    """One release, ready to be sent."""

    def __init__(self, number: int, body: str, digest: str) -> None:
        self.number = number
        # Build all of them now, not while a client waits. "" is for all platforms.
        self.variants = {"": Variant(body, digest)}
        for platform, flag in PLATFORMS.items():
            text = build.dumps(build.for_platform(json.loads(body), flag))
            self.variants[platform] = Variant(text, f"{digest}-{platform}")

    @cached_property
    def channels(self) -> dict[str, ShownChannel]:
        """The channels that at least one platform shows, by their addresses."""
        found: dict[str, ShownChannel] = {}
        for platform in PLATFORMS:
            body = self.variants[platform].bodies[""]
            for item in shape.items(json.loads(body)):
                if item["type"] == Buddy.Type.CHANNEL:
                    before = found.get(item["address"])
                    others = before.platforms if before else frozenset()
                    shown = ShownChannel(item, others | {platform})
                    found[item["address"]] = shown
        return found


class DocumentCache:
    """Caches the newest release, and knows whether it was checked a moment ago."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._refreshed_at = float("-inf")
        self.published: PublishedDocument | None = None

    @property
    def is_fresh(self) -> bool:
        return time.monotonic() - self._refreshed_at < FRESH_SECONDS

    def recent(self) -> PublishedDocument:
        """Return the newest release, or one that was a moment ago.

        Never call this on an event loop.
        """
        published = self.published
        if published is None or not self.is_fresh:
            return self.refresh()
        return published

    def refresh(self) -> PublishedDocument:
        """Return the newest release; never call this on an event loop.

        While the database is down, or another thread refreshes, return the cached one.
        """
        # One thread refreshes; the others wait for it only the first time.
        if not self._lock.acquire(blocking=self.published is None):
            assert self.published is not None
            return self.published
        try:
            return self._read_newest()
        except (DatabaseError, InterfaceError):
            if self.published is None:
                raise
            return self.published
        finally:
            self._refreshed_at = time.monotonic()
            self._lock.release()

    def _read_newest(self) -> PublishedDocument:
        result = self.published or PublishedDocument(0, EMPTY, "empty")
        newer = live.newer_than(result.number)
        if newer is not None:
            result = PublishedDocument(newer.number, newer.body, newer.digest)
        self.published = result
        return result


cache = DocumentCache()


def answer(
    published: PublishedDocument, platform: str, headers: Mapping[str, str]
) -> HttpAnswer:
    """Answer a GET or HEAD; the names of its ``headers`` are in lower case."""
    variant = published.variants[platform]
    encoding = variant.choose(headers.get("accept-encoding", ""))
    etag = variant.etag(encoding)
    response_headers = {
        "ETag": etag,
        "Cache-Control": _cache_control(),
        "Vary": "Accept-Encoding, Origin",
    }
    response_headers |= _security_headers() | origin(headers)
    if _matches(headers.get("if-none-match", ""), etag):
        return HttpAnswer(HTTPStatus.NOT_MODIFIED, response_headers, b"")
    response_headers["Content-Type"] = MEDIA_TYPE
    if encoding:
        response_headers["Content-Encoding"] = encoding
    return HttpAnswer(HTTPStatus.OK, response_headers, variant.bodies[encoding])


def _security_headers() -> dict[str, str]:
    """Return the security headers of Django's middleware, which may be bypassed."""
    headers = {"X-Content-Type-Options": "nosniff"}
    if settings.SECURE_HSTS_SECONDS:
        headers["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
    return headers


def _cache_control() -> str:
    if not settings.DOCUMENT_PUBLIC:
        return "private, no-cache"
    age = settings.DOCUMENT_MAX_AGE
    return f"public, max-age={age}" if age else "public, no-cache"


def _matches(if_none_match: str, etag: str) -> bool:
    # A compressing proxy makes tags weak (RFC 9110, 13.1.2).
    tags = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return not tags.isdisjoint((etag, "*"))


def origin(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that let other origins read it (Fetch, "CORS protocol")."""
    requesting = headers.get("origin", "")
    allowed = settings.DOCUMENT_ORIGINS
    if not requesting or not {requesting, "*"} & set(allowed):
        return {}
    value = "*" if "*" in allowed else requesting
    return {
        "Access-Control-Allow-Origin": value,
        "Access-Control-Expose-Headers": "ETag",
    }


def preflight(headers: Mapping[str, str]) -> HttpAnswer:
    """Answer the preflight that a browser sends before a request with a token."""
    allowed = origin(headers)
    if allowed:
        allowed |= {
            "Access-Control-Allow-Methods": "GET, HEAD",
            "Access-Control-Allow-Headers": "Authorization, If-None-Match",
            "Access-Control-Max-Age": "86400",
        }
    return HttpAnswer(HTTPStatus.NO_CONTENT, {**allowed, "Vary": "Origin"}, b"")
