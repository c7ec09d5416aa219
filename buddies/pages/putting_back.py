"""What puts back: a step, a field, a branch, and what was deleted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from buddies.campaigns.desk import LIVE
from buddies.campaigns.ending import undo_live
from buddies.models import Campaign, HistoricalBuddy
from buddies.pages.desks import may_edit, whole_number
from buddies.pages.permissions import allowed
from buddies.publishing import releases
from buddies.tree import history, putting_back, undo
from buddies.tree.lock import TreeError
from xmppservice.backoffice import site

KEPT = timedelta(days=30)  # in the trash
MAX_DELETED = 500  # on one screen
ADDRESSES = {"address", "server_address"}


def urls(office: AdminSite) -> list[URLPattern]:
    """Addresses for the admin of the entries."""
    views = {"trash": trash, "put_back": put_back}
    return [
        path(f"{name}/", office.admin_view(view), name=f"buddies_{name}")
        for name, view in views.items()
    ]


@allowed("view_buddy")
@require_GET
def trash(request: HttpRequest) -> HttpResponse:
    """Show what was deleted lately."""
    deleted = list(putting_back.deleted_since(timezone.now() - KEPT))
    context = {
        "deleted": deleted[:MAX_DELETED],
        "count": len(deleted),
        "days": KEPT.days,
        "may_put_back": may_edit(request.user, LIVE, "change_buddy"),
        "here": request.get_full_path(),
    }
    above = [site.Crumb(_("Home"), reverse("admin:buddies_home"))]
    template = "admin/buddies/trash.html"
    return site.page(request, template, _("Trash"), context, above=above)


@allowed("change_buddy")
@allowed("edit_live")
@require_POST
def put_back(request: HttpRequest) -> HttpResponse:
    """Put back what the form names, and return to its page.

    ``what`` is step (of versions ``first`` to ``last``, of an ``entry`` or of all),
    field (``field`` before the ``record``) or branch (``entry`` as ``last`` had it).
    """
    editor = request.user.get_username()
    run = PUTTING_BACK.get(request.POST.get("what", ""))
    before = LIVE.version
    try:
        if run is None:
            raise TreeError(_("The request could not be understood. Reload the page."))
        with transaction.atomic():
            run(request, editor)
            _refuse_unpermitted(request.user, before)
    except TreeError as error:
        messages.error(request, str(error))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        last = history.newest(editor)
        if last is None or last.version <= before:
            messages.info(request, _("Nothing to do: it is like this already."))
        else:
            messages.success(request, _("Put back: %(what)s") % {"what": last.words})
    return HttpResponseRedirect(_next(request))


def _refuse_unpermitted(user: Any, before: int) -> None:
    """Refuse what this user may not do in another way either; raises TreeError."""
    version = LIVE.version
    if version == before:
        return
    records = list(HistoricalBuddy.objects.filter(version=version))
    kinds = {record.history_type for record in records}
    needed = [
        permission
        for kind, permission in {
            history.ADDED: "buddies.add_buddy",
            history.DELETED: "buddies.delete_buddy",
        }.items()
        if kind in kinds
    ]
    if Campaign.objects.filter(ended_version=version).exists():
        needed.append("buddies.publish_release")
    if not user.has_perm("buddies.change_address") and _changes_address(records):
        needed.append("buddies.change_address")
    if not user.has_perms(needed):
        raise TreeError(_("You may not do what this would do."))
    if Campaign.objects.filter(tree_version=version).exists():
        text = _("This campaign is over: choose “Again as a new campaign” in its list.")
        raise TreeError(text)


def _changes_address(records: list[HistoricalBuddy]) -> bool:
    """Whether an address changes that clients know."""
    changed = [one for one in records if one.history_type == history.CHANGED]
    old = history.before(changed)
    return any(
        not ADDRESSES.isdisjoint(history.changed(old[one.id], one))
        and releases.has_shown(old[one.id].buddy)
        for one in changed
        if one.id in old
    )


def _number(request: HttpRequest, name: str) -> int:
    return whole_number(request.POST.get(name, ""))


def _step(request: HttpRequest, editor: str) -> None:
    first, last = _number(request, "first"), _number(request, "last")
    entry = _number(request, "entry")
    if first == last or not entry:
        undo_live(last, editor, of_anybody=True)
    else:
        undo.put_back(entry, first, last, editor)


def _field(request: HttpRequest, editor: str) -> None:
    record, field = _number(request, "record"), request.POST.get("field", "")
    putting_back.put_field_back(record, field, editor)


def _branch(request: HttpRequest, editor: str) -> None:
    entry, version = _number(request, "entry"), _number(request, "last")
    putting_back.put_branch_back(entry, version, editor)


PUTTING_BACK: dict[str, Callable[[HttpRequest, str], None]] = {
    "step": _step,
    "field": _field,
    "branch": _branch,
}


def _next(request: HttpRequest) -> str:
    page = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(page, allowed_hosts=None):
        return page
    return reverse("admin:buddies_home")
