"""Requests are UTF-8, whatever they say.

Under WSGI, Django decodes the query string by the charset of Content-Type, before any
middleware. Anybody could name a codec that fails there, such as ``zlib`` or ``idna``:
an internal error on every page. Neither JSON (RFC 8259, 8.1) nor a form has another
encoding.
"""

from django.core.handlers.asgi import ASGIRequest
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest


class Utf8(HttpRequest):
    """A request that ignores the charset of its Content-Type."""

    @property
    def encoding(self) -> str:
        return "utf-8"

    @encoding.setter
    def encoding(self, value: str) -> None:
        pass


class AsgiRequest(Utf8, ASGIRequest):
    pass


class WsgiRequest(Utf8, WSGIRequest):
    pass
