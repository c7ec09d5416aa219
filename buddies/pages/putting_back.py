"""What puts back: a step, a field, a branch, and what was deleted."""

from collections.abc import Callable
from datetime import timedelta

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from buddies.campaigns.desk import LIVE
from buddies.campaigns.ending import undo_live
from buddies.pages.desks import may_edit, whole_number
from buddies.pages.permissions import allowed
from buddies.tree import history, putting_back, undo
from buddies.tree.lock import TreeError
from xmppservice.backoffice import site

KEPT = timedelta(days=30)  # in the trash
MAX_DELETED = 500  # on one screen


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
    return site.page(request, "admin/buddies/trash.html", _("Trash"), context)


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
    try:
        if run is None:
            raise TreeError(_("The request could not be understood. Reload the page."))
        run(request, editor)
    except TreeError as error:
        messages.error(request, str(error))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        last = history.newest(editor)
        words = last.words if last else ""
        messages.success(request, _("Put back: %(what)s") % {"what": words})
    return HttpResponseRedirect(_next(request))


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
