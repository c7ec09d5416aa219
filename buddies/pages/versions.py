"""Review & publish, and past versions: pages that work without a script."""

import json
import re
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from buddies.document import diff
from buddies.models import Release
from buddies.pages.permissions import allowed
from buddies.pages.words import preview_words
from buddies.pages.workspace import MAX_CHANGES, whole_number
from buddies.publishing import review
from buddies.publishing.draft import ReleaseError
from buddies.publishing.live import document_of, live_release
from xmppservice.backoffice import site
from xmppservice.backoffice.fields import MomentField
from xmppservice.backoffice.words import zoned_moment

NOW, LATER = "now", "later"
MAX_OFFERED = 100  # versions to compare with
OFFSET = re.compile(r":\d\d ?(Z|[+-]\d\d:?\d\d)$")


def urls(office: AdminSite) -> list[URLPattern]:
    """Addresses below the admin of the releases."""
    return [
        path("review/", office.admin_view(review_view), name="buddies_review"),
        path(
            "planned/<int:key>/cancel/",
            office.admin_view(cancel_view),
            name="buddies_cancel",
        ),
        *(
            path(
                f"<int:number>/{name}/", office.admin_view(view), name=f"buddies_{name}"
            )
            for name, view in {
                "compare": compare,
                "again": publish_again_view,
                "restore": restore_view,
                "download": download,
            }.items()
        ),
    ]


# --- Review & publish -----------------------------------------------------------


class ReviewForm(forms.Form):
    """When to publish what was reviewed, and why."""

    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=1000,
        required=False,
        help_text=gettext_lazy("A note for your colleagues, shown with the version."),
    )
    when = forms.ChoiceField(
        label=gettext_lazy("When"),
        choices=((NOW, gettext_lazy("now")), (LATER, gettext_lazy("at a moment"))),
        widget=forms.RadioSelect,
        initial=NOW,
    )
    at = MomentField(
        label=gettext_lazy("Date and time"),
        required=False,
        validators=[review.soon_enough],
        widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M"),
    )
    digest = forms.CharField(widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("when") == LATER and cleaned.get("at", "bad") is None:
            self.add_error("at", _("Say when."))
        if cleaned.get("when") == NOW and cleaned.get("at"):
            text = _("Choose “at a moment”, or empty the date.")
            self.add_error("at", text)
        if self._has_offset or self.has_error("at", "ambiguous"):
            # A browser's own input of dates has no place for it.
            self.fields["at"].widget.input_type = "text"
        return cleaned

    @property
    def _has_offset(self) -> bool:
        typed = self.data.get(self.add_prefix("at"), "")
        return OFFSET.search(typed) is not None

    @property
    def moment(self) -> Any:
        is_later = self.cleaned_data["when"] == LATER
        return self.cleaned_data["at"] if is_later else None


@allowed("publish_release")
def review_view(request: HttpRequest) -> HttpResponse:
    """Show what would change for clients, and a form to publish it."""
    form = ReviewForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        response = _publish(request, form)
        if response is not None:
            return response
    reviewed = review.review_draft()
    return site.page(
        request,
        "admin/buddies/review.html",
        _("Review & publish"),
        {
            "form": form,
            "review": reviewed,
            "shown": reviewed.changes[:MAX_CHANGES],
        },
    )


def _publish(request: HttpRequest, form: ReviewForm) -> HttpResponse | None:
    params = form.cleaned_data
    try:
        published = review.publish(
            request.user.get_username(), params["note"], params["digest"], form.moment
        )
    except ReleaseError as error:
        messages.error(request, str(error))
        return None
    if isinstance(published, Release):
        text = _("Published as %(made)s.") % {"made": published}
    else:
        text = _("Planned: it goes live by itself.")
    messages.success(request, text)
    return HttpResponseRedirect(reverse("admin:buddies_workspace"))


@allowed("publish_release")
@require_POST
def cancel_view(request: HttpRequest, key: int) -> HttpResponse:
    """Cancel a planned publication."""
    try:
        review.cancel(key)
        messages.success(request, _("The planned version was cancelled."))
    except ReleaseError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse("admin:buddies_release_changelist"))


# --- Versions -------------------------------------------------------------------


def page(request: HttpRequest, release: Release) -> HttpResponse:
    """Show one version: on a phone, in a webchat, and as JSON."""
    document = document_of(release)
    live = live_release()
    others = Release.objects.exclude(pk=release.pk).defer("body")
    older = others.filter(pk__lt=release.pk).first()
    return site.page(
        request,
        "admin/buddies/version.html",
        str(release).capitalize(),
        {
            "release": release,
            "created": zoned_moment(release.created_at),
            "live_since": release.live_at and zoned_moment(release.live_at),
            "is_live": live == release,
            "live": live,
            "version": {"document": document, "words": preview_words()},
            "text": json.dumps(document, ensure_ascii=False, indent=2),
            "others": others[:MAX_OFFERED],
            "before": older.number if older else 0,
            "may_publish": request.user.has_perm("buddies.publish_release"),
        },
    )


@allowed("view_release")
@require_GET
def compare(request: HttpRequest, number: int) -> HttpResponse:
    """Show what changed from one version (``with``) to another, in words."""
    new = _release(number)
    old = _release(whole_number(request.GET.get("with", "")))
    result = diff.between(document_of(old), document_of(new))
    return site.page(
        request,
        "admin/buddies/compare.html",
        _("Compare versions"),
        {
            "old": old,
            "new": new,
            "count": len(result),
            "shown": result[:MAX_CHANGES],
        },
    )


def _release(number: int) -> Release:
    release = Release.objects.filter(number=min(number, 2**63 - 1)).first()
    if release is None:
        raise Http404(_("This version does not exist."))
    return release


@allowed("publish_release")
@require_POST
def publish_again_view(request: HttpRequest, number: int) -> HttpResponse:
    """Make an older version live again."""
    old = _release(number)
    try:
        new = review.publish_again(old, request.user.get_username())
    except ReleaseError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(
            reverse("admin:buddies_release_change", args=[number])
        )
    text = _(
        "Version %(old)s is live again, as version %(new)s. Changes are on hold now: "
        "otherwise the next edit would undo this."
    )
    messages.success(request, text % {"old": number, "new": new.number})
    return HttpResponseRedirect(reverse("admin:buddies_workspace"))


@allowed("publish_release")
@require_POST
def restore_view(request: HttpRequest, number: int) -> HttpResponse:
    """Restore the tree of an older version, as a draft."""
    try:
        review.restore(_release(number), request.user.get_username())
    except ReleaseError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(
            reverse("admin:buddies_release_change", args=[number])
        )
    text = _(
        "The tree is what it was for version %(number)s, as a draft: changes are on "
        "hold. What came later is hidden, not deleted."
    )
    messages.success(request, text % {"number": number})
    return HttpResponseRedirect(reverse("admin:buddies_workspace"))


@allowed("view_release")
@require_GET
def download(request: HttpRequest, number: int) -> HttpResponse:
    """Download the document of a version, byte for byte as clients read it."""
    body = _release(number).body
    return HttpResponse(
        body,
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="version-{number}.json"'
        },
    )
