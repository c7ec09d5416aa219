"""Campaigns: the list, one's name and colour, and what becomes of it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from buddies.campaigns import making
from buddies.campaigns.collisions import open_decisions
from buddies.models import Campaign
from buddies.models.campaigns import COLOURS
from buddies.pages import calendar, campaign_decisions, campaign_review
from buddies.pages.campaign_words import blocked_in_words
from buddies.pages.desks import campaign_links, workspace_address
from buddies.pages.permissions import allowed
from buddies.publishing import applying
from buddies.publishing.draft import ReleaseError
from buddies.tree.lock import TreeError
from xmppservice.backoffice import site
from xmppservice.backoffice.words import zoned_moment

MAX_PAST = 100  # in the list


def urls(office: AdminSite) -> list[URLPattern]:
    """The addresses of campaigns, below those of the workspace."""
    views = {
        "": ("list", page),
        "calendar/": ("calendar", calendar.page),
        "new/": ("new", new),
        "<int:number>/": ("edit", edit),
        "<int:number>/move/": ("move", calendar.move),
        "<int:number>/discard/": ("discard", discard),
        "<int:number>/unplan/": ("unplan", unplan),
        "<int:number>/end/": ("end", end),
        "<int:number>/keep/": ("keep", keep),
        "<int:number>/again/": ("again", again),
        "<int:number>/review/": ("review", campaign_review.page),
        "<int:number>/approve/": ("approve", campaign_review.approve),
        "<int:number>/decisions/": ("decisions", campaign_decisions.page),
    }
    return [
        path(
            f"channels/campaigns/{below}",
            office.admin_view(view),
            name=f"buddies_campaign_{name}",
        )
        for below, (name, view) in views.items()
    ]


def campaign_of(number: int) -> Campaign:
    campaign = Campaign.objects.filter(pk=min(number, 2**63 - 1)).first()
    if campaign is None:
        raise Http404(_("This campaign does not exist."))
    return campaign


def to(name: str, campaign: Campaign) -> HttpResponseRedirect:
    return HttpResponseRedirect(
        reverse(f"admin:buddies_campaign_{name}", args=[campaign.pk])
    )


def to_list() -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:buddies_campaign_list"))


@allowed("view_buddy")
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """List the campaigns: those in preparation, then those that are over."""
    decisions = open_decisions()
    current = [_card(one, decisions.get(one.pk, 0)) for one in Campaign.editable()]
    past = Campaign.objects.exclude(pk__in=decisions).order_by("-pk")
    past = past.select_related("release").defer("release__body")
    context = {
        "current": current,
        "past": [_card(one) for one in past[:MAX_PAST]],
        "may": {
            "edit": request.user.has_perm("buddies.edit_campaign"),
            "publish": request.user.has_perm("buddies.publish_release"),
        },
    }
    title = _("Campaigns")
    return site.page(request, "admin/buddies/campaigns.html", title, context)


def _card(campaign: Campaign, decisions: int = 0) -> dict[str, Any]:
    release = campaign.release
    return {
        "campaign": campaign,
        "address": workspace_address(campaign),
        "decisions": decisions,
        "blocked": blocked_in_words(campaign, decisions),
        "due": campaign.due_at and zoned_moment(campaign.due_at),
        "ends": campaign.ends_at and zoned_moment(campaign.ends_at),
        "live_since": release and zoned_moment(release.created_at),
    }


class CampaignForm(forms.ModelForm):
    """A campaign's name, colour and note."""

    class Meta:
        model = Campaign
        fields = ("name", "colour", "note")
        widgets = {
            "colour": forms.RadioSelect(
                choices=[(n, str(n)) for n in range(1, COLOURS + 1)]
            ),
            "note": forms.Textarea({"rows": 3}),
        }
        labels = {"name": gettext_lazy("Name")}

    def _get_validation_exclusions(self) -> set[str]:
        # Or a name that is taken would not be: that depends on the state.
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # Django's own hook
        return excluded - {"state"}


@allowed("edit_campaign")
def new(request: HttpRequest) -> HttpResponse:
    """Make a campaign; its workspace opens."""
    form = CampaignForm(request.POST or None, initial={"colour": making.free_colour()})
    if request.method == "POST" and form.is_valid():
        try:
            campaign = making.make(request.user.get_username(), **form.cleaned_data)
            text = _("What you edit here is not live until the campaign goes live.")
            messages.success(request, text)
            return HttpResponseRedirect(workspace_address(campaign))
        except ValidationError as error:
            form.add_error(None, error)
    return _form_page(request, form, _("New campaign"))


def _form_page(
    request: HttpRequest,
    form: CampaignForm,
    title: str,
    campaign: Campaign | None = None,
) -> HttpResponse:
    context = {"form": form, "campaign": campaign}
    template = "admin/buddies/campaign_form.html"
    above = campaign_links()
    return site.page(request, template, title, context, above=above)


@allowed("edit_campaign")
def edit(request: HttpRequest, number: int) -> HttpResponse:
    """Change a campaign's name, colour and note."""
    campaign = campaign_of(number)
    if not campaign.is_editable:
        text = _("This campaign can't be edited: it is over, or gone.")
        messages.error(request, text)
        return to_list()
    form = CampaignForm(request.POST or None, instance=campaign)
    if request.method == "POST" and form.is_valid():
        try:
            making.describe(number, **form.cleaned_data)
            return HttpResponseRedirect(workspace_address(campaign))
        except TreeError as error:
            messages.error(request, str(error))
            return to_list()
        except ValidationError as error:
            form.add_error(None, error)
    return _form_page(request, form, campaign.name, campaign)


@allowed("edit_campaign")
@require_POST
def discard(request: HttpRequest, number: int) -> HttpResponse:
    """Put a campaign away."""
    try:
        making.discard(number)
        text = _("“%(name)s” was discarded. What is live stays as it is.")
        messages.success(request, text % {"name": campaign_of(number).name})
    except TreeError as error:
        messages.error(request, str(error))
    return to_list()


@allowed("publish_release")
@require_POST
def unplan(request: HttpRequest, number: int) -> HttpResponse:
    """Let a campaign go live at no moment."""
    try:
        applying.unplan(number)
        messages.success(request, _("It is not planned any more."))
    except TreeError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(workspace_address(campaign_of(number)))


@allowed("publish_release")
@require_POST
def end(request: HttpRequest, number: int) -> HttpResponse:
    """Take back what a campaign did; what others edited since is decided first."""
    campaign, editor = campaign_of(number), request.user.get_username()
    try:
        applying.take_back(number, editor)
        text = _("“%(name)s” was taken back.")
        messages.success(request, text % {"name": campaign.name})
    except applying.Refused as error:
        if error.code != Campaign.Blocked.CONFLICTS:
            messages.error(request, str(error))
            return to_list()
        back = applying.opposite(campaign, editor)
        text = _(
            "Others edited the same since. This new campaign takes back the rest: "
            "decide, then publish it."
        )
        messages.warning(request, text)
        return to("decisions", back)
    except ReleaseError as error:
        messages.error(request, str(error))
    return to_list()


@allowed("publish_release")
@require_POST
def keep(request: HttpRequest, number: int) -> HttpResponse:
    """Let a campaign that is live stay so."""
    campaign = applying.keep(campaign_of(number).pk)
    text = _("“%(name)s” stays live; it ends at no moment.")
    messages.success(request, text % {"name": campaign.name})
    return to_list()


@allowed("edit_campaign")
@require_POST
def again(request: HttpRequest, number: int) -> HttpResponse:
    """Make a new campaign that does the same."""
    try:
        campaign = making.again(campaign_of(number).pk, request.user.get_username())
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return to_list()
    return HttpResponseRedirect(workspace_address(campaign))
