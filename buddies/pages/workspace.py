"""The Channels workspace: one page, and what its script reads.

It shows what is live or, with ``?campaign=`` in its address, a campaign. Errors are
answered with ``{"error": words}``, and with status 409 if another user was faster.
"""

from collections.abc import Collection, Iterable
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import conditional_page, require_GET, require_POST

from buddies import avatars
from buddies.campaigns import changes
from buddies.campaigns.desk import CampaignDesk
from buddies.document import shape
from buddies.models import Buddy, Campaign
from buddies.pages import entry, example, rows, workspace_edits
from buddies.pages.campaign_words import choices
from buddies.pages.desks import Desk, at_a_desk, may_edit, query
from buddies.pages.find import find_view
from buddies.pages.permissions import View, allowed
from buddies.pages.status import draft_at, state
from buddies.pages.words import kinds, workspace_words
from buddies.publishing import releases
from buddies.publishing.draft import differences
from buddies.publishing.live import document_of, live_release
from buddies.tree import snapshot
from xmppservice.backoffice import site
from xmppservice.runtime import wakeups

MAX_CHANGES = 300  # on one screen


def urls(office: AdminSite) -> list[URLPattern]:
    """The workspace's addresses, for the admin of the entries."""
    views: dict[str, View] = {
        "": page,
        "state/": state_view,
        "tree/": tree_view,
        "document/": document_view,
        "changes/": changes_view,
        "fate/": deletion_view,
        "find/": find_view,
        **workspace_edits.VIEWS,
        **entry.VIEWS,
        **example.VIEWS,
        "retry/": retry,
    }
    names = {"": "buddies_workspace"}
    return [
        path(
            f"channels/{below}",
            office.admin_view(view),
            name=names.get(below, f"buddies_workspace_{below.rstrip('/')}"),
        )
        for below, view in views.items()
    ]


@allowed("view_buddy")
@at_a_desk
def page(request: HttpRequest, desk: Desk) -> HttpResponse:
    """The workspace itself; its script fills it."""
    may = _permissions(request.user, desk)
    campaign = desk.campaign
    context = {
        "state": state(request.user, desk),
        "workspace": {
            "urls": _addresses(campaign),
            "may": may,
            "words": workspace_words(campaign),
            "inCampaign": campaign and campaign.pk,
            "user": request.user.get_username(),
            "maxMegabytes": avatars.MAX_MEGABYTES,
            "zone": timezone.get_current_timezone_name(),
        },
        "may": may,
        "campaign": campaign,
        "query": query(campaign),
        "desks": choices(campaign),
        "kinds": kinds(campaign),
    }
    title = campaign.name if campaign else _("Channels")
    return site.page(request, "admin/buddies/workspace.html", title, context)


def _addresses(campaign: Campaign | None) -> dict[str, str]:
    page, named = "admin:buddies_buddy", query(campaign)
    own = {
        **{
            name: reverse(f"admin:buddies_workspace_{name}")
            for name in (*READ_VIEWS, *EDIT_VIEWS, "fate")
        },
        "edit": reverse(f"{page}_change", args=[0]),
        "history": reverse(f"{page}_history", args=[0]),
    }
    return {name: address + named for name, address in own.items()}


READ_VIEWS = ("state", "tree", "document", "changes", "link", "entry", "find")
EDIT_VIEWS = (
    *("move", "switch", "schedule", "duplicate", "remove", "undo"),
    *("take_back", "do_live", "write", "create", "picture", "example"),
)


def _permissions(user: Any, desk: Desk) -> dict[str, bool]:
    return {
        **{verb: may_edit(user, desk, f"{verb}_buddy") for verb in VERBS},
        "publish": user.has_perm("buddies.publish_release"),
        "campaign": user.has_perm("buddies.edit_campaign"),
        "live": user.has_perm("buddies.edit_live"),
    }


VERBS = ("add", "change", "delete")


@allowed("view_buddy")
@require_GET
@conditional_page
@at_a_desk
def state_view(request: HttpRequest, desk: Desk) -> HttpResponse:
    """What the banner shows: see :func:`state`."""
    return JsonResponse(state(request.user, desk))


@allowed("view_buddy")
@require_GET
@at_a_desk
def tree_view(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Return all entries, nested, and the tree's version."""
    # Read first: an edit in between makes the script load the tree once more.
    version, stamp = desk.version, desk.stamp
    return JsonResponse(
        {"version": version, "stamp": stamp, "entries": rows.nested(desk)}
    )


@allowed("view_buddy")
@require_GET
@at_a_desk
def document_view(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Return the document that clients would read, for the previews."""
    draft = draft_at(desk)
    if draft.too_deep:
        return JsonResponse({"version": draft.version, "document": draft.too_deep})
    # It is large, and written already.
    text = f'{{"version": {draft.version}, "document": {draft.body}}}'
    return HttpResponse(text, content_type="application/json")


@allowed("view_buddy")
@require_GET
@at_a_desk
def changes_view(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Return what differs from what is live, in words."""
    if isinstance(desk, CampaignDesk):
        lines = changes.changes(desk.view)
        listed = [{**c._asdict(), "label": c.label} for c in lines[:MAX_CHANGES]]
        return JsonResponse({"changes": listed, "count": len(lines)})
    result = differences(draft_at(desk))
    listed = [{**c._asdict(), "label": c.label} for c in result[:MAX_CHANGES]]
    return JsonResponse({"changes": listed, "count": len(result)})


@allowed("view_buddy")
@require_POST
@at_a_desk
def deletion_view(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Return what a deletion of ``ids`` would remove, in words, and the tree's version.

    It changes nothing: the numbers of a thousand entries are too long for an address.
    """
    # Read first, so that any later edit makes the deletion fail.
    version = desk.version
    try:
        numbers = set(workspace_edits.read_keys(workspace_edits.read_body(request)))
    except ValidationError as error:
        return workspace_edits.refusal(" ".join(error.messages), 400)
    deleted = branch(desk, numbers)
    if not numbers.issubset({buddy.pk for buddy in deleted}):
        return workspace_edits.refusal(_("Someone deleted this in the meantime."), 409)
    live = shape.addresses(document_of(live_release()))
    live_count = sum(buddy.address in live for buddy in deleted)
    words = list(_deletion_effects(len(numbers), len(deleted), live_count))
    if desk.campaign:
        text = _("It stays live until “%(name)s” goes live.")
        words = [*words[:-1], text % {"name": desk.campaign.name}]
    return JsonResponse({"version": version, "words": words})


def branch(desk: Desk, numbers: Collection[int]) -> list[Buddy]:
    """Return entries with everything below them, without those that are gone."""
    buddies = {str(buddy.key): buddy for buddy in desk.buddies()}
    roots = [key for key, buddy in buddies.items() if buddy.pk in numbers]
    tree = snapshot.of(buddies.values())
    return [buddies[key] for key in snapshot.branch(tree, roots)]


def _deletion_effects(chosen: int, deleted: int, live_count: int) -> Iterable[str]:
    below = deleted - chosen
    if below:
        text = ngettext(
            "%(count)s item inside will be deleted too.",
            "%(count)s items inside will be deleted too.",
            below,
        )
        yield text % {"count": below}
    if live_count and deleted == 1:
        yield _("Apps show it now; it will disappear.")
    elif live_count:
        text = ngettext(
            "Apps show %(count)s of them now; it will disappear.",
            "Apps show %(count)s of them now; they will disappear.",
            live_count,
        )
        yield text % {"count": live_count}
    else:
        yield _("Apps don't show it now.")


@allowed("change_buddy")
@require_POST
def retry(request: HttpRequest) -> HttpResponse:
    """Try again to publish the tree, and to hand it to the XMPP server."""
    releases.sync()
    wakeups.wake_stream(wakeups.RELEASE)
    return HttpResponseRedirect(reverse("admin:buddies_workspace"))
