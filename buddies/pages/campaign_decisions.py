"""The decisions that a campaign waits for: a card each."""

from typing import Any, NamedTuple

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from buddies.campaigns.conflict_words import EDIT, Choice, Decision, decisions
from buddies.campaigns.deciding import decide
from buddies.campaigns.merge import Conflict
from buddies.campaigns.view import View, view_of
from buddies.models import Campaign
from buddies.pages.desks import campaign_links, query, workspace_address
from buddies.pages.permissions import allowed
from buddies.tree.lock import TreeError
from xmppservice.backoffice import site

MAX_CARDS = 100  # on one screen


class Card(NamedTuple):
    """A decision, with what can be chosen, and the address of what is done by hand."""

    decision: Decision
    choices: list[Choice]
    by_hand: str
    by_hand_label: str


# A choice may add, change or delete an entry.
DECIDING = [
    f"buddies.{name}"
    for name in ("edit_campaign", "add_buddy", "change_buddy", "delete_buddy")
]


@allowed("view_buddy")
def page(request: HttpRequest, number: int) -> HttpResponse:
    """Show a card for each conflict, and settle the one that was posted."""
    campaign = Campaign.editable().filter(pk=min(number, 2**63 - 1)).first()
    if campaign is None:
        raise Http404(_("This campaign can't be edited: it is over, or gone."))
    may_edit = request.user.has_perms(DECIDING)
    if request.method == "POST":
        if not may_edit:
            raise PermissionDenied
        _decide(request, campaign)
        address = reverse("admin:buddies_campaign_decisions", args=[number])
        return HttpResponseRedirect(address)
    view = view_of(campaign)
    found = decisions(view)
    context = {
        "campaign": campaign,
        "cards": [_card(view, one) for one in found[:MAX_CARDS]],
        "count": len(found),
        "back": workspace_address(campaign),
        "may_edit": may_edit,
    }
    title = _("Decisions of “%(name)s”") % {"name": campaign.name}
    template, above = "admin/buddies/decisions.html", campaign_links(campaign)
    return site.page(request, template, title, context, above=above)


def _card(view: View, decision: Decision) -> Card:
    choices = [choice for choice in decision.choices if choice.name != EDIT]
    by_hand = [choice for choice in decision.choices if choice.name == EDIT]
    number = view.ids.get(decision.conflict.key or "")
    if not by_hand or number is None:
        return Card(decision, choices, "", "")
    address = reverse("admin:buddies_buddy_change", args=[number])
    # What is written there settles it.
    address += f"{query(view.campaign)}&decide=1"
    return Card(decision, choices, address, by_hand[0].label)


def _decide(request: HttpRequest, campaign: Campaign) -> None:
    posted: Any = request.POST
    conflict = Conflict(
        posted.get("kind", ""), posted.get("key") or None, posted.get("detail", "")
    )
    try:
        choice = posted.get("choice", "")
        decide(campaign.pk, request.user.get_username(), conflict, choice)
        messages.success(request, _("Decided."))
    except TreeError as error:
        messages.error(request, str(error))
