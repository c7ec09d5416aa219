"""Read-only pages, and pages that offer one action on an object."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.views.decorators.http import require_POST

from xmppservice.backoffice.model_admin import StrictAdmin


class ReadOnlyAdmin(StrictAdmin):
    """Objects that cannot be added, changed or deleted in the admin."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ObjectActionAdmin(ReadOnlyAdmin):
    """Read-only objects with one action, in the list and on each object's page.

    ``object_action`` is its name. :meth:`act` performs it and returns the number of
    objects affected; ``has_<name>_permission`` checks the permission, which templates
    see as ``may_<name>``. The page posts to ``<primary key>/<name>/``.
    """

    object_action = ""

    def act(self, request: HttpRequest, keys: Sequence[int]) -> int:
        raise NotImplementedError

    def message(self, count: int) -> str:
        """Say what was done to ``count`` objects."""
        raise NotImplementedError

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_POST(self.object_action_view))
        name = f"{self._page}_{self.object_action}"
        ours = path(f"<int:pk>/{self.object_action}/", view, name=name)
        return [ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        permission = {f"may_{self.object_action}": self._may_act(request)}
        kwargs["extra_context"] = {**(kwargs.get("extra_context") or {}), **permission}
        return super().change_view(request, *args, **kwargs)

    def object_action_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self._may_act(request):
            raise PermissionDenied
        get_object_or_404(self.model, pk=pk)
        self.act_and_report(request, [pk])
        return HttpResponseRedirect(reverse(f"admin:{self._page}_change", args=[pk]))

    def act_and_report(self, request: HttpRequest, keys: Sequence[int]) -> None:
        count = self.act(request, keys)
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, self.message(count), level)

    @property
    def _page(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def _may_act(self, request: HttpRequest) -> bool:
        return bool(getattr(self, f"has_{self.object_action}_permission")(request))
