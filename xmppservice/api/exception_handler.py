"""What a view of the API raises becomes a problem.

Apart from the problems themselves: REST framework's views import all that its
settings name, and what those import must not need the views.
"""

import logging
from collections.abc import Mapping
from typing import Any

from rest_framework import views
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response

from xmppservice.api import problems
from xmppservice.api.problems import SEE_ERRORS, StorageFailed, pointed, problem

logger = logging.getLogger(__name__)


def answer_to(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """The answer to what a view has raised; also when the database is at fault.

    Nothing was stored then, and it is not the client's doing.
    """
    if isinstance(error, problems.DATABASE_ERRORS):
        logger.error("a request was not stored: %s", type(error).__name__)
        error = StorageFailed()
    response = views.exception_handler(error, dict(context))
    if response is not None:
        response.data = _of(error, response)
    return response


def _of(error: Exception, response: Response) -> dict[str, Any]:
    if isinstance(error, ValidationError):
        errors = list(pointed(error.detail))
        return problem(response.status_code, SEE_ERRORS, "invalid", errors)
    detail = str(response.data["detail"])
    code = getattr(response.data["detail"], "code", "error")
    return problem(response.status_code, detail, code)
