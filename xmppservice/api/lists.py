"""Lists of the API: pagination, filters and search."""

from typing import Any

from django import forms
from django_filters import rest_framework as filters
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.filters import SearchFilter
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request

MAX_WORDS = 10
PAGE_SIZE, MAX_PAGE_SIZE = 100, 1_000  # entries


class Pages(CursorPagination):
    """Cursor pagination: ``next`` skips and repeats no row when others come and go."""

    ordering = "pk"
    page_size = PAGE_SIZE
    page_size_query_param = "pageSize"
    max_page_size = MAX_PAGE_SIZE

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        url = {"type": ["string", "null"], "format": "uri"}
        properties = {"next": url, "previous": url, "results": schema}
        return {"type": "object", "properties": properties}

    def decode_cursor(self, request: Request) -> Cursor | None:
        cursor: Cursor | None = super().decode_cursor(request)
        position = str(cursor.position or 0) if cursor else "0"
        digits = position.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            raise NotFound(self.invalid_cursor_message)
        return cursor

    def get_page_size(self, request: Request) -> int | None:
        page_size = request.query_params.get("pageSize")
        if page_size is None:
            return self.page_size
        is_number = page_size.isascii() and page_size.isdigit()
        if not is_number or not 0 < int(page_size[:9]) <= MAX_PAGE_SIZE:
            raise ValidationError({"pageSize": f"Must be 1 to {MAX_PAGE_SIZE}."})
        return int(page_size)


class StrictBooleanField(forms.NullBooleanField):
    """Accept only true or false; Django's own field treats other values as unset."""

    def to_python(  # type: ignore[override]  # Django's own returns None, too
        self, value: str | None
    ) -> bool | None:
        if value in (None, ""):
            return None
        if value.lower() not in ("true", "false"):
            raise forms.ValidationError("Must be true or false.")
        return value.lower() == "true"


class BooleanFilter(filters.BooleanFilter):
    field_class = StrictBooleanField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, widget=forms.TextInput, **kwargs)


class FilterSet(filters.FilterSet):
    """Refuse an empty filter, which django-filter would ignore.

    The browsable API is exempt, because its form sends the empty fields, too.
    """

    request: Any  # REST framework's, always given, as is data
    data: Any

    def is_valid(self) -> bool:
        super().is_valid()
        if self.request.accepted_renderer.format != "api":
            for name in self.form.fields:
                if self.data.get(name) == "":
                    self.form.add_error(name, "Must not be empty.")
        return bool(super().is_valid())


class WordSearch(SearchFilter):
    """Use only the first words of ``search``, because each one extends the query."""

    def get_search_terms(self, request: Request) -> list[str]:
        return super().get_search_terms(request)[:MAX_WORDS]
