"""The desk of a request: what is live, or the campaign that its address names."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from buddies.campaigns.desk import CampaignDesk, LiveDesk, desk_of
from buddies.models import Campaign
from buddies.pages.permissions import View
from buddies.tree.lock import TreeError
from xmppservice.backoffice import site

Desk = LiveDesk | CampaignDesk
DeskView = Callable[..., HttpResponse]


def desk_for(request: HttpRequest) -> Desk:
    """Return the desk that ``?campaign=`` names; raises TreeError if it is over."""
    text = request.GET.get("campaign")
    return desk_of(None if text is None else whole_number(text))


def whole_number(text: str) -> int:
    """Return an untrusted whole number; 0 for what the database cannot store."""
    digits = text.removeprefix("-")
    if not digits.isdecimal() or len(digits) >= 19:
        return 0
    return int(text)


def query(campaign: Campaign | None) -> str:
    """The part of an address that names a campaign."""
    return f"?campaign={campaign.pk}" if campaign else ""


def workspace_address(campaign: Campaign | None) -> str:
    return reverse("admin:buddies_workspace") + query(campaign)


def workspace_link(campaign: Campaign | None = None) -> site.Crumb:
    """Return the name and address of the tree, of a campaign or of what is live."""
    label = campaign.name if campaign else _("Channels")
    return site.Crumb(label, workspace_address(campaign))


def campaign_links(campaign: Campaign | None = None) -> list[site.Crumb]:
    """Return the pages above one of a campaign, or of all of them."""
    every = site.Crumb(_("Campaigns"), reverse("admin:buddies_campaign_list"))
    return [every, workspace_link(campaign)] if campaign else [every]


def at_a_desk(view: DeskView) -> View:
    """Give a view the desk of its request; one that is gone leads to what is live."""

    @wraps(view)
    def decorated(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            desk = desk_for(request)
        except TreeError as error:
            if is_script(request):
                return JsonResponse({"error": str(error)}, status=409)
            messages.error(request, str(error))
            return HttpResponseRedirect(reverse("admin:buddies_workspace"))
        return view(request, desk, *args, **kwargs)

    return decorated


def is_script(request: HttpRequest) -> bool:
    """Whether the workspace's script asks, not a person."""
    types = (request.headers.get("Accept", ""), request.content_type or "")
    return any("json" in one for one in types)


def may_edit(user: Any, desk: Desk, permission: str) -> bool:
    """Whether a user may do this here: each place has a permission of its own."""
    needed = (f"buddies.{permission}", f"buddies.{desk.permission}")
    return bool(user.has_perms(needed))
