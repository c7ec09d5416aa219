"""The calendar: when campaigns go live and end, and when entries appear."""

import re
from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import get_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from buddies.models import Buddy, Campaign
from buddies.pages.calendar_words import (
    Event,
    address_of,
    bar,
    campaign_events,
    entry_events,
    line,
)
from buddies.pages.desks import campaign_links
from buddies.pages.month import Lanes, Month, lay_out
from buddies.pages.permissions import allowed
from buddies.publishing import applying
from buddies.publishing.draft import ReleaseError
from buddies.tree.lock import TreeError
from xmppservice.backoffice import site
from xmppservice.backoffice.fields import MomentField
from xmppservice.backoffice.words import zoned_moment

LANES = Lanes(bars=8, lines=3)  # calendar.css has a class for each of them
MAX_ENTRIES = 500
YEARS = range(2000, 2101)
MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])", re.ASCII)
INPUT = "%Y-%m-%dT%H:%M"  # of a browser
State = Campaign.State


@allowed("view_buddy")
def page(request: HttpRequest) -> HttpResponse:
    """Show a month, and what happens in it."""
    return _page(request, _month(request))


def _page(
    request: HttpRequest, month: Month, refused: dict[str, Any] | None = None
) -> HttpResponse:
    campaigns = list(_campaigns(month))
    entries = list(_entries(month)[: MAX_ENTRIES + 1])
    shown = entries[:MAX_ENTRIES]
    may_view_versions = request.user.has_perm("buddies.view_release")
    links = {one.pk: address_of(one, may_view_versions) for one in campaigns}
    bars = [bar(one, links[one.pk]) for one in campaigns]
    events = [e for one in campaigns for e in campaign_events(one, links[one.pk])]
    events += [event for entry in shown for event in entry_events(entry)]
    may_move = request.user.has_perm("buddies.publish_release")
    lines = [line(entry) for entry in shown]
    context = {
        "month": month,
        "weekdays": [month.starts[0] + timedelta(n) for n in range(7)],
        "weeks": lay_out(month, bars, lines, LANES),
        "rows": [_row(event, may_move) for event in _listed(events, month)],
        "is_short": len(entries) > MAX_ENTRIES,
        "unplanned": Campaign.objects.filter(state=State.OPEN).order_by("pk"),
        "may_move": may_move,
        "refused": refused,
        "previous": month.previous.year in YEARS and _word(month.previous),
        "next": month.next.year in YEARS and _word(month.next),
        "asked": _word(month.first),
        "zone": timezone.get_current_timezone_name(),
    }
    template, above = "admin/buddies/calendar.html", campaign_links()
    return site.page(request, template, _("Calendar"), context, above=above)


def _month(request: HttpRequest) -> Month:
    """Return the month that the address names, or this one."""
    today = timezone.localdate()
    first = today.replace(day=1)
    if (text := request.GET.get("month")) is not None:
        match = MONTH.fullmatch(text)
        if match and int(match[1]) in YEARS:
            first = date(int(match[1]), int(match[2]), 1)
        else:
            text = _("Choose a month from 2000-01 to 2100-12, such as %(month)s.")
            messages.error(request, text % {"month": _word(first)})
    weekday = int(get_format("FIRST_DAY_OF_WEEK"))
    return Month(first, timezone.get_current_timezone(), today, weekday)


def _word(month: date) -> str:
    """A month as the address names it."""
    return f"{month:%Y-%m}"


def _campaigns(month: Month) -> "QuerySet[Campaign]":
    """Return the campaigns of the shown days, and all that are blocked."""
    begin, end = month.shown
    begins = Q(release__created_at__lt=end) | Q(due_at__lt=end)
    ends = Q(ends_at=None) | Q(ends_at__gte=begin)
    found = Campaign.objects.filter(begins & ends | ~Q(blocked=""))
    states = (State.PLANNED, State.PUBLISHED, State.ENDED)
    return (
        found.filter(state__in=states)
        .select_related("release")
        .defer("release__body")
        .order_by("pk")
    )


def _entries(month: Month) -> "QuerySet[Buddy]":
    """Return the published entries that appear, are hidden, or both around it.

    One that only began, or only ends, at another time would be in each month.
    """
    begin, end = month.shown
    published = Q(mobile_is_published=True) | Q(web_is_published=True)
    moments = (
        Q(visible_from__gte=begin, visible_from__lt=end)
        | Q(visible_until__gte=begin, visible_until__lt=end)
        | Q(visible_from__lt=begin, visible_until__gte=end)
    )
    fields = ("name", "visible_from", "visible_until")
    return Buddy.objects.filter(published & moments).only(*fields).order_by("pk")


def _listed(events: list[Event], month: Month) -> list[Event]:
    """Return what happens in a month, in order, but first what is blocked."""
    begin, end = month.bounds
    return sorted(
        (one for one in events if one.is_blocked or begin <= one.at < end),
        key=lambda one: (not one.is_blocked, one.at),
    )


# --- Moving ---------------------------------------------------------------------------


class MoveForm(forms.Form):
    """Another moment for a campaign, and what the page showed of it."""

    at = MomentField(
        label=gettext_lazy("Date and time"),
        validators=[applying.soon_enough],
        widget=forms.DateTimeInput({"type": "datetime-local"}, INPUT),
    )
    version = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
    due = forms.DateTimeField(widget=forms.HiddenInput)


def _row(event: Event, may_move: bool) -> dict[str, Any]:
    campaign = event.campaign
    form = None
    if may_move and campaign is not None and campaign.due_at is not None:
        form = MoveForm(
            auto_id=f"move-{campaign.pk}-%s",
            initial={
                "at": campaign.due_at,
                "version": campaign.version,
                "due": campaign.due_at.isoformat(),
            },
        )
    return {"event": event, "form": form}


@allowed("view_buddy")
@allowed("publish_release")
def move(request: HttpRequest, number: int) -> HttpResponse:
    """Plan a campaign for another moment."""
    campaign = Campaign.objects.filter(pk=min(number, 2**63 - 1)).first()
    if campaign is None:
        raise Http404(_("This campaign does not exist."))
    if request.method != "POST":
        return _to(timezone.localdate())
    form = MoveForm(request.POST, auto_id="refused-%s")
    if not form.is_valid():
        if form.has_error("at", "ambiguous"):
            # A browser's own input of dates has no place for an offset.
            form.fields["at"].widget.input_type = "text"
        refused = {"form": form, "campaign": campaign}
        return _page(request, _month(request), refused)
    at, editor = form.cleaned_data["at"], request.user.get_username()
    seen = applying.Seen(form.cleaned_data["version"], form.cleaned_data["due"])
    try:
        moved = applying.move(number, editor, at, seen)
    except (ReleaseError, TreeError) as error:
        messages.error(request, str(error))
        return _to(_month(request).first)
    text = _("“%(name)s” goes live on %(at)s.")
    messages.success(request, text % {"name": campaign.name, "at": zoned_moment(at)})
    if moved.voids_approvals:
        text = _(
            "Its approvals were for another moment, and are void: have it approved."
        )
        messages.warning(request, text)
    return _to(timezone.localtime(at).date())


def _to(month: date) -> HttpResponseRedirect:
    address = reverse("admin:buddies_campaign_calendar")
    return HttpResponseRedirect(f"{address}?month={_word(month)}")
