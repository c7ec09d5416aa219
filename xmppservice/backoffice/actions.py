"""Pages that only show, and the one action that an object's page may offer."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.views.decorators.http import require_POST


class ReadOnlyAdmin(admin.ModelAdmin):
    """Objects that nobody adds, changes or deletes in the admin."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ObjectActionAdmin(ReadOnlyAdmin):
    """Read-only objects with one action: in the list, and on the page of an object.

    ``object_action`` is its name. :meth:`act` does it, and returns to how many objects;
    ``has_<name>_permission`` says who may. The page knows of that as ``may_<name>``,
    and posts to the address ``<primary key>/<name>/``.
    """

    object_action = ""

    def act(self, request: HttpRequest, keys: Sequence[int]) -> int:
        raise NotImplementedError

    def message(self, count: int) -> str:
        """What was done, to so many objects."""
        raise NotImplementedError

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(require_POST(self.object_action_view))
        name = f"{self._page}_{self.object_action}"
        ours = path(f"<int:pk>/{self.object_action}/", view, name=name)
        return [ours, *super().get_urls()]

    def change_view(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        more = {f"may_{self.object_action}": self._may_act(request)}
        kwargs["extra_context"] = {**(kwargs.get("extra_context") or {}), **more}
        return super().change_view(request, *args, **kwargs)

    def object_action_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        if not self._may_act(request):
            raise PermissionDenied
        get_object_or_404(self.model, pk=pk)
        self.act_and_say(request, [pk])
        return HttpResponseRedirect(reverse(f"admin:{self._page}_change", args=[pk]))

    def act_and_say(self, request: HttpRequest, keys: Sequence[int]) -> None:
        count = self.act(request, keys)
        level = messages.SUCCESS if count else messages.WARNING
        self.message_user(request, self.message(count), level)

    @property
    def _page(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def _may_act(self, request: HttpRequest) -> bool:
        return bool(getattr(self, f"has_{self.object_action}_permission")(request))
