from collections.abc import Iterator
from io import BytesIO
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

import pytest
from axes.models import AccessAttempt
from django.core.signals import request_started
from django.db import close_old_connections
from rest_framework.request import Request

from tests.charsets import CHARSETS
from xmppservice.api.representation import BoundedJSONParser
from xmppservice.runtime.charset import WsgiRequest
from xmppservice.wsgi import application

pytestmark = pytest.mark.usefixtures("_open_connection")


@pytest.fixture
def _open_connection(db) -> Iterator[None]:
    """Keep the test's connection, as Django's own test client does."""
    request_started.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)


def test_probes_work_with_any_host():
    environ: dict = {"PATH_INFO": "/healthz", "HTTP_HOST": "10.1.2.3"}
    setup_testing_defaults(environ)
    said: list[str] = []

    body = application(environ, lambda status, headers: said.append(status))

    assert said == ["200 OK"]
    assert b"".join(body) == b"ok\n"


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("127.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "2001:db8:1:2::9", "2001:db8:1:2::"),
        ("127.0.0.1", "[2001:db8:1:2::9]:443", "2001:db8:1:2::"),
        ("127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("127.0.0.1", "nonsense", None),
        ("192.0.2.7", "198.51.100.1", "192.0.2.7"),
    ],
)
def test_a_login_counts_for_the_client_that_a_trusted_proxy_names(
    peer, forwarded, counted
):
    csrf = "a" * 32
    form = {"username": "juliet", "password": "x", "csrfmiddlewaretoken": csrf}
    body = urlencode(form).encode()
    environ: dict = {
        "PATH_INFO": "/admin/login/",
        "REQUEST_METHOD": "POST",
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_COOKIE": f"csrftoken={csrf}",
        "HTTP_HOST": "localhost",
        "HTTP_X_FORWARDED_FOR": forwarded,
        "REMOTE_ADDR": peer,
        "wsgi.input": BytesIO(body),
    }
    setup_testing_defaults(environ)

    application(environ, lambda status, headers: None)

    assert AccessAttempt.objects.get().ip_address == counted


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_query_string_is_utf_8_whatever_the_charset(charset):
    environ: dict = {
        "PATH_INFO": "/healthz",
        "QUERY_STRING": "a=%C3%A9",
        "CONTENT_TYPE": f"application/json; charset={charset}",
    }
    setup_testing_defaults(environ)
    said: list[str] = []
    application(environ, lambda status, headers: said.append(status))
    assert said == ["200 OK"]


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_body_is_utf_8_whatever_the_charset(charset):
    kind = f"application/json; charset={charset}"
    environ = {"REQUEST_METHOD": "PATCH", "CONTENT_TYPE": kind}
    setup_testing_defaults(environ)
    data = '{"name":"Roméo"}'.encode()
    environ |= {"wsgi.input": BytesIO(data), "CONTENT_LENGTH": str(len(data))}
    request = Request(WsgiRequest(environ), parsers=[BoundedJSONParser()])
    assert request.data == {"name": "Roméo"}
