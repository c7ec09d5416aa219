"""Actions for the chosen entries of the list."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from buddies.models import Buddy
from buddies.pages.cut_and_paste import remember, seen_by
from buddies.tree import edits


def _switch(request: HttpRequest, queryset: QuerySet[Buddy], **fields: bool) -> None:
    edits.change(queryset, request.user.get_username(), seen_by(request), **fields)


@admin.action(description=_("Show on mobile"), permissions=["change"])
def show_on_mobile(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Buddy]
) -> None:
    _switch(request, queryset, mobile_is_published=True)


@admin.action(description=_("Hide on mobile"), permissions=["change"])
def hide_on_mobile(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Buddy]
) -> None:
    _switch(request, queryset, mobile_is_published=False)


@admin.action(description=_("Show on web"), permissions=["change"])
def show_on_web(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Buddy]
) -> None:
    _switch(request, queryset, web_is_published=True)


@admin.action(description=_("Hide on web"), permissions=["change"])
def hide_on_web(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Buddy]
) -> None:
    _switch(request, queryset, web_is_published=False)


@admin.action(description=_("Cut, to paste elsewhere"), permissions=["change"])
def cut(model_admin: Any, request: HttpRequest, queryset: QuerySet[Buddy]) -> None:
    remember(request, list(queryset.values_list("pk", flat=True)))


@admin.action(description=_("Move up"), permissions=["change"])
def move_up(model_admin: Any, request: HttpRequest, queryset: QuerySet[Buddy]) -> None:
    editor = request.user.get_username()
    edits.shift(queryset, editor, seen_by(request), down=False)


@admin.action(description=_("Move down"), permissions=["change"])
def move_down(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Buddy]
) -> None:
    editor = request.user.get_username()
    edits.shift(queryset, editor, seen_by(request), down=True)


@admin.action(description=_("Duplicate with contents, as drafts"), permissions=["add"])
def duplicate(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Buddy]
) -> None:
    edits.duplicate(queryset, request.user.get_username())


ALL = (
    show_on_mobile,
    hide_on_mobile,
    show_on_web,
    hide_on_web,
    cut,
    move_up,
    move_down,
    duplicate,
)
