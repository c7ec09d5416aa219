"""The editor of the tree: entries in their order, and what is live."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from tree_queries.admin import TreeChangeList

from buddies import document, releases, tree
from buddies.models import Buddy, Release, Tree

# Texts whose spaces and line breaks clients see, byte for byte.
AS_WRITTEN = frozenset({"default_message", "status"})
MOST_WORDS = 10


class BuddyForm(forms.ModelForm):
    class Meta:
        model = Buddy
        fields = "__all__"  # noqa: DJ007  (position is not editable)
        widgets = {
            "default_message": forms.Textarea(attrs={"rows": 4, "cols": 80}),
            # A one-line input would drop the line breaks of a status.
            "status": forms.Textarea(attrs={"rows": 1, "cols": 80}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in AS_WRITTEN & self.fields.keys():
            self.fields[name].strip = False  # type: ignore[attr-defined]  # a CharField

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean() or self.cleaned_data
        for name in AS_WRITTEN & cleaned.keys():
            # A browser sends every line break as CR LF.
            cleaned[name] = cleaned[name].replace("\r\n", "\n")
        return cleaned


@admin.register(Buddy)
class BuddyAdmin(admin.ModelAdmin):
    form = BuddyForm
    list_display = (
        "indented_name",
        "mobile_is_published",
        "web_is_published",
        "remarks",
        "status",
        "address",
        "server_address",
    )
    list_editable = ("mobile_is_published", "web_is_published")
    list_filter = ("type", "mobile_is_published", "web_is_published")
    list_per_page = 500
    search_fields = ("name", "status", "address", "server_address")
    autocomplete_fields = ("parent",)
    actions = ("move_up", "move_down", "duplicate")
    fieldsets = (
        ("What people see", {"fields": ("type", "name", "status", "default_message")}),
        ("Pictures", {"fields": ("image_url", "thumb_url")}),
        (
            "Where it is shown",
            {"fields": ("parent", "mobile_is_published", "web_is_published")},
        ),
        ("Technical", {"fields": ("address", "server_address")}),
    )

    # --- Reading --------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return TreeChangeList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Buddy]:
        below = Buddy.objects.without_tree_fields().filter(parent=OuterRef("pk"))
        entries: QuerySet[Buddy] = Buddy.objects.with_tree_fields()
        return entries.annotate(holds_entries=Exists(below))

    @admin.display(description="name")
    def indented_name(self, buddy: Buddy) -> str:
        depth = getattr(buddy, "tree_depth", 0)
        mark = "▸ " if buddy.type == Buddy.Type.GROUP else ""
        return format_html(
            '<span class="entry" style="margin-left: {}em">{}{}</span>',
            1.5 * depth,
            mark,
            buddy.name,
        )

    @admin.display
    def remarks(self, buddy: Buddy) -> str:
        is_empty = not getattr(buddy, "holds_entries", True)
        return ", ".join(document.remarks(buddy, is_empty))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Buddy], search_term: str
    ) -> tuple[QuerySet[Buddy], bool]:
        if request.GET.get("field_name") == "parent":
            queryset = queryset.filter(type=Buddy.Type.GROUP)
        # Each word is a part of the query, and a query has its limits.
        words = " ".join(search_term.split()[:MOST_WORDS])
        return super().get_search_results(request, queryset, words)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        state = {"release": releases.live(), "tree": Tree.objects.first()}
        try:
            return super().changelist_view(request, {**(extra_context or {}), **state})
        except (tree.TreeError, ValidationError) as error:
            self._say(request, error)
            return HttpResponseRedirect(request.get_full_path())

    # --- Writing: through the tree, under its lock ------------------------------

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        # What somebody else did between the form's check and the lock.
        try:
            return super().changeform_view(request, *args, **kwargs)
        except (tree.TreeError, ValidationError) as error:
            self._say(request, error)
            return HttpResponseRedirect(reverse("admin:buddies_buddy_changelist"))

    def _say(self, request: HttpRequest, error: Exception) -> None:
        reasons = error.messages if isinstance(error, ValidationError) else [str(error)]
        for reason in reasons:
            self.message_user(request, reason, messages.ERROR)

    def save_model(
        self, request: HttpRequest, obj: Buddy, form: forms.Form, change: bool
    ) -> None:
        editor = request.user.get_username()
        if change:
            # Only what this person changed: the rest may be somebody else's.
            tree.change(obj, editor, **{n: getattr(obj, n) for n in form.changed_data})
        else:
            tree.add(obj, editor)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """All that goes, as a flat list: Django's own nests as deep as the tree."""
        going: dict[int, Buddy] = {}
        for obj in objs:
            below = Buddy.objects.descendants(obj.pk, include_self=True)
            going |= {buddy.pk: buddy for buddy in below}
        needed = set() if self.has_delete_permission(request) else {"entry"}
        names = [str(buddy) for buddy in going.values()]
        return names, {"entries": len(going)}, needed, []

    def delete_model(self, request: HttpRequest, obj: Buddy) -> None:
        tree.remove([obj], request.user.get_username())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Buddy]) -> None:
        tree.remove(queryset, request.user.get_username())

    @admin.action(description="Move up among its neighbours", permissions=["change"])
    def move_up(self, request: HttpRequest, queryset: QuerySet[Buddy]) -> None:
        tree.shift(queryset, request.user.get_username(), down=False)

    @admin.action(description="Move down among its neighbours", permissions=["change"])
    def move_down(self, request: HttpRequest, queryset: QuerySet[Buddy]) -> None:
        tree.shift(queryset, request.user.get_username(), down=True)

    @admin.action(
        description="Duplicate, with all below, as drafts", permissions=["add"]
    )
    def duplicate(self, request: HttpRequest, queryset: QuerySet[Buddy]) -> None:
        for buddy in queryset:
            tree.duplicate(buddy, request.user.get_username())


@admin.register(Release)
class ReleaseAdmin(admin.ModelAdmin):
    """What was live, and since when: to read only."""

    list_display = ("number", "created_at", "live_at", "author", "note", "size")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
