"""The live document over HTTP: in front of Django, and by Django's own view."""

import asyncio
import gzip
import json
import threading
from collections.abc import Iterator
from typing import Any

import brotli
import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from buddies.api import fast_document
from buddies.api.fast_document import FastDocument, WsgiDocument
from buddies.document.shape import EMPTY
from buddies.models import Release
from buddies.publishing import http_cache, live, releases
from tests.buddies.conftest import channel, group
from xmppservice.api import tokens
from xmppservice.api.models import Token

pytestmark = [
    # The route reads in its own thread.
    pytest.mark.django_db(transaction=True),
]

HANDED_ON = 599
Answer = tuple[int, dict[str, str], bytes]


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may have other things to do, and the route would serve old bytes."""
    monkeypatch.setattr(fast_document, "TIMEOUT_SECONDS", 60.0)


class Asgi:
    """Asks the ASGI route; requests that it passes on get HANDED_ON."""

    def __init__(self) -> None:
        self.route = FastDocument(self._handed_on)

    async def _handed_on(self, scope: Any, receive: Any, send: Any) -> None:
        start = {"status": HANDED_ON, "headers": []}
        await send({"type": "http.response.start", **start})
        await send({"type": "http.response.body", "body": b""})

    def __call__(self, method: str = "GET", query: str = "", **headers: str) -> Answer:
        return asyncio.run(self._ask(method, query, headers))

    async def _ask(self, method: str, query: str, headers: dict[str, str]) -> Answer:
        sent: list[dict[str, Any]] = []

        async def send(event: dict[str, Any]) -> None:
            sent.append(event)

        scope = {
            "type": "http",
            "method": method,
            "path": http_cache.PATH,
            "query_string": query.encode(),
            "headers": [
                (name.replace("_", "-").encode(), value.encode())
                for name, value in headers.items()
            ],
        }
        await self.route(scope, None, send)
        if self.route._use_task is not None:
            await self.route._use_task
        start, body = sent
        fields = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], fields, body["body"]

    def close(self) -> None:
        for thread in (self.route._thread, self.route._use_thread):
            asyncio.run(thread.__aexit__())


class Wsgi:
    """Asks the route of a WSGI server; requests that it passes on get HANDED_ON."""

    def __init__(self) -> None:
        self.route = WsgiDocument(self._handed_on)

    def _handed_on(self, environ: Any, start: Any) -> list[bytes]:
        start(f"{HANDED_ON} Handed On", [])
        return []

    def __call__(self, method: str = "GET", query: str = "", **headers: str) -> Answer:
        environ = {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        environ |= {"REQUEST_METHOD": method, "QUERY_STRING": query}
        environ["PATH_INFO"] = http_cache.PATH
        started: list[Any] = []
        body = self.route(environ, lambda *start: started.append(start))
        ((status, pairs),) = started
        found = {name.lower(): value for name, value in pairs}
        return int(status.partition(" ")[0]), found, b"".join(body)

    def close(self) -> None:
        pass


class Plain:
    """Asks Django's view, as if no route were in front of it."""

    def __call__(self, method: str = "GET", query: str = "", **headers: str) -> Answer:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        path = f"{http_cache.PATH}?{query}" if query else http_cache.PATH
        answer = Client().generic(method, path, headers=sent)
        fields = {name.lower(): value for name, value in answer.headers.items()}
        return answer.status_code, fields, answer.content

    def close(self) -> None:
        pass


@pytest.fixture(params=[Asgi, Wsgi, Plain])
def ask(request) -> Iterator[Any]:
    asked = request.param()
    yield asked
    asked.close()


@pytest.fixture(params=[Asgi, Wsgi])
def route(request) -> Iterator[Any]:
    asked = request.param()
    yield asked
    asked.close()


@pytest.fixture
def asgi() -> Iterator[Asgi]:
    asked = Asgi()
    yield asked
    asked.close()


@pytest.fixture
def bearer(settings) -> dict[str, str]:
    user = User.objects.create_user("juliet")
    _, secret = tokens.make(user, "app", ["document:read"], None)
    return {"authorization": f"Bearer {secret}"}


@pytest.fixture
def release() -> Release:
    house = group("house", mobile_is_published=True)
    channel("romeo", house)
    channel("mario", house, web_is_published=False, mobile_is_published=True)
    empty = group("for the web alone", web_is_published=True)
    channel("nurse", empty, web_is_published=False, mobile_is_published=True)
    made = releases.sync()
    assert made
    return made


def names(body: bytes) -> list[str]:
    def below(items: list[dict[str, Any]]) -> Iterator[str]:
        for item in items:
            yield item["info"]["name"]
            yield from below(item.get("items", []))

    return list(below(json.loads(body)["items"]))


def test_the_document_is_the_live_release_byte_for_byte(ask, bearer, release):
    status, headers, body = ask(**bearer)

    assert (status, body.decode()) == (200, release.body)
    assert headers["content-type"] == "application/json"
    assert headers["cache-control"] == "private, no-cache"
    assert headers["x-content-type-options"] == "nosniff"
    assert "content-encoding" not in headers


def test_before_the_first_release_it_is_empty(ask, bearer):
    assert ask(**bearer)[2].decode() == EMPTY


def test_a_newer_release_is_served_a_moment_later(ask, bearer, release, monkeypatch):
    ask(**bearer)
    channel("juliet")
    newer = releases.sync()

    monkeypatch.setattr(http_cache, "FRESH_SECONDS", 0)
    assert ask(**bearer)[2].decode() == newer.body


@pytest.mark.parametrize(
    ("platform", "found"),
    [
        ("mobile", ["house", "mario"]),
        ("web", ["house", "romeo"]),
    ],
)
def test_a_platform_sees_no_branch_without_its_flag(
    ask, bearer, release, platform, found
):
    status, headers, body = ask(query=f"platform={platform}", **bearer)

    assert (status, names(body)) == (200, found)
    assert headers["etag"] != ask(**bearer)[1]["etag"]


@pytest.mark.parametrize("query", ["platform=desk", "platform=", "x=1", "web"])
def test_other_queries_are_passed_on_to_django(route, bearer, release, query):
    assert route(query=query, **bearer)[0] == HANDED_ON
    assert Plain()(query=query, **bearer)[0] == 400


@pytest.mark.parametrize(
    ("accepted", "encoding", "decode"),
    [
        ("gzip, deflate, br", "br", brotli.decompress),
        ("gzip", "gzip", gzip.decompress),
        ("br;q=0, gzip;q=0.5", "gzip", gzip.decompress),
        ("*", "br", brotli.decompress),
        ("gzip;q=0, br; q=0.0", None, bytes),
        ("identity", None, bytes),
        ("", None, bytes),
    ],
)
def test_it_is_compressed_as_the_client_accepts(
    ask, bearer, release, accepted, encoding, decode
):
    _, headers, body = ask(accept_encoding=accepted, **bearer)

    assert headers.get("content-encoding") == encoding
    assert decode(body).decode() == release.body
    assert "Accept-Encoding" in headers["vary"]
    assert int(headers["content-length"]) == len(body)


def test_a_current_etag_gets_no_body(ask, bearer, release):
    tags = set()
    for accepted in ("", "gzip", "br"):
        tag = ask(accept_encoding=accepted, **bearer)[1]["etag"]
        tags.add(tag)
        for sent in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            status, headers, body = ask(
                accept_encoding=accepted, if_none_match=sent, **bearer
            )
            assert (status, body) == (304, b"")
            assert headers["etag"] == tag
    assert len(tags) == 3
    # The ETag of another encoding does not match.
    for sent in ('"x"', *(tag for tag in tags if "-" in tag)):
        assert ask(if_none_match=sent, **bearer)[0] == 200


def test_a_head_has_the_same_headers(ask, bearer, release):
    got, asked = ask(**bearer), ask("HEAD", **bearer)
    assert (asked[0], asked[2]) == (200, b"")
    assert asked[1]["content-length"] == got[1]["content-length"]
    assert asked[1]["etag"] == got[1]["etag"]


# --- Access ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer x"}, {"authorization": "Basic eDp5"}]
)
def test_reading_requires_a_valid_token(route, release, headers):
    assert route(**headers)[0] == HANDED_ON
    status, _, body = Plain()(**headers)
    assert (status, json.loads(body)["status"]) == (401, 401)


def test_a_token_without_the_scope_is_refused(route, bearer, release):
    Token.objects.update(scopes=["tree:read"])
    assert route(**bearer)[0] == HANDED_ON
    assert Plain()(**bearer)[0] == 403


def test_a_deleted_token_is_refused(route, bearer, release, monkeypatch):
    assert route(**bearer)[0] == 200
    Token.objects.all().delete()
    monkeypatch.setattr(fast_document, "TRUST_SECONDS", 0.0)
    route.route._trusted = fast_document.TrustedTokens()
    assert route(**bearer)[0] == HANDED_ON


def test_a_known_token_costs_no_query(route, bearer, release, monkeypatch):
    assert route(**bearer)[0] == 200

    def never(*_: object) -> None:
        raise AssertionError("it was looked up again")

    monkeypatch.setattr(tokens, "find", never)
    monkeypatch.setattr(http_cache, "FRESH_SECONDS", 60)
    monkeypatch.setattr(live, "newer_than", never)
    assert route(**bearer)[0] == 200


def test_the_use_of_a_token_is_recorded(route, bearer, release):
    assert route(**bearer)[0] == 200
    assert Token.objects.get().used_at is not None


def test_the_number_of_cached_tokens_is_limited(route, release, monkeypatch):
    monkeypatch.setattr(fast_document, "MAX_TOKENS", 2)
    user = User.objects.create_user("juliet")
    for number in range(4):
        _, secret = tokens.make(user, str(number), ["document:read"], None)
        assert route(authorization=f"Bearer {secret}")[0] == 200
    assert len(route.route._trusted) == 2


def test_without_a_database_the_last_document_is_served(
    ask, release, settings, monkeypatch
):
    settings.DOCUMENT_PUBLIC = True
    assert ask()[0] == 200

    def away(*_: object) -> None:
        raise OperationalError

    monkeypatch.setattr(http_cache, "FRESH_SECONDS", 0)
    monkeypatch.setattr(live, "newer_than", away)
    assert ask()[2].decode() == release.body

    http_cache.cache.published = None
    assert ask()[0] in (HANDED_ON, 503)


def test_waiting_requests_share_one_slow_query(asgi, release, settings, monkeypatch):
    settings.DOCUMENT_PUBLIC = True
    assert asgi()[0] == 200
    looks, go_on = [], threading.Event()

    def slow(*_: object) -> None:
        looks.append(1)
        go_on.wait(30)

    monkeypatch.setattr(http_cache, "FRESH_SECONDS", 0)
    monkeypatch.setattr(fast_document, "TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(live, "newer_than", slow)
    answers = asyncio.run(_many(asgi, 20, go_on))

    assert {status for status, _, _ in answers} == {200}
    assert len(looks) == 1


async def _many(route: Asgi, count: int, go_on: threading.Event) -> list[Answer]:
    answers = await asyncio.gather(*(route._ask("GET", "", {}) for _ in range(count)))
    go_on.set()
    assert route.route._refresh_task
    await route.route._refresh_task
    return answers


def test_plain_http_behind_a_proxy_is_passed_on(route, bearer, release, settings):
    settings.HTTPS = True
    assert route(**bearer)[0] == HANDED_ON
    assert route(x_forwarded_proto="https", **bearer)[0] == 200


def test_security_headers_match_those_of_django(ask, bearer, release, settings):
    settings.SECURE_HSTS_SECONDS = 60
    etag = ask(**bearer)[1]["etag"]
    for status, headers, _ in (ask(**bearer), ask(if_none_match=etag, **bearer)):
        assert status in (200, 304)
        assert headers["strict-transport-security"] == "max-age=60"
        assert headers["x-content-type-options"] == "nosniff"


# --- A public document ----------------------------------------------------------


@pytest.mark.parametrize(
    ("age", "cached"), [(0, "public, no-cache"), (60, "public, max-age=60")]
)
def test_a_public_document_needs_no_token(ask, release, settings, age, cached):
    settings.DOCUMENT_PUBLIC, settings.DOCUMENT_MAX_AGE = True, age

    status, headers, body = ask()

    assert (status, body.decode()) == (200, release.body)
    assert headers["cache-control"] == cached


SHOP = "https://shop.example.org"


@pytest.mark.parametrize(
    ("known", "asking", "allowed"),
    [
        ([], SHOP, None),
        ([SHOP], SHOP, SHOP),
        ([SHOP], "https://evil.example.org", None),
        (["*"], SHOP, "*"),
        ([SHOP], "", None),
    ],
)
def test_pages_of_known_origins_may_read_it(
    ask, bearer, release, settings, known, asking, allowed
):
    settings.DOCUMENT_ORIGINS = known
    headers = {"origin": asking} if asking else {}

    _, read, _ = ask(**bearer, **headers)
    status, before, _ = Plain()("OPTIONS", **headers)

    assert read.get("access-control-allow-origin") == allowed
    assert "Origin" in read["vary"]
    assert status == 204
    assert before.get("access-control-allow-origin") == allowed
    is_allowed = "Authorization" in before.get("access-control-allow-headers", "")
    assert is_allowed == (allowed is not None)
