"""What every view of the API shares."""

import json
import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import IO, Any

from django.db import InterfaceError, InternalError, OperationalError
from rest_framework import views
from rest_framework.exceptions import APIException, ParseError
from rest_framework.filters import SearchFilter
from rest_framework.parsers import JSONParser
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request
from rest_framework.response import Response

logger = logging.getLogger(__name__)

MOST_WORDS = 10


class StorageFailed(APIException):
    status_code = HTTPStatus.SERVICE_UNAVAILABLE
    default_detail = "The service cannot store anything now. Repeat later."


def answer_to(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """The answer to what a view has raised; also when the database is at fault.

    Away, its disk full, or read-only: nothing was stored, and it is not the
    client's doing.
    """
    if isinstance(error, (OperationalError, InternalError, InterfaceError)):
        logger.error("a request was not stored: %s", type(error).__name__)
        error = StorageFailed()
    return views.exception_handler(error, dict(context))


class ModelPermissions(DjangoModelPermissions):
    """Django's model permissions, reading included: accounts are phone numbers."""

    perms_map = {
        **DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }


class Parser(JSONParser):
    """JSON that can be stored, and that an answer can speak of."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
            json.dumps(data, ensure_ascii=False).encode()
        except RecursionError:
            raise ParseError("JSON nested too deep.") from None
        except UnicodeEncodeError:
            raise ParseError("JSON with half a character (a lone surrogate).") from None
        return data


class WordSearch(SearchFilter):
    """Searches for the first words of ``search``: each one is a part of the query."""

    def get_search_terms(self, request: Request) -> list[str]:
        return super().get_search_terms(request)[:MOST_WORDS]


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
