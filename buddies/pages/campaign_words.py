"""Campaigns in words: the switch above the tree, the banner, what editors are told."""

from typing import Any, NamedTuple

from django.core.cache import cache
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.campaigns import changes
from buddies.campaigns.collisions import collisions, concerned
from buddies.campaigns.desk import CampaignDesk, LiveDesk
from buddies.models import Campaign
from buddies.pages.desks import query
from buddies.publishing.applying import decisions_in_words
from buddies.tree.snapshot import Key
from xmppservice.backoffice.words import zoned_moment


class Choice(NamedTuple):
    """A place to edit, for the switch."""

    name: str
    address: str
    colour: int
    is_current: bool
    is_blocked: bool


def choices(current: Campaign | None, page: str = "") -> list[Choice]:
    """Return the places to edit: what is live, then the campaigns in preparation.

    Each leads to this ``page``, by default the workspace.
    """
    page = page or reverse("admin:buddies_workspace")
    live = Choice(_("Live"), page, 0, current is None, False)
    return [
        live,
        *(
            Choice(
                campaign.name,
                page + query(campaign),
                campaign.colour,
                campaign == current,
                bool(campaign.blocked),
            )
            for campaign in Campaign.editable()
        ),
    ]


def told_to_editors(desk: LiveDesk | CampaignDesk, keys: set[Key]) -> list[str]:
    """Tell an editor which campaigns want something else with what was edited."""
    if isinstance(desk, CampaignDesk):
        text = _("The campaign “%(name)s” wants something else here.")
        others = [
            other.campaign
            for other in collisions(desk.view, {*keys})
            if any(conflict.key in keys for conflict in other.conflicts)
        ]
    else:
        text = _(
            "The campaign “%(name)s” changes this, too: somebody must decide there."
        )
        others = concerned(keys)
    return [text % {"name": campaign.name} for campaign in others]


class CampaignNumbers(NamedTuple):
    """How many changes a campaign makes, and how many decisions it waits for."""

    changes: int
    decisions: int


def numbers(desk: CampaignDesk) -> CampaignNumbers:
    """Count what a campaign changes, and its conflicts; pages poll it."""
    key = f"campaign-numbers-{desk.stamp}".replace(" ", "-")
    found: CampaignNumbers | None = cache.get(key)
    if found is None:
        view = desk.view
        found = CampaignNumbers(len(changes.changes(view)), len(view.conflicts))
        cache.set(key, found, timeout=3600)
    return found


def counted(count: CampaignNumbers) -> str:
    text = ngettext("%(count)s change", "%(count)s changes", count.changes)
    words = text % {"count": count.changes}
    if count.decisions:
        text = ngettext("%(count)s decision", "%(count)s decisions", count.decisions)
        words += ", " + text % {"count": count.decisions}
    return words + "."


def when(campaign: Campaign) -> str:
    """When customers see a campaign."""
    if campaign.due_at is None:
        return _("Nobody sees it before you publish it.")
    params = {"at": zoned_moment(campaign.due_at)}
    if campaign.ends_at is None:
        return _("Nobody sees it before %(at)s.") % params
    params["end"] = zoned_moment(campaign.ends_at)
    return _("Nobody sees it before %(at)s; it ends on %(end)s.") % params


def blocked_in_words(campaign: Campaign, decisions: int = 0) -> str:
    """Why a campaign did not go live, or did not end, at its moment."""
    if not campaign.blocked:
        return ""
    is_over = campaign.state == Campaign.State.PUBLISHED
    at = campaign.ends_at if is_over else campaign.due_at
    why = str(campaign.get_blocked_display())
    if decisions and campaign.blocked == Campaign.Blocked.CONFLICTS:
        why = decisions_in_words(decisions).rstrip(".")
    params: dict[str, Any] = {"name": campaign.name, "why": why}
    params["at"] = zoned_moment(at) if at else ""
    if is_over:
        text = _("“%(name)s” did not end on %(at)s: %(why)s. It stays live.")
    else:
        text = _(
            "“%(name)s” did not go live on %(at)s: %(why)s. Customers see what they "
            "saw before."
        )
    return text % params


def blocked_ones() -> list[str]:
    """Say which campaigns are blocked, to everybody."""
    return [blocked_in_words(one) for one in Campaign.objects.exclude(blocked="")]
