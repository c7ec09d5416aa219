"""Review of a campaign: what it changes, what speaks against it, when it goes live."""

import re
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from buddies.models import Campaign
from buddies.pages.desks import campaign_links, workspace_address
from buddies.pages.permissions import allowed
from buddies.pages.words import preview_words
from buddies.publishing import applying, approvals
from buddies.publishing.draft import ReleaseError
from buddies.publishing.review import review
from buddies.tree.lock import TreeError
from xmppservice.backoffice import site
from xmppservice.backoffice.fields import MomentField
from xmppservice.backoffice.words import zoned_moment

NOW, LATER, GLASS = "now", "later", "glass"  # the buttons
MAX_CHANGES = 300  # on one screen
OFFSET = re.compile(r":\d\d ?(Z|[+-]\d\d:?\d\d)$")


def _moment_field(label: Any) -> MomentField:
    return MomentField(
        label=label,
        required=False,
        validators=[applying.soon_enough],
        widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M"),
    )


class ReviewForm(forms.Form):
    """When a reviewed campaign goes live, and when it ends."""

    when = forms.ChoiceField(choices=[(one, one) for one in (NOW, LATER, GLASS)])
    at = _moment_field(gettext_lazy("Date and time"))
    ends_at = _moment_field(gettext_lazy("Ends at"))
    digest = forms.CharField(widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("when") == LATER and cleaned.get("at", "bad") is None:
            self.add_error("at", _("Choose a date and time."))
        if cleaned.get("when") != LATER and cleaned.get("at"):
            self.add_error("at", _("Empty the date to publish now."))
        for name in ("at", "ends_at"):
            if self._has_offset(name) or self.has_error(name, "ambiguous"):
                # A browser's own input of dates has no place for it.
                self.fields[name].widget.input_type = "text"
        return cleaned

    def _has_offset(self, name: str) -> bool:
        typed = self.data.get(self.add_prefix(name), "")
        return OFFSET.search(typed) is not None

    @property
    def moment(self) -> Any:
        is_later = self.cleaned_data["when"] == LATER
        return self.cleaned_data["at"] if is_later else None


def _campaign(number: int) -> Campaign:
    campaign = Campaign.editable().filter(pk=min(number, 2**63 - 1)).first()
    if campaign is None:
        raise Http404(_("This campaign can't be edited: it is over, or gone."))
    return campaign


@allowed("view_buddy")
def page(request: HttpRequest, number: int) -> HttpResponse:
    """Show what a campaign changes, and a form to publish or plan it."""
    campaign, editor = _campaign(number), request.user.get_username()
    may_publish = request.user.has_perm("buddies.publish_release")
    form = ReviewForm(request.POST or None, initial=_initial(campaign))
    if request.method == "POST" and may_publish and form.is_valid():
        response = _publish(request, campaign, form)
        if response is not None:
            return response
        campaign = _campaign(number)
    reviewed = review(campaign, editor)
    refusal = approvals.refusal(campaign, editor)
    context = {
        "campaign": campaign,
        "back": workspace_address(campaign),
        "form": form,
        "review": reviewed,
        "shown": reviewed.changes[:MAX_CHANGES],
        "lines": reviewed.lines[:MAX_CHANGES],
        "at": zoned_moment(reviewed.at),
        "due": campaign.due_at and zoned_moment(campaign.due_at),
        "may_publish": may_publish,
        "may_approve": request.user.has_perm("buddies.approve_campaign")
        and not refusal,
        "may_break_glass": approvals.may_break_glass(request.user),
        "preview": {"document": reviewed.document, "words": preview_words()},
    }
    title = _("Review of “%(name)s”") % {"name": campaign.name}
    template, above = "admin/buddies/review.html", campaign_links(campaign)
    return site.page(request, template, title, context, above=above)


def _initial(campaign: Campaign) -> dict[str, Any]:
    if campaign.due_at is None:
        return {"ends_at": campaign.ends_at}
    return {"at": campaign.due_at, "ends_at": campaign.ends_at}


def _publish(
    request: HttpRequest, campaign: Campaign, form: ReviewForm
) -> HttpResponse | None:
    editor, digest = request.user.get_username(), form.cleaned_data["digest"]
    ends_at = form.cleaned_data["ends_at"]
    breaks_glass = form.cleaned_data["when"] == GLASS
    if breaks_glass and not approvals.may_break_glass(request.user):
        raise PermissionDenied
    try:
        if form.moment is None:
            release = applying.publish(
                campaign.pk, editor, digest, ends_at, breaks_glass
            )
            text = _("“%(name)s” is live, as %(made)s.")
            params = {"name": campaign.name, "made": release}
            messages.success(request, text % params)
            return HttpResponseRedirect(workspace_address(None))
        applying.plan(campaign.pk, editor, digest, form.moment, ends_at)
    except (ReleaseError, TreeError) as error:
        messages.error(request, str(error))
        return None
    messages.success(request, _("Planned: it goes live by itself."))
    return HttpResponseRedirect(workspace_address(campaign))


@allowed("approve_campaign")
@require_POST
def approve(request: HttpRequest, number: int) -> HttpResponse:
    """Approve a campaign as it was reviewed."""
    campaign = _campaign(number)
    digest, note = (
        request.POST.get("digest", ""),
        request.POST.get("note", "").replace("\0", "")[:1000],
    )
    try:
        approvals.approve(number, request.user.get_username(), digest, note)
        text = _("You approved “%(name)s” as it is now.")
        messages.success(request, text % {"name": campaign.name})
    except (ReleaseError, TreeError) as error:
        messages.error(request, str(error))
    address = reverse("admin:buddies_campaign_review", args=[number])
    return HttpResponseRedirect(address)
