"""Problem details: the format of every error of the API.

Source: RFC 9457, "Members of a Problem Details Object".
"""

from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from django.core.exceptions import NON_FIELD_ERRORS
from django.db import InterfaceError, InternalError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework.exceptions import APIException

MEDIA_TYPE = "application/problem+json"
API = "/api/"
WHOLE_OBJECT_KEYS = ("__all__", "non_field_errors")
SEE_ERRORS = "The request is invalid. Correct the values listed in errors."

# The database is unavailable, full or read-only.
DATABASE_ERRORS = (OperationalError, InternalError, InterfaceError)


class StorageFailed(APIException):
    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = "The service cannot store data right now. Try again later."
    default_code = "storage_failed"


class Stale(APIException):
    status_code = HTTPStatus.PRECONDITION_FAILED
    default_detail = "The resource has changed. Read it again, then retry."
    default_code = "stale"


class Conflict(APIException):
    status_code = HTTPStatus.CONFLICT
    default_detail = "Not possible in the current state. Read the resource again."
    default_code = "conflict"

    def __init__(
        self, detail: str | None = None, members: Mapping[str, Any] | None = None
    ) -> None:
        """``members`` are added to the problem, as RFC 9457, 3.2, has extensions."""
        super().__init__(detail)
        self.members = members or {}


class KeyReused(APIException):
    status_code = HTTPStatus.UNPROCESSABLE_ENTITY
    default_detail = "This Idempotency-Key was used for another request. Use a new one."
    default_code = "idempotency_key"


class LengthRequired(APIException):
    status_code = HTTPStatus.LENGTH_REQUIRED
    default_detail = "The body has no length. Send Content-Length, not chunks."
    default_code = "length_required"


class TooLarge(APIException):
    status_code = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_detail = "The request is too large. Send less."
    default_code = "too_large"


def problem(
    status: int, detail: str, code: str, errors: list[dict[str, str]] | None = None
) -> dict[str, Any]:
    """Return a problem as a JSON object; ``code`` identifies its kind."""
    title = HTTPStatus(status).phrase
    fields = {"type": "about:blank", "title": title, "status": status}
    more = {"errors": errors} if errors else {}
    return {**fields, "detail": detail, "code": code, **more}


# --- Reasons and their places ---------------------------------------------------


def with_pointers(detail: Any, pointer: str = "") -> Iterator[dict[str, str]]:
    """Yield each reason with the JSON Pointer (RFC 6901, 6) of its place."""
    if isinstance(detail, Mapping):
        for name, reasons in detail.items():
            below = "" if name in WHOLE_OBJECT_KEYS else f"/{_step(str(name))}"
            yield from with_pointers(reasons, pointer + below)
    elif isinstance(detail, list):
        for place, reason in enumerate(detail):
            # In a list of objects, each one has its own reasons.
            is_item = isinstance(reason, Mapping)
            yield from with_pointers(
                reason, f"{pointer}/{place}" if is_item else pointer
            )
    else:
        yield {"pointer": f"#{pointer}", "detail": str(detail)}


def where_sent(
    reasons: Mapping[str, list[str]], sent: Any, names: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return a model's errors by the names on the wire, such as ``info.imageUrl``.

    An error of a field that was not sent concerns the whole request: what was sent
    contradicts what is stored.
    """
    result: dict[str, Any] = {}
    for field, texts in reasons.items():
        *above, name = path = (names or {}).get(field, field).split(".")
        if not _has(sent, path):
            result.setdefault(NON_FIELD_ERRORS, []).extend(texts)
            continue
        place = result
        for step in above:
            place = place.setdefault(step, {})
        place[name] = texts
    return result


def _has(data: Any, path: Iterable[str]) -> bool:
    for step in path:
        if not isinstance(data, Mapping) or step not in data:
            return False
        data = data[step]
    return True


def _step(name: str) -> str:
    """Return a name as a step of a pointer in a URI fragment (RFC 3986, 3.5)."""
    return quote(name.replace("~", "~0").replace("/", "~1"), safe="~!$&'()*+,;=:@?")


# --- Errors outside REST framework's views --------------------------------------


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path_info.startswith(API):
        return defaults.page_not_found(request, exception)
    detail = "Not found. Check the URL: /api/ lists them, and each ends with a slash."
    return respond(HTTPStatus.NOT_FOUND, detail, "not_found")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if not request.path_info.startswith(API):
        return defaults.bad_request(request, exception)
    detail = "The request could not be understood. Check its URL, headers and body."
    return respond(HTTPStatus.BAD_REQUEST, detail, "bad_request")


def server_error(request: HttpRequest) -> HttpResponse:
    if not request.path_info.startswith(API):
        return defaults.server_error(request)
    detail = "An internal error occurred and was logged. Try again later."
    return respond(HTTPStatus.INTERNAL_SERVER_ERROR, detail, "server_error")


def respond(status: HTTPStatus, detail: str, code: str) -> HttpResponse:
    """Return a problem where no view of REST framework does."""
    body = problem(status, detail, code)
    return JsonResponse(body, status=status, content_type=MEDIA_TYPE)
