"""How far a version got: how many were told, how often it was read, how fast."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from buddies.models import Release
from buddies.pages import versions
from buddies.publishing.live import live_release_without_body
from roster.announcements import subscribers
from roster.announcements.reach import seconds_until
from roster.models import Reach
from xmppservice.backoffice import site
from xmppservice.backoffice.words import number, rounded_duration

TOLD, READ = 1, 2  # columns of the samples
WIDTH, HEIGHT = 640, 220  # of the curve, without its margins
# Seconds, and what they are called in each language.
MARKS = {
    **{1: "1 s", 10: "10 s", 60: "1 min", 600: "10 min"},
    **{3600: "1 h", 36_000: "10 h", 86_400: "24 h"},
}

may_view = permission_required("buddies.view_release", raise_exception=True)


def urls(office: AdminSite) -> list[URLPattern]:
    return [
        path("", office.admin_view(live), name="reach_live"),
        path("<int:number>/", office.admin_view(page), name="reach"),
    ]


class Counts(NamedTuple):
    """What the page says of a version; ``read`` is None if nobody counts that.

    ``samples`` are [seconds, told, read].
    """

    subscribers: int
    told: int
    read: int | None
    samples: list[list[float]]


def counts_of(release: int) -> Counts:
    """Return the counts of a version; of the live one, from the subscribers' rows."""
    row = Reach.objects.filter(number=release).first() or Reach(number=release)
    last = row.samples[-1] if row.samples else [0, 0, 0]
    read = int(last[READ]) if row.is_read_known else None
    newest = live_release_without_body()
    if newest is not None and newest.number == release:
        everybody, pending = subscribers.counts(release)
        return Counts(everybody, everybody - pending, read, row.samples)
    # Some have left since, so there were at least as many as were told.
    everybody = max(row.subscribers, int(last[TOLD]))
    return Counts(everybody, int(last[TOLD]), read, row.samples)


@may_view
@require_GET
def live(request: HttpRequest) -> HttpResponse:
    """Show the live version."""
    newest = live_release_without_body()
    if newest is None:
        raise Http404(_("Nothing is live yet"))
    return _page(request, newest)


@may_view
@require_GET
def page(request: HttpRequest, number: int) -> HttpResponse:
    """Show one version."""
    found = Release.objects.defer("body").filter(number=min(number, 2**63 - 1)).first()
    if found is None:
        raise Http404(_("This version does not exist."))
    return _page(request, found)


def _page(request: HttpRequest, release: Release) -> HttpResponse:
    counts = counts_of(release.number)
    around = Release.objects.defer("body").order_by("number")
    address = reverse("admin:buddies_release_change", args=[release.number])
    context = {
        "release": release,
        "facts": [list(_facts_of_told(counts)), list(_facts_of_read(counts))],
        "curve": _curve(counts),
        "rows": list(_rows(counts)),
        "is_read_known": counts.read is not None,
        "older": around.filter(number__lt=release.number).last(),
        "newer": around.filter(number__gt=release.number).first(),
        "address": address,
    }
    title = _("Reach of version %(number)s") % {"number": release.number}
    template, above = "admin/xmppservice/reach.html", versions.links(release)
    return site.page(request, template, title, context, above=above)


def _facts_of_told(counts: Counts) -> Iterator[tuple[str, str]]:
    params = {"told": number(counts.told), "all": number(counts.subscribers)}
    text = _("%(told)s of %(all)s (%(percent)s %%)")
    percent = round(100 * counts.told / counts.subscribers) if counts.subscribers else 0
    yield _("Subscribed users notified"), text % {**params, "percent": percent}
    yield from _speed(counts, TOLD)


def _facts_of_read(counts: Counts) -> Iterator[tuple[str, str]]:
    if counts.read is None:
        yield _("Read"), _("not known: the XMPP server answers")
        return
    text = _("at least %(count)s times")
    yield _("Read"), text % {"count": number(counts.read)}
    yield from _speed(counts, READ)


def _speed(counts: Counts, column: int) -> Iterator[tuple[str, str]]:
    """Yield after how long half of it, and 90 % of it, had happened."""
    if not counts.samples or not counts.samples[-1][column]:
        return
    for percent in (50, 90):
        seconds = seconds_until(counts.samples, column, percent / 100)
        label = _("%(percent)s %% of it within") % {"percent": percent}
        yield label, rounded_duration(max(1, seconds))


def _rows(counts: Counts) -> Iterator[tuple[str, str, str]]:
    """Yield the counts after each mark: the curve for those who can't see it."""
    for mark, words in MARKS.items():
        reached = [one for one in counts.samples if one[0] <= mark]
        if reached and counts.samples[-1][0] >= mark:
            _seconds, told, read = reached[-1]
            yield words, number(int(told)), number(int(read))
    if counts.samples:
        _seconds, told, read = counts.samples[-1]
        yield _("now"), number(int(told)), number(int(read))


# --- The curve ------------------------------------------------------------------------


def _curve(counts: Counts) -> dict[str, Any] | None:
    """Return the points of the curve; None without two samples.

    Time grows to the right by factors of ten; the top is the larger of the subscribers
    and the reads.
    """
    if len(counts.samples) < 2:
        return None
    end = max(counts.samples[-1][0], 10)
    top = max(counts.subscribers, *(max(one[1:]) for one in counts.samples), 1)

    def at(seconds: float) -> float:
        return round(WIDTH * math.log(max(seconds, 1)) / math.log(end), 1)

    def points(column: int) -> str:
        places = [(0.0, 0.0), *((at(one[0]), one[column]) for one in counts.samples)]
        return " ".join(
            f"{x},{round(HEIGHT - HEIGHT * value / top, 1)}" for x, value in places
        )

    # The last ones would be written over each other.
    marks = [(at(mark), words) for mark, words in MARKS.items() if mark <= end * 0.8]
    return {
        "told": points(TOLD),
        "read": points(READ),
        "marks": marks,
        "top": number(int(top)),
        "width": WIDTH,
        "height": HEIGHT,
    }
