"""The list of versions: what was live."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from buddies.models import Campaign, Release
from buddies.pages import versions
from xmppservice.backoffice.actions import ReadOnlyAdmin


class ReleaseAdmin(ReadOnlyAdmin):
    """What was live, and since when: to read, and to publish again."""

    list_display = ("version", "state", "created_at", "author", "remark", "kilobytes")
    list_display_links = ("version",)
    list_filter = ("automatic",)
    search_fields = ("author", "note")
    actions = None
    list_per_page = 50

    def get_urls(self) -> list[Any]:
        return [*versions.urls(self.admin_site), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Release]:
        # The documents of one page would be megabytes.
        return super().get_queryset(request).defer("body")

    @admin.display(description=_("version"), ordering="number")
    def version(self, release: Release) -> int:
        return release.number

    @admin.display(description=_("state"))
    def state(self, release: Release) -> str:
        if release.number != getattr(release, "newest", None):
            return gettext("replaced")
        return gettext("live") if release.live_at else gettext("on its way")

    @admin.display(description=_("note"))
    def remark(self, release: Release) -> str:
        return release.remark

    @admin.display(description=_("size"), ordering="size")
    def kilobytes(self, release: Release) -> str:
        return filesizeformat(release.size)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        newest = Release.objects.values_list("number", flat=True).first()
        for release in changelist.result_list:
            release.newest = newest
        return changelist

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        planned = Campaign.objects.filter(state=Campaign.State.PLANNED)
        context = {**(extra_context or {}), "planned": planned}
        return super().changelist_view(request, context)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        release = self.get_object(request, object_id)
        if request.method == "POST" or not self.has_view_permission(request, release):
            raise PermissionDenied
        if release is None:
            raise Http404
        return versions.page(request, release)
