"""Home: what happened, what is coming, and what has to be mended."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django import forms
from django.contrib.admin import AdminSite
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET

from buddies import answerers
from buddies.campaigns.desk import LIVE
from buddies.models import Buddy, Campaign
from buddies.pages import putting_back
from buddies.pages.calendar_words import (
    Event,
    address_of,
    campaign_events,
    entry_events,
)
from buddies.pages.campaign_words import blocked_ones
from buddies.pages.desks import may_edit, whole_number
from buddies.pages.permissions import allowed
from buddies.pages.status import state
from buddies.tree import finding, steps
from buddies.tree.putting_back import count_deleted
from buddies.tree.steps import Step, Wanted
from xmppservice.backoffice import site
from xmppservice.backoffice.words import number

COMING = timedelta(days=30)
MAX_COMING = 30
EDITORS = timedelta(days=90)


def urls(office: AdminSite) -> list[URLPattern]:
    """The address of the page, for the admin of the entries."""
    return [path("home/", office.admin_view(page), name="buddies_home")]


class FilterForm(forms.Form):
    """Which steps are shown. What cannot be read counts as left out."""

    person = forms.ChoiceField(label=gettext_lazy("Person"), required=False)
    day = forms.DateField(
        label=gettext_lazy("Day"),
        required=False,
        widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"),
    )
    name = forms.CharField(
        label=gettext_lazy("Channel or group"),
        max_length=100,
        required=False,
        widget=forms.TextInput({"type": "search"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = steps.editors(timezone.now() - EDITORS)
        person: Any = self.fields["person"]
        person.choices = [("", _("Everybody")), *((one, one) for one in people)]

    def wanted(self) -> Wanted:
        self.is_valid()
        chosen = self.cleaned_data
        day = chosen.get("day")
        begin, end = None, None
        if day and 2000 <= day.year <= 2100:
            begin, end = _bounds(day)
        return Wanted(chosen.get("person", ""), chosen.get("name", ""), begin, end)


def _bounds(day: date) -> tuple[datetime, datetime]:
    """The moments at which a day begins and ends in the site's time zone."""
    zone = timezone.get_current_timezone()
    first, last = (datetime.combine(day + timedelta(n), time(), zone) for n in (0, 1))
    return first, last


class Shown(NamedTuple):
    """A step as the page shows it; ``address`` is the history of its only entry."""

    step: Step
    words: str
    address: str


@allowed("view_buddy")
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show the steps of the tree beside what is coming and what is wrong."""
    form = FilterForm(request.GET)
    before = whole_number(request.GET.get("before", "")) or None
    found = steps.page(form.wanted(), before)
    older = {**request.GET.dict(), "before": found.older}
    now = timezone.now()
    context = {
        "form": form,
        "is_filtered": any(form.data.get(name) for name in form.fields),
        "days": _days(_shown(found.steps)),
        "older": found.older and f"?{urlencode(older)}",
        "may_put_back": may_edit(request.user, LIVE, "change_buddy"),
        "coming": _coming(request.user, now),
        "mend": list(_to_mend(request.user)),
        "deleted": count_deleted(now - putting_back.KEPT),
        "here": request.get_full_path(),
    }
    return site.page(request, "admin/buddies/home.html", _("Home"), context)


def _shown(found: list[Step]) -> Iterator[Shown]:
    versions = {step.last for step in found}
    touched = Q(tree_version__in=versions) | Q(ended_version__in=versions)
    campaigns = list(Campaign.objects.filter(touched))
    went = {one.tree_version: one.name for one in campaigns}
    ended = {one.ended_version: one.name for one in campaigns}
    for step in found:
        words = step.words
        if step.last in ended:
            words = _("“%(name)s” ended") % {"name": ended[step.last]}
        elif step.last in went:
            words = _("“%(name)s” went live") % {"name": went[step.last]}
        address = ""
        if step.entry is not None:
            address = reverse("admin:buddies_buddy_history", args=[step.entry])
        yield Shown(step, words, address)


def _days(shown: Iterator[Shown]) -> list[tuple[str, list[Shown]]]:
    """Group steps by their days, in words."""
    days: dict[date, list[Shown]] = {}
    for one in shown:
        days.setdefault(timezone.localdate(one.step.at), []).append(one)
    return [(_day_in_words(day), held) for day, held in days.items()]


def _day_in_words(day: date) -> str:
    today = timezone.localdate()
    if day == today:
        return _("Today")
    if day == today - timedelta(days=1):
        return _("Yesterday")
    return date_format(day, "DATE_FORMAT")


def _coming(user: Any, now: datetime) -> list[Event]:
    """Return what goes live, ends, appears or is hidden soon."""
    end, may_view = now + COMING, user.has_perm("buddies.view_release")
    states = (Campaign.State.PLANNED, Campaign.State.PUBLISHED)
    soon = Q(due_at__range=(now, end)) | Q(ends_at__range=(now, end))
    campaigns = Campaign.objects.filter(soon, blocked="", state__in=states)
    events = [
        event
        for one in campaigns.select_related("release").defer("release__body")
        for event in campaign_events(one, address_of(one, may_view))
    ]
    published = Q(mobile_is_published=True) | Q(web_is_published=True)
    entries: dict[int, Buddy] = {}
    for name in ("visible_from", "visible_until"):
        due = Buddy.objects.filter(published, **{f"{name}__range": (now, end)})
        entries |= {entry.pk: entry for entry in due.order_by(name)[:MAX_COMING]}
    events += [event for entry in entries.values() for event in entry_events(entry)]
    wanted = (event for event in events if now <= event.at < end)
    return sorted(wanted, key=lambda event: event.at)[:MAX_COMING]


class Mend(NamedTuple):
    """Something that is wrong, and where it can be mended."""

    words: str
    address: str


def _to_mend(user: Any) -> Iterator[Mend]:
    workspace = reverse("admin:buddies_workspace")
    if problem := state(user, LIVE)["problem"]:
        yield Mend(problem, workspace)
    campaigns = reverse("admin:buddies_campaign_list")
    yield from (Mend(one, campaigns) for one in blocked_ones() if one != problem)
    buddies = LIVE.buddies()
    wrong = answerers.unanswered(buddies)
    now, kinds = timezone.now(), [finding.WARNINGS]
    found = len(finding.find(buddies, "", kinds, now, unanswered=wrong.keys()))
    if found:
        text = ngettext(
            "%(count)s channel or group has a warning.",
            "%(count)s channels and groups have warnings.",
            found,
        )
        address = f"{workspace}?show={finding.WARNINGS}"
        yield Mend(text % {"count": number(found)}, address)
