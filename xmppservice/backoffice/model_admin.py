"""The base of all model admins: a list's query string reads what the list shows.

Django's own lists filter by any lookup of any column, such as
``?payload__startswith=`` or ``?password__regex=``. That reads hidden columns letter by
letter, and a regular expression can keep the process busy for ever.
"""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.admin.filters import FieldListFilter
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ORDER_VAR
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms import Field
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst

MAX_WORDS = 10  # of a search: each one adds to the query, and queries have limits


class StrictAdmin(admin.ModelAdmin):
    """A model admin whose pages reveal nothing but what they show.

    Its list takes the parameters of its ``list_filter``, and sorts by its sortable
    columns; a deletion names what was selected, and counts what goes with it.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # PostgreSQL cannot compare with NUL.
        is_known = lookup in self._filter_parameters(request) and "\0" not in value
        return is_known and super().lookup_allowed(lookup, value, request)

    def _filter_parameters(self, request: HttpRequest) -> Iterator[str]:
        """Yield the parameters that the list's filters read."""
        for item in self.get_list_filter(request):
            yield from self._filter(item, request).expected_parameters()

    def _filter(self, item: Any, request: HttpRequest) -> Any:
        """Make a filter of ``list_filter``, without parameters, as Django does."""
        if callable(item):
            return item(request, {}, self.model, self)
        path, create = (item, FieldListFilter.create) if isinstance(item, str) else item
        field = get_fields_from_path(self.model, path)[-1]
        return create(field, request, {}, self.model, self, field_path=path)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Django's own title says what to do, as in "Select command to view".
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(
            request, {"title": title, **(extra_context or {})}
        )

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        if not self._is_sortable(request):
            raise IncorrectLookupParameters
        return super().get_changelist_instance(request)

    def _is_sortable(self, request: HttpRequest) -> bool:
        """Whether the query string sorts by sortable columns, by each one once.

        Django leaves out the links only, and sorts a million rows by any column.
        """
        columns = self.get_changelist_columns(request)
        sortable = set(self.get_sortable_by(request))
        allowed = {str(n) for n, name in enumerate(columns) if name in sortable}
        order = request.GET.get(ORDER_VAR)
        wanted = [part.removeprefix("-") for part in order.split(".")] if order else []
        return len(wanted) == len(set(wanted)) and allowed.issuperset(wanted)

    def get_changelist_columns(self, request: HttpRequest) -> list[Any]:
        """Return the list's columns as they are numbered in its query string."""
        columns = list(self.get_list_display(request))
        return ["action_checkbox", *columns] if self.get_actions(request) else columns

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        words = " ".join(search_term.replace("\0", "").split()[:MAX_WORDS])
        return super().get_search_results(request, queryset, words)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the values of a link that the fields of the form accept."""
        fields = self.get_form(request).base_fields
        values = super().get_changeform_initial_data(request).items()
        return {k: v for k, v in values if k in fields and _accepts(fields[k], v)}

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        # Rows that go with them are named nowhere else: an owner's contacts, and what
        # a user changed.
        _, counts, needed, protected = super().get_deleted_objects(objs, request)
        return [str(obj) for obj in objs], counts, needed, protected


def _accepts(field: Field, value: Any) -> bool:
    try:
        field.clean(value)
    except (OverflowError, ValidationError):  # a key may be too large for SQLite
        return False
    return True
