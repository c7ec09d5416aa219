"""What every view of the API shares: who may, its JSON, its pages, its ETags."""

import json
from collections.abc import Mapping
from hashlib import sha256
from http import HTTPStatus
from io import BytesIO
from typing import IO, Any

from django import forms
from django.http import HttpRequest, HttpResponseBase
from django.middleware.http import ConditionalGetMiddleware
from django.utils.http import parse_etags
from django_filters import rest_framework as filters
from rest_framework.exceptions import (
    NotFound,
    ParseError,
    PermissionDenied,
    ValidationError,
)
from rest_framework.filters import SearchFilter
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.renderers import BrowsableAPIRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import SimpleRateThrottle

from xmppservice import problems
from xmppservice.api.models import Token

MOST_BYTES = 8 * 1024 * 1024  # of a request
MOST_WORDS = 10
PAGE, LONGEST_PAGE = 100, 1_000  # entries


# --- Who may --------------------------------------------------------------------


class Allowed(BasePermission):
    """What a user may in Django, and a token by its scopes.

    A view names its ``scope``, to which ``:read`` or ``:write`` is added, and in
    ``needs`` the permission for each action (for a plain view, each method), or
    several; None opens it to every user. Reading needs one, too: accounts are phone
    numbers.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            return False
        _refuse_scope(request, view.scope)
        action = _action(request, view)
        if action is None:
            return True  # not one of its methods, as it will say
        needed = view.needs[action] or ()
        return request.user.has_perms((needed,) if isinstance(needed, str) else needed)


def _action(request: Request, view: Any) -> str | None:
    """What is asked of a view; None when it does not know the method."""
    method = str(request.method).lower()
    if method == "options":
        return None
    if hasattr(view, "action_map"):
        found: str | None = view.action
        return found
    method = "get" if method == "head" else method
    return method if hasattr(view, method) else None


def _refuse_scope(request: Request, scope: str) -> None:
    kind = "read" if request.method in SAFE_METHODS else "write"
    wanted = f"{scope}:{kind}"
    if isinstance(request.auth, Token) and wanted not in request.auth.scopes:
        raise PermissionDenied(f"The token lacks the scope {wanted}.", "scope")


class Throttle(SimpleRateThrottle):
    """So many requests a minute for each token, and for each user with a session."""

    scope = "api"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        if isinstance(request.auth, Token):
            return f"throttle.token.{request.auth.pk}"
        if request.user.is_authenticated:
            return f"throttle.user.{request.user.pk}"
        return None


# --- In and out -----------------------------------------------------------------


class Parser(JSONParser):
    """JSON of a bounded size, that can be stored and that an answer can speak of."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise problems.TooLarge(f"More than {MOST_BYTES} bytes.")
        try:
            data = super().parse(BytesIO(body), media_type, parser_context)
            json.dumps(data, ensure_ascii=False).encode()
        except RecursionError:
            raise ParseError("JSON nested too deep.") from None
        except UnicodeEncodeError:
            raise ParseError("JSON with half a character (a lone surrogate).") from None
        return data


class Json(JSONRenderer):
    """JSON with an ETag; a problem under the media type of its own."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        body: bytes = super().render(data, accepted_media_type, renderer_context)
        response: Response = (renderer_context or {})["response"]
        if not isinstance(response.accepted_renderer, Json):
            return body  # a part of a page
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


def refuse_stale(request: Request, current: Any) -> None:
    """Raise Stale when an If-Match names another state than ``current``.

    That is what a GET of this address has as its data. Source: RFC 9110, "If-Match".
    """
    known = parse_etags(request.headers.get("If-Match", "*"))
    if "*" not in known and _etag(_plain(current)) not in known:
        raise problems.Stale


class Conditional(ConditionalGetMiddleware):
    """Answers 304 to who has read the same of the API before."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        if not request.path_info.startswith(problems.API):
            return response
        answer = super().process_response(request, response)
        if answer.status_code == HTTPStatus.PRECONDITION_FAILED != response.status_code:
            stale = problems.Stale
            return problems.answer(
                HTTPStatus.PRECONDITION_FAILED, stale.default_detail, stale.default_code
            )
        return answer


class Browsable(BrowsableAPIRenderer):
    """The API in a browser, whose stock pages have styles written into them."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> str:
        page = super().render(data, accepted_media_type, renderer_context)
        # What csp.decorators.csp_update does to a view; scripts stay as strict.
        response = (renderer_context or {})["response"]
        response._csp_update = {"style-src": ["'unsafe-inline'"]}
        return page


# --- Lists ----------------------------------------------------------------------


class Pages(CursorPagination):
    """Pages that stay right while rows come and go: ``next`` leads to what follows."""

    ordering = "pk"
    page_size = PAGE
    page_size_query_param = "pageSize"
    max_page_size = LONGEST_PAGE

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor: Cursor | None = super().decode_cursor(request)
        place = str(cursor.position or 0) if cursor else "0"
        if not (place.isascii() and place.isdigit() and len(place) < 20):
            raise NotFound(self.invalid_cursor_message)
        return cursor

    def get_page_size(self, request: Request) -> int | None:
        sent = request.query_params.get("pageSize")
        if sent is None:
            return self.page_size
        is_number = sent.isascii() and sent.isdigit()
        if not is_number or not 0 < int(sent[:9]) <= LONGEST_PAGE:
            raise ValidationError({"pageSize": f"Must be 1 to {LONGEST_PAGE}."})
        return int(sent)


class YesNo(forms.NullBooleanField):
    """true or false; the stock one takes anything else for "both"."""

    def to_python(  # type: ignore[override]  # the stock one returns None, too
        self, value: str | None
    ) -> bool | None:
        if value in (None, ""):
            return None
        if value.lower() not in ("true", "false"):
            raise forms.ValidationError("Must be true or false.")
        return value.lower() == "true"


class BooleanFilter(filters.BooleanFilter):
    field_class = YesNo

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, widget=forms.TextInput, **kwargs)


class FilterSet(filters.FilterSet):
    """Refuses a filter that is sent empty; the stock one takes it for none.

    The form of the browsable page sends all that it has, filled in or not.
    """

    request: Any  # REST framework's, and data is there
    data: Any

    def is_valid(self) -> bool:
        super().is_valid()
        if self.request.accepted_renderer.format != "api":
            for name in self.form.fields:
                if self.data.get(name) == "":
                    self.form.add_error(name, "Must not be empty.")
        return bool(super().is_valid())


class WordSearch(SearchFilter):
    """Searches for the first words of ``search``: each one is a part of the query."""

    def get_search_terms(self, request: Request) -> list[str]:
        return super().get_search_terms(request)[:MOST_WORDS]
