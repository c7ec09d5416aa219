"""Writes of the API that may come twice: the second one is answered as the first.

Source: draft-ietf-httpapi-idempotency-key-header, "The Idempotency-Key HTTP Request
Header Field".
"""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from xmppservice import problems
from xmppservice.models import IdempotentRequest

HEADER = "Idempotency-Key"
LONGEST = 255  # characters
KEPT = timedelta(days=1)
WRITES = ("POST", "PUT", "PATCH", "DELETE")
TOLD = ("Content-Type", "ETag", "Location")


class Idempotency:
    """Middleware: what a write does and that it was answered are one transaction.

    What was refused is not remembered: said again, it is looked at again. A view
    names in ``repeatable`` the actions that change nothing a second time.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponseBase | None:
        key = request.headers.get(HEADER)
        if key is None or not _concerns(request, view):
            return None
        if not 0 < len(key) <= LONGEST:
            text = f"{HEADER}: 1 to {LONGEST} characters."
            return problems.answer(HTTPStatus.BAD_REQUEST, text, "idempotency_key")
        try:
            asked = IdempotentRequest(key=_caller(request, key), request=_what(request))
        except RequestDataTooBig:
            text = f"Too large for a request with an {HEADER}."
            return problems.answer(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, text, "too_large"
            )
        try:
            with transaction.atomic():
                return _once(asked, lambda: view(request, *args, **kwargs))
        except problems.DATABASE_ERRORS as error:
            return problems.storage_failed(error)


def _concerns(request: HttpRequest, view: Any) -> bool:
    if request.method not in WRITES or not request.path_info.startswith(problems.API):
        return False
    # A class of REST framework, and of a set of views, the one for this method.
    kind, method = getattr(view, "cls", None), request.method.lower()
    action = getattr(view, "actions", {method: method}).get(method)
    return hasattr(kind, action or "") and action not in getattr(kind, "repeatable", ())


def _caller(request: HttpRequest, key: str) -> str:
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    return _digest(request.headers.get("Authorization", session), key)


def _what(request: HttpRequest) -> str:
    return _digest(str(request.method), request.get_full_path(), request.body)


def _digest(*parts: str | bytes) -> str:
    found = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(len(data).to_bytes(8) + data)
    return found.hexdigest()


def _once(
    asked: IdempotentRequest, view: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    IdempotentRequest.objects.filter(made_at__lt=timezone.now() - KEPT).delete()
    # Two at the same time: the second one waits here for the end of the first.
    row, is_new = IdempotentRequest.objects.get_or_create(
        key=asked.key, defaults={"request": asked.request}
    )
    if not is_new:
        return _again(row, asked)
    response: Any = view()
    if hasattr(response, "render"):
        response.render()
    if response.status_code < HTTPStatus.BAD_REQUEST:
        row.status, row.body = response.status_code, response.content
        row.headers = {name: response[name] for name in TOLD if name in response}
        row.save()
    else:
        transaction.set_rollback(True)
    answered: HttpResponseBase = response
    return answered


def _again(row: IdempotentRequest, asked: IdempotentRequest) -> HttpResponse:
    if row.request != asked.request:
        text = f"This {HEADER} was used for another request."
        return problems.answer(HTTPStatus.UNPROCESSABLE_ENTITY, text, "idempotency_key")
    headers = {**row.headers, "Idempotency-Replayed": "true"}
    return HttpResponse(bytes(row.body), status=row.status, headers=headers)
