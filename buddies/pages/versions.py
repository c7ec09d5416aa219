"""Past versions: pages that work without a script."""

import json

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from buddies.campaigns.desk import LIVE
from buddies.document import diff
from buddies.models import Buddy, Release
from buddies.pages.desks import may_edit, whole_number, workspace_address
from buddies.pages.permissions import allowed
from buddies.pages.words import preview_words
from buddies.pages.workspace import MAX_CHANGES
from buddies.publishing import going_back
from buddies.publishing.draft import ReleaseError
from buddies.publishing.live import document_of, live_release
from buddies.tree import history, snapshot
from xmppservice.backoffice import site
from xmppservice.backoffice.words import zoned_moment

MAX_OFFERED = 100  # versions to compare with; entries to put back, or only groups
MAX_BRANCHES = 1000


def urls(office: AdminSite) -> list[URLPattern]:
    """Addresses below the admin of the releases."""
    return [
        path(f"<int:number>/{name}/", office.admin_view(view), name=f"buddies_{name}")
        for name, view in {
            "compare": compare,
            "name": name_view,
            "again": go_back_view,
            "restore": restore_view,
            "download": download,
        }.items()
    ]


def page(request: HttpRequest, release: Release) -> HttpResponse:
    """Show one version: on a phone, in a webchat, and as JSON."""
    document = document_of(release)
    live = live_release()
    others = Release.objects.exclude(pk=release.pk).defer("body")
    older = others.filter(pk__lt=release.pk).first()
    tree_version = history.version_at(release.created_at)
    may_put_back = may_edit(request.user, LIVE, "change_buddy")
    return site.page(
        request,
        "admin/buddies/version.html",
        capfirst(str(release)),
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
            "name_form": NameForm(instance=release),
            "may_restore": request.user.has_perm("buddies.edit_campaign"),
            "may_put_back": may_put_back,
            "tree_version": tree_version,
            "branches": _branches(tree_version) if may_put_back else [],
            "here": request.get_full_path(),
        },
        above=links(),
    )


def links(release: Release | None = None) -> list[site.Crumb]:
    """Return the pages above one of a version, or of all of them."""
    may_view = "buddies.view_release"
    address = reverse("admin:buddies_release_changelist")
    every = site.Crumb(_("Versions"), address, may_view)
    if release is None:
        return [every]
    own = reverse("admin:buddies_release_change", args=[release.number])
    return [every, site.Crumb(capfirst(str(release)), own, may_view)]


def _branches(version: int) -> list[tuple[int, str]]:
    """Return the groups and channels of a version of the tree, each with its path.

    Of a large tree, only the groups.
    """
    buddies = history.tree_at(version)
    tree = snapshot.of(buddies)
    ids = {str(buddy.key): buddy.pk for buddy in buddies}
    is_large = len(tree.entries) > MAX_OFFERED
    paths: dict[str | None, str] = {None: ""}
    results = []
    for key in snapshot.depth_first(tree):
        values = tree.entries[key]
        above = paths[values[snapshot.PARENT]]
        paths[key] = f"{above} › {values['name']}" if above else values["name"]
        if not is_large or values["type"] == Buddy.Type.GROUP:
            results.append((ids[key], paths[key]))
    return results[:MAX_BRANCHES]


@allowed("view_release")
@require_GET
def compare(request: HttpRequest, number: int) -> HttpResponse:
    """Show what changed from one version (``with``) to another, in words."""
    new = _release(number)
    old = _release(whole_number(request.GET.get("with", "")))
    return _compared(request, old, new, _("Compare versions"))


def _compared(
    request: HttpRequest, old: Release, new: Release, title: str, asks: bool = False
) -> HttpResponse:
    """Show two versions beside each other; ``asks`` whether the new one goes live."""
    before, after = document_of(old), document_of(new)
    changes = diff.between(before, after)
    # What was only switched off then is hidden, not removed.
    version = history.version_at(new.created_at)
    there = history.addresses_at(diff.removed(changes), version)
    changes = diff.hidden(changes, there)
    marks: dict[str, dict[str, dict[str, str]]] = {"old": {}, "now": {}}
    for change in changes:
        mark = {"kind": change.kind, "label": change.label}
        sides = {"added": ["now"], "removed": ["old"]}.get(change.kind, ["old", "now"])
        for side in sides:
            marks[side].setdefault(change.address, mark)
    context = {
        "old": old,
        "new": new,
        "asks": asks,
        "may_go_back": not asks
        and old != live_release()
        and request.user.has_perm("buddies.publish_release"),
        "count": len(changes),
        "shown": changes[:MAX_CHANGES],
        "compared": {
            **{"old": before, "now": after, "marks": marks},
            "words": preview_words(),
        },
    }
    template, above = "admin/buddies/compare.html", links(new)
    return site.page(request, template, title, context, above=above)


def _release(number: int) -> Release:
    release = Release.objects.filter(number=min(number, 2**63 - 1)).first()
    if release is None:
        raise Http404(_("This version does not exist."))
    return release


@allowed("publish_release")
@require_POST
def name_view(request: HttpRequest, number: int) -> HttpResponse:
    """Give a version a name, and pin it."""
    release = _release(number)
    form = NameForm(request.POST, instance=release)
    if form.is_valid():
        # Nothing else: the release may go live just now.
        Release.objects.filter(pk=release.pk).update(**form.cleaned_data)
        messages.success(request, _("Saved."))
    else:
        for errors in form.errors.values():
            messages.error(request, " ".join(map(str, errors)))
    return HttpResponseRedirect(reverse("admin:buddies_release_change", args=[number]))


class NameForm(forms.ModelForm):
    """A version's name, and whether it is pinned."""

    class Meta:
        model = Release
        fields = ("name", "pinned")


@allowed("publish_release")
def go_back_view(request: HttpRequest, number: int) -> HttpResponse:
    """Make an older version live again, and the tree with it; ask before that."""
    if request.method != "POST":
        live, wanted = live_release(), _release(number)
        if live is None:
            raise Http404(_("Nothing is live yet"))
        title = _("Go back to version %(number)s?") % {"number": number}
        return _compared(request, live, wanted, title, asks=True)
    try:
        new = going_back.go_back(_release(number), request.user.get_username())
    except ReleaseError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(
            reverse("admin:buddies_release_change", args=[number])
        )
    text = _(
        "Version %(old)s is live again, as version %(new)s. Use “Undo” to revert it."
    )
    messages.success(request, text % {"old": number, "new": new.number})
    return HttpResponseRedirect(reverse("admin:buddies_workspace"))


@allowed("edit_campaign")
@require_POST
def restore_view(request: HttpRequest, number: int) -> HttpResponse:
    """Make a campaign that would bring an older version back."""
    try:
        campaign = going_back.restore(_release(number), request.user.get_username())
    except ReleaseError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(
            reverse("admin:buddies_release_change", args=[number])
        )
    text = _(
        "This campaign brings version %(number)s back. What came later is hidden in "
        "it, not deleted."
    )
    messages.success(request, text % {"number": number})
    return HttpResponseRedirect(workspace_address(campaign))


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
