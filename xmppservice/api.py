"""What every view of the API shares."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.filters import SearchFilter
from rest_framework.parsers import JSONParser
from rest_framework.permissions import DjangoModelPermissions
from rest_framework.renderers import BrowsableAPIRenderer
from rest_framework.request import Request

MOST_WORDS = 10


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
