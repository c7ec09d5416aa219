"""The list of versions: what was live, and what changed with each."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from buddies.models import Campaign, Release
from buddies.pages import versions
from buddies.pages.desks import whole_number
from buddies.pages.permissions import allowed
from buddies.tree import steps
from buddies.tree.steps import Step
from xmppservice.backoffice import site
from xmppservice.backoffice.actions import ReadOnlyAdmin

READ = 300  # versions that are read for a page, at most
SHOWN = 50  # lines
MAX_EDITS = 2000  # of the tree, that are read to say what changed
MAX_WORDS = 3  # changes that a line names


class Line(NamedTuple):
    """A version, or several of one person within a quarter of an hour: newest first.

    ``words`` are what changed, ``more`` how many other changes there were.
    """

    releases: list[Release]
    words: list[str]
    more: int

    @property
    def newest(self) -> Release:
        return self.releases[0]


class ReleaseAdmin(ReadOnlyAdmin):
    """What was live, and since when: to read, and to publish again."""

    def get_urls(self) -> list[Any]:
        chosen = self.admin_site.admin_view(compare_chosen)
        return [
            path("compare/", chosen, name="buddies_compare_chosen"),
            *versions.urls(self.admin_site),
            *super().get_urls(),
        ]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return _page(request)

    def change_view(
        self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        release = self.get_object(request, object_id)
        if request.method == "POST" or not self.has_view_permission(request, release):
            raise PermissionDenied
        if release is None:
            raise Http404
        return versions.page(request, release)


def _page(request: HttpRequest) -> HttpResponse:
    query = {name: request.GET.get(name, "") for name in ("q", "show")}
    found = _found(query["q"], query["show"])
    if before := whole_number(request.GET.get("before", "")):
        found = found.filter(number__lt=before)
    read = list(found[:READ])
    runs = list(steps.folded(read, _goes_on))
    shown = runs[:SHOWN]
    is_more = len(read) == READ or len(runs) > SHOWN
    older = shown[-1][-1].number if shown and is_more else 0
    context = {
        "lines": list(_lines(shown)),
        "query": query,
        "shows": [
            ("", _("All versions")),
            ("published", _("Published by people")),
            ("pinned", _("Pinned or named")),
        ],
        "live": Release.objects.defer("body").first(),
        "older": older and f"?{urlencode({**query, 'before': older})}",
        "planned": Campaign.objects.filter(state=Campaign.State.PLANNED),
    }
    template = "admin/buddies/versions.html"
    return site.page(request, template, _("Versions"), context)


def _found(words: str, show: str) -> "QuerySet[Release]":
    # The one before it, found or not: what was done after that changed with this one.
    older = Release.objects.filter(number__lt=OuterRef("number")).order_by("-number")
    # The documents of one page would be megabytes.
    found = Release.objects.defer("body").order_by("-number")
    found = found.annotate(begin=Subquery(older.values("created_at")[:1]))
    if show == "published":
        found = found.filter(automatic=False)
    elif show == "pinned":
        found = found.filter(Q(pinned=True) | ~Q(name=""))
    for word in words.replace("\0", "").split()[:10]:
        texts = Q(author__icontains=word) | Q(note__icontains=word)
        found = found.filter(texts | Q(name__icontains=word))
    return found


def _goes_on(newer: Release, release: Release) -> bool:
    both = (newer, release)
    is_plain = all(one.automatic and not (one.name or one.pinned) for one in both)
    is_close = newer.created_at - release.created_at <= steps.FOLDED
    return is_plain and is_close and newer.author == release.author


def _lines(runs: list[list[Release]]) -> Iterator[Line]:
    """Say what changed with each run: what was done after the version before it."""
    if not runs:
        return
    end = runs[0][0].created_at + timedelta(microseconds=1)
    waiting = steps.between(_begin(runs[-1]), end, MAX_EDITS)  # the oldest last
    lines = []
    for run in reversed(runs):
        own: list[Step] = []
        while waiting and waiting[-1].at <= run[0].created_at:
            own.append(waiting.pop())
        # In a search the versions in between are left out.
        since = _begin(run)
        words = list(dict.fromkeys(s.words for s in reversed(own) if s.at > since))
        lines.append(Line(run, words[:MAX_WORDS], max(0, len(words) - MAX_WORDS)))
    yield from reversed(lines)


def _begin(run: list[Release]) -> datetime:
    """When the version before these was made."""
    return getattr(run[-1], "begin", None) or datetime(1, 1, 2, tzinfo=UTC)


@allowed("view_release")
@require_GET
def compare_chosen(request: HttpRequest) -> HttpResponse:
    """Compare the two versions that were ticked."""
    chosen = sorted({whole_number(one) for one in request.GET.getlist("chosen")})
    if len(chosen) != 2 or chosen[0] < 1:
        messages.error(request, _("Tick two versions to compare."))
        return HttpResponseRedirect(reverse("admin:buddies_release_changelist"))
    old, new = chosen
    address = reverse("admin:buddies_compare", args=[new])
    return HttpResponseRedirect(f"{address}?with={old}")
