"""Lists that stay fast with a million rows."""

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from xmppservice.backoffice.model_admin import StrictAdmin

# A list counts up to this many rows, and shows no others.
MAX_ROWS = 10_000
LAST_CHARACTER = "\U0010ffff"


class LimitedPaginator(Paginator):
    """Paginate the first MAX_ROWS rows, without counting all of them."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return len(rows.order_by().values_list("pk")[:MAX_ROWS])


class LimitedChangeList(ChangeList):
    """Select the first MAX_ROWS matches, then sort them.

    Sorting first would make the database walk through all rows in order.
    """

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: Any = None
    ) -> QuerySet[Any]:
        rows = super().get_queryset(request, exclude_parameters)
        if not rows.query.where:
            return rows
        keys = rows.order_by().values("pk")[:MAX_ROWS]
        selected = self.root_queryset.filter(pk__in=keys)
        return selected.order_by(*rows.query.order_by)


class LargeAdmin(StrictAdmin):
    """An admin whose list neither counts nor sorts all rows."""

    paginator = LimitedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    empty_value_display = "–"


class LargeSortedAdmin(LargeAdmin):
    """A large list, sorted after selecting rows: see :class:`LimitedChangeList`."""

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LimitedChangeList


class Choice(admin.SimpleListFilter):
    """A filter with fixed ``words`` whose query uses an index."""

    words: tuple[tuple[str, Any], ...] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[Any]:
        return self.words


def begins_with(field: str, word: str) -> Q:
    """Match rows whose ``field`` begins with a word, by an index."""
    if connection.vendor == "sqlite":
        # LIKE ignores case there, and so uses no index.
        end = word + LAST_CHARACTER
        return Q(**{f"{field}__gte": word, f"{field}__lt": end})
    return Q(**{f"{field}__startswith": word})
