"""What the calendar shows of campaigns and entries: bars, and events in words."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from buddies.models import Buddy, Campaign
from buddies.pages.campaign_words import blocked_in_words
from buddies.pages.month import Span
from xmppservice.backoffice.words import moment, zoned_moment

State = Campaign.State


class Shown(NamedTuple):
    """A campaign or an entry, as a bar or a line shows it; ``time`` is of its begin."""

    name: str
    address: str
    title: str
    style: str
    time: str = ""
    is_blocked: bool = False
    campaign: Campaign | None = None  # if it is planned


class Event(NamedTuple):
    """A line of the list; ``campaign`` is the one that it can move, if any."""

    at: datetime
    text: str
    address: str
    style: str
    is_past: bool = False
    is_blocked: bool = False
    campaign: Campaign | None = None

    @property
    def when(self) -> str:
        return moment(self.at)


# --- Campaigns ------------------------------------------------------------------------


def begin_of(campaign: Campaign) -> datetime:
    """When a campaign goes live, or went live."""
    begin = campaign.release.created_at if campaign.release else campaign.due_at
    assert begin is not None
    return begin


def _end_of(campaign: Campaign) -> datetime | None:
    """When a campaign ends; one that could not stays live."""
    is_stuck = campaign.state == State.PUBLISHED and campaign.blocked
    return None if is_stuck else campaign.ends_at


def _movable(campaign: Campaign) -> Campaign | None:
    return campaign if campaign.state == State.PLANNED else None


def address_of(campaign: Campaign, may_view_versions: bool) -> str:
    """Its review; when it went live, its version."""
    if campaign.release_id is None:
        return reverse("admin:buddies_campaign_review", args=[campaign.pk])
    if not may_view_versions:
        return reverse("admin:buddies_campaign_list")
    return reverse("admin:buddies_release_change", args=[campaign.release_id])


def bar(campaign: Campaign, address: str) -> Span:
    begin, end = begin_of(campaign), _end_of(campaign)
    is_blocked = bool(campaign.blocked)
    local = timezone.localtime(begin)
    style = "blocked" if is_blocked else campaign.state
    shown = Shown(
        name=campaign.name,
        address=address,
        title=_title(campaign, begin, end),
        style=f"colour-{campaign.colour} {style}",
        time=date_format(local, "TIME_FORMAT"),
        is_blocked=is_blocked,
        campaign=_movable(campaign),
    )
    return Span(shown, begin, end)


def _title(campaign: Campaign, begin: datetime, end: datetime | None) -> str:
    if campaign.blocked:
        return blocked_in_words(campaign)
    params = {"begin": zoned_moment(begin), "end": end and zoned_moment(end)}
    if end is None:
        return _("From %(begin)s, without an end") % params
    return _("From %(begin)s to %(end)s") % params


def campaign_events(campaign: Campaign, address: str) -> Iterator[Event]:
    """Yield that it goes live and that it ends, or why it did not."""
    style, movable = f"colour-{campaign.colour}", _movable(campaign)
    begin, end, now = begin_of(campaign), campaign.ends_at, timezone.now()
    params = {"name": campaign.name}
    if campaign.blocked:
        is_live = campaign.state == State.PUBLISHED
        at = (end if is_live else begin) or begin
        text = blocked_in_words(campaign)
        yield Event(at, text, address, style, is_blocked=True, campaign=movable)
        if not is_live:
            return
        end = None
    text = _("%(name)s goes live") if movable else _("%(name)s went live")
    yield Event(begin, text % params, address, style, begin < now, campaign=movable)
    if end is not None:
        is_over = campaign.state == State.ENDED
        text = _("%(name)s ended") if is_over else _("%(name)s ends")
        yield Event(end, text % params, address, style, end < now)


# --- Entries --------------------------------------------------------------------------


def line(entry: Buddy) -> Span:
    begin, end = entry.visible_from, entry.visible_until
    params = {
        "begin": begin and zoned_moment(begin),
        "end": end and zoned_moment(end),
    }
    if begin is None:
        title = _("Visible until %(end)s") % params
    elif end is None:
        title = _("Visible from %(begin)s") % params
    else:
        title = _("Visible from %(begin)s to %(end)s") % params
    return Span(Shown(entry.name, _entry_address(entry), title, "entry"), begin, end)


def entry_events(entry: Buddy) -> Iterator[Event]:
    """Yield that an entry appears, and that it is hidden."""
    address, now = _entry_address(entry), timezone.now()
    params = {"name": entry.name}
    if (at := entry.visible_from) is not None:
        text = _("“%(name)s” appeared") if at < now else _("“%(name)s” appears")
        yield Event(at, text % params, address, "entry", at < now)
    if (at := entry.visible_until) is not None:
        text = _("“%(name)s” was hidden") if at < now else _("“%(name)s” is hidden")
        yield Event(at, text % params, address, "entry", at < now)


def _entry_address(entry: Buddy) -> str:
    return reverse("admin:buddies_buddy_change", args=[entry.pk])
