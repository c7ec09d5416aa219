"""How the API reads and writes JSON, and its ETags."""

import json
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from io import BytesIO
from typing import IO, Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase, RawPostDataException
from django.middleware.common import CommonMiddleware
from django.middleware.http import ConditionalGetMiddleware
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import parse_etags
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from xmppservice.api import problems

MAX_BYTES = 8 * 1024 * 1024  # of a request


class BoundedJSONParser(JSONParser):
    """Parse JSON of limited size; refuse text that cannot be encoded as UTF-8."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            text = f"The request is too large. Send at most {MAX_BYTES} bytes."
            raise problems.TooLarge(text)
        try:
            data = super().parse(BytesIO(body), media_type, parser_context)
            json.dumps(data, ensure_ascii=False).encode()
        except RecursionError:
            text = "The JSON is nested too deeply. Use fewer levels."
            raise ParseError(text) from None
        except UnicodeEncodeError:
            text = "The JSON contains a lone surrogate. Send complete characters."
            raise ParseError(text) from None
        return data


class Json(JSONRenderer):
    """Render JSON with an ETag, and problems with their own media type."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        body: bytes = super().render(data, accepted_media_type, renderer_context)
        response: Response = (renderer_context or {})["response"]
        if not isinstance(response.accepted_renderer, Json):
            return body  # part of a browsable page
        if response.status_code >= 400:
            response["Content-Type"] = problems.MEDIA_TYPE
        elif body:
            is_indented = "indent" in (accepted_media_type or "")
            response["ETag"] = _etag(_plain(data) if is_indented else body)
        return body


def _plain(data: Any) -> bytes:
    plain: bytes = JSONRenderer().render(data)
    return plain


def _etag(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:32]}"'


def whole_body(request: Request, too_large: str | None = None) -> bytes:
    """Return the body, which ``request.data`` can read after this, too."""
    try:
        body: bytes = request.body
    except RequestDataTooBig:
        raise problems.TooLarge(too_large) from None
    except RawPostDataException:
        # A form with files, in which Django has looked for the token against CSRF.
        raise UnsupportedMediaType(request.content_type) from None
    return body


def refuse_stale(request: Request, current: Any) -> None:
    """Raise Stale when an If-Match names another state than ``current``.

    ``current`` is the data of a GET of this URL. Source: RFC 9110, "If-Match".
    """
    etags = parse_etags(request.headers.get("If-Match", "*"))
    if "*" not in etags and _etag(_plain(current)) not in etags:
        raise problems.Stale


class Conditional(ConditionalGetMiddleware):
    """Answer 304 when the client already has the current representation."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not request.path_info.startswith(problems.API):
            return response
        result = super().process_response(request, response)
        if result.status_code == HTTPStatus.PRECONDITION_FAILED != response.status_code:
            stale = problems.Stale
            return problems.respond(
                HTTPStatus.PRECONDITION_FAILED, stale.default_detail, stale.default_code
            )
        return result


class Slashes(CommonMiddleware):
    """Redirect to the address with a slash, but not below /api/.

    A client would follow with a GET, and its write would seem to succeed.
    """

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        is_api = request.path_info.startswith(problems.API)
        return not is_api and bool(super().should_redirect_with_slash(request))


class NotStored(MiddlewareMixin):
    """Keep answers of the API out of caches: they hold numbers, and so do redirects.

    The document has a Cache-Control of its own. Source: RFC 9111, 5.2.2.5.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if request.path_info.startswith(problems.API):
            response.headers.setdefault("Cache-Control", "no-store")
        return response


class Browsable(BrowsableAPIRenderer):
    """The browsable API; REST framework's pages contain inline styles."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        page = super().render(data, accepted_media_type, renderer_context)
        # What csp.decorators.csp_update does to a view; scripts stay restricted.
        response = (renderer_context or {})["response"]
        response._csp_update = {"style-src": ["'unsafe-inline'"]}
        return page
