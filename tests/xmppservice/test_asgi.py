"""What the ASGI application does with scopes that are no requests."""

import gc
import re
import socket
from io import BytesIO

import pytest
from django.core.signals import request_finished

from tests.charsets import CHARSETS
from tests.service import DEPLOYMENT, Service
from xmppservice import asgi
from xmppservice.runtime import memory

# The tests of one process share a connection, which no request may close.
request_finished.disconnect(asgi.close_connections)

several = DEPLOYMENT != "one"
one_process_only = pytest.mark.skipif(several, reason="only one has an ASGI server")
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def test_memory_is_searched_rarely_and_without_what_stays():
    assert gc.get_threshold()[0] == memory.NEW_OBJECTS
    assert gc.get_freeze_count() > memory.NEW_OBJECTS


async def answers(scope: dict, *events: dict) -> list[dict]:
    """Return what the application sends in a scope."""
    sent: list[dict] = []
    waiting = list(events)

    async def receive() -> dict:
        return waiting.pop(0)

    async def send(event: dict) -> None:
        sent.append(event)

    await asgi.application(scope, receive, send)
    return sent


@pytest.mark.parametrize("path", ["/", "/api/document/", "/admin/", "/nowhere"])
async def test_a_websocket_is_closed_before_it_opens(path):
    scope = {"type": "websocket", "path": path, "headers": [], "subprotocols": []}
    sent = await answers(scope, {"type": "websocket.connect"})
    assert [event["type"] for event in sent] == ["websocket.close"]


@pytest.mark.parametrize("kind", ["lifespan", "webtransport", ""])
async def test_another_scope_is_refused_as_asgi_demands(kind):
    """So that a server knows: ASGI, "Applications"."""
    with pytest.raises(ValueError, match="No application configured"):
        await answers({"type": kind})


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_request_is_utf_8_whatever_the_charset(charset):
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"a=%C3%A9",
        "headers": [(b"content-type", f"text/plain; charset={charset}".encode())],
    }
    request = asgi.django_application.request_class(scope, BytesIO())
    assert (request.GET["a"], request.encoding) == ("é", "utf-8")


def exchange(service: Service, path: str, headers: dict[str, str]) -> str:
    """Send a GET; return the first line of the response."""
    lines = [f"GET {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", service.http_port), 10) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection.makefile().readline().strip()


ODD = (
    {**UPGRADE, "Sec-WebSocket-Protocol": "xmpp"},
    {**UPGRADE, "Sec-WebSocket-Version": "99"},
    {**UPGRADE, "Sec-WebSocket-Key": "short"},
    {**UPGRADE, "Sec-WebSocket-Key": ""},
    {**UPGRADE, "Upgrade": "h2c"},
    {**UPGRADE, "Upgrade": "websocket, h2c"},
)


@one_process_only
@pytest.mark.parametrize("path", ["/", "/api/document/", "/admin/", "/+393471111111"])
def test_a_real_upgrade_is_refused_without_a_line_in_the_log(service: Service, path):
    before = len(service.log.read_text())
    assert exchange(service, path, UPGRADE) == "HTTP/1.1 403 Forbidden"
    log = service.log.read_text()[before:]
    # The service may still report what else its start has found.
    assert not re.search("uvicorn|django|websocket|WARNING|ERROR", log, re.IGNORECASE)


@one_process_only
@pytest.mark.parametrize("headers", ODD)
def test_an_odd_upgrade_is_refused_without_a_traceback(service: Service, headers):
    before = len(service.log.read_text())
    status = exchange(service, "/+393471111111", headers)
    assert status.split()[1] in ("400", "403", "404")
    log = service.log.read_text()[before:]
    assert "ERROR" not in log
    assert "39347" not in log
