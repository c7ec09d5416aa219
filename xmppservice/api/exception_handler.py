"""Turn exceptions raised by the API's views into problem details.

A separate module because REST framework's views import everything that its settings
name, so the modules named there must not import the views.
"""

import logging
from collections.abc import Mapping
from typing import Any

from rest_framework import views
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from xmppservice.api import problems
from xmppservice.api.problems import SEE_ERRORS, StorageFailed, problem, with_pointers
from xmppservice.api.representation import Browsable, Json

logger = logging.getLogger(__name__)


def handle_exception(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the response to an exception, database errors included.

    After a database error nothing was stored, and the client is not at fault.
    """
    if isinstance(error, problems.DATABASE_ERRORS):
        logger.error("a request was not stored: %s", type(error).__name__)
        error = StorageFailed()
    response = views.exception_handler(error, dict(context))
    if response is not None:
        response.data = _problem_of(error, response)
        _render_as_problem(context["request"])
    return response


def _render_as_problem(request: Request) -> None:
    """Replace the format of a view that has one of its own, such as YAML."""
    renderer = getattr(request, "accepted_renderer", None)
    if not isinstance(renderer, Json | Browsable):
        request.accepted_renderer = Json()
        request.accepted_media_type = Json.media_type


def _problem_of(error: Exception, response: Response) -> dict[str, Any]:
    if isinstance(error, ValidationError):
        errors = list(with_pointers(error.detail))
        return problem(response.status_code, SEE_ERRORS, "invalid", errors)
    detail = str(response.data["detail"])
    code = getattr(response.data["detail"], "code", "error")
    more = error.members if isinstance(error, problems.Conflict) else {}
    return {**problem(response.status_code, detail, code), **more}
