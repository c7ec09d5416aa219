"""The Channels workspace: one page, and the JSON requests of its script.

Each edit calls a function of :mod:`buddies.tree.edits`. Errors are answered with
``{"error": words}``, and with status 409 if another user was faster.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Count
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    RawPostDataException,
)
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import conditional_page, require_GET, require_POST

from buddies.document import build, shape
from buddies.models import Buddy, Tree
from buddies.pages.permissions import View, allowed
from buddies.pages.status import state
from buddies.pages.words import workspace_words
from buddies.publishing import releases, review
from buddies.publishing.draft import ReleaseError, current_draft, differences
from buddies.publishing.live import document_of, live_release
from buddies.tree import edits, history, positions
from buddies.tree.lock import TreeError
from buddies.tree.undo import undo
from xmppservice.backoffice import site
from xmppservice.runtime import wakeups

MAX_CHANGES = 300  # on one screen
MAX_IDS = 1000  # in one edit


def urls(office: AdminSite) -> list[URLPattern]:
    """The workspace's addresses, for the admin of the entries."""
    views: dict[str, View] = {
        "": page,
        "state/": state_view,
        "tree/": tree_view,
        "document/": document_view,
        "changes/": changes_view,
        "fate/": deletion_view,
        "move/": move,
        "switch/": switch,
        "duplicate/": duplicate,
        "remove/": remove,
        "undo/": undo_view,
        "hold/": hold,
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
def page(request: HttpRequest) -> HttpResponse:
    """The workspace itself; its script fills it."""
    user = request.user
    context = {
        "state": state(user),
        "workspace": {
            "urls": _addresses(),
            "may": _permissions(user),
            "words": workspace_words(),
        },
        "may": _permissions(user),
    }
    return site.page(request, "admin/buddies/workspace.html", _("Channels"), context)


def _addresses() -> dict[str, str]:
    entry = "admin:buddies_buddy"
    return {
        **{
            name: reverse(f"admin:buddies_workspace_{name}")
            for name in READ_VIEWS + EDIT_VIEWS
        },
        "add": reverse(f"{entry}_add"),
        "edit": reverse(f"{entry}_change", args=[0]),
        "history": reverse(f"{entry}_history", args=[0]),
    }


READ_VIEWS = ("state", "tree", "document", "changes", "fate", "link")
EDIT_VIEWS = ("move", "switch", "duplicate", "remove", "undo")


def _permissions(user: Any) -> dict[str, bool]:
    return {
        **{verb: user.has_perm(f"buddies.{verb}_buddy") for verb in VERBS},
        "publish": user.has_perm("buddies.publish_release"),
    }


VERBS = ("add", "change", "delete")


@allowed("view_buddy")
@require_GET
@conditional_page
def state_view(request: HttpRequest) -> HttpResponse:
    """What the banner shows: see :func:`state`."""
    return JsonResponse(state(request.user))


@allowed("view_buddy")
@require_GET
def tree_view(request: HttpRequest) -> HttpResponse:
    """Return all entries, nested, and the tree's version."""
    row = Tree.objects.first() or Tree()
    return JsonResponse({"version": row.version, "entries": _nested_rows()})


def _nested_rows() -> list[dict[str, Any]]:
    buddies = list(Buddy.objects.all())
    groups = {buddy.parent_id for buddy in buddies}
    now = timezone.now()
    rows = {buddy.pk: _row(buddy, buddy.pk not in groups, now) for buddy in buddies}
    top: list[dict[str, Any]] = []
    for buddy in buddies:
        if buddy.parent_id is None:
            top.append(rows[buddy.pk])
        else:
            rows[buddy.parent_id].setdefault("children", []).append(rows[buddy.pk])
    _add_hidden_group_remarks(buddies, rows, now)
    return top


def _add_hidden_group_remarks(
    buddies: list[Buddy], rows: dict[int, dict[str, Any]], now: datetime
) -> None:
    """Add a remark to entries that only a hidden group hides."""
    hidden = {b.pk for b in buddies if not (b.is_published and b.is_due(now))}
    waiting = [child for key in hidden for child in rows[key].get("children", ())]
    remark = _("its group is hidden")
    while waiting:
        row = waiting.pop()
        if int(row["key"]) not in hidden:
            row["remark"] = ", ".join(filter(None, (row["remark"], remark)))
            waiting.extend(row.get("children", ()))


def _row(buddy: Buddy, is_empty: bool, now: datetime) -> dict[str, Any]:
    """Return an entry in the format of the workspace's grid."""
    return {
        "key": str(buddy.pk),
        "title": buddy.name,
        "type": buddy.type,
        "text": buddy.status,
        "mobile": buddy.mobile_is_published,
        "web": buddy.web_is_published,
        "remark": ", ".join(build.remarks(buddy, is_empty, now)),
    }


@allowed("view_buddy")
@require_GET
def document_view(request: HttpRequest) -> HttpResponse:
    """Return the document that the tree would publish now, for the previews."""
    draft = current_draft()
    return JsonResponse({"version": draft.version, "document": draft.document})


@allowed("view_buddy")
@require_GET
def changes_view(request: HttpRequest) -> HttpResponse:
    """Return the differences from the live release, in words."""
    result = differences(current_draft())
    listed = [{**c._asdict(), "label": c.label} for c in result[:MAX_CHANGES]]
    return JsonResponse({"changes": listed, "count": len(result)})


@allowed("view_buddy")
@require_GET
def deletion_view(request: HttpRequest) -> HttpResponse:
    """Return what a deletion would remove, in words, and the tree's version."""
    # Read first, so that any later edit makes the deletion fail.
    row = Tree.objects.first() or Tree()
    key = whole_number(request.GET.get("id", ""))
    deleted = edits.branch(Buddy.objects.filter(pk=key))
    if not deleted:
        return _refusal(_("Someone deleted this in the meantime."), 409)
    live = shape.addresses(document_of(live_release()))
    live_count = sum(buddy.address in live for buddy in deleted)
    return JsonResponse(
        {"version": row.version, "words": list(_deletion_effects(deleted, live_count))}
    )


def whole_number(text: str) -> int:
    """Return an untrusted whole number; 0 for what the database cannot store."""
    return int(text) if text.isdecimal() and len(text) < 19 else 0


def _deletion_effects(deleted: list[Buddy], live_count: int) -> Iterable[str]:
    below = len(deleted) - 1
    if below:
        text = ngettext(
            "%(count)s item inside it will be deleted too.",
            "%(count)s items inside it will be deleted too.",
            below,
        )
        yield text % {"count": below}
    if live_count and not below:
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


def edit_view(
    permission: str,
) -> Callable[[Callable[[str, dict[str, Any]], None]], View]:
    """Make a view from an edit, which takes an editor and a JSON object."""

    def decorate(edit: Callable[[str, dict[str, Any]], None]) -> View:
        @wraps(edit)
        @require_POST
        def view(request: HttpRequest) -> HttpResponse:
            if not request.user.has_perm(f"buddies.{permission}"):
                return _refusal(_("You can view this but not change it."), 403)
            editor = request.user.get_username()
            before = _version()
            try:
                edit(editor, _body(request))
            except TreeError as error:
                return _refusal(str(error), 409)
            except ValidationError as error:
                return _refusal(" ".join(error.messages), 400)
            return JsonResponse(_outcome(editor, before))

        return view

    return decorate


def _refusal(message: str, status: int) -> JsonResponse:
    return JsonResponse({"error": message}, status=status)


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError, RawPostDataException):
        # The body of a form is consumed by the check of its token.
        body = None
    if not isinstance(body, dict):
        raise ValidationError(
            _("The request could not be understood. Reload the page.")
        )
    return body


def _keys(body: dict[str, Any], name: str = "ids") -> list[int]:
    keys = body.get(name)
    if not isinstance(keys, list) or len(keys) > MAX_IDS or not all(map(_is_key, keys)):
        raise ValidationError(
            _("The request could not be understood. Reload the page.")
        )
    return keys


def _is_key(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**63


def _seen(body: dict[str, Any]) -> int:
    """Return the version that the editor saw: every edit has to name it."""
    (seen,) = _keys({"seen": [body.get("seen")]}, "seen")
    return seen


def _version() -> int:
    return (Tree.objects.first() or Tree()).version


def _outcome(editor: str, before: int) -> dict[str, Any]:
    """Return the result of an edit: the changed entries, and what was done."""
    last = history.newest(editor)
    if last is None or last.version <= before:
        return {"version": before, "said": "", "entries": []}
    below, now = Count("children"), timezone.now()
    changed = Buddy.objects.filter(version=last.version).annotate(below=below)
    return {
        "version": last.version,
        "said": _edit_in_words(last),
        "entries": [_row(buddy, not buddy.below, now) for buddy in changed],
    }


def _edit_in_words(edit: history.LastEdit) -> str:
    return _("Undone: %(what)s") % {"what": edit.words} if edit.is_undo else edit.words


@edit_view("change_buddy")
def move(editor: str, body: dict[str, Any]) -> None:
    """Move entries ``ids`` to ``where`` relative to ``target``."""
    where = positions.parse_where(body.get("where"))
    target = None if body.get("target") is None else _keys({"ids": [body["target"]]})[0]
    edits.move(
        _stubs(_keys(body)),
        editor,
        None if target is None else Buddy(pk=target),
        where,
        seen=_seen(body),
    )


def _stubs(keys: list[int]) -> list[Buddy]:
    # Edits read each entry again, under the lock. Duplicates would be logged twice.
    return [Buddy(pk=key) for key in dict.fromkeys(keys)]


SWITCHES = {"mobile": "mobile_is_published", "web": "web_is_published"}


@edit_view("change_buddy")
def switch(editor: str, body: dict[str, Any]) -> None:
    """Show or hide entries ``ids``: ``mobile`` and ``web`` are true or false."""
    fields = {f: body[name] for name, f in SWITCHES.items() if name in body}
    if not fields or not all(isinstance(value, bool) for value in fields.values()):
        raise ValidationError(
            _("The request could not be understood. Reload the page.")
        )
    edits.change(_stubs(_keys(body)), editor, _seen(body), **fields)


@edit_view("add_buddy")
def duplicate(editor: str, body: dict[str, Any]) -> None:
    """Copy the one entry of ``ids`` with everything below it."""
    stubs = _stubs(_keys(body))
    if len(stubs) != 1:
        raise ValidationError(
            _("The request could not be understood. Reload the page.")
        )
    edits.duplicate(stubs, editor)


@edit_view("delete_buddy")
def remove(editor: str, body: dict[str, Any]) -> None:
    """Delete entries ``ids`` with everything below them."""
    edits.remove(_stubs(_keys(body)), editor, _seen(body))


@edit_view("change_buddy")
def undo_view(editor: str, body: dict[str, Any]) -> None:
    """Undo the editor's own edit that made version ``seen``."""
    undo(_seen(body), editor)


@allowed("publish_release")
@require_POST
def hold(request: HttpRequest) -> HttpResponse:
    """Start a hold (with ``on``), or end it.

    Ending needs ``held``, the hold that the user saw, and ``sure``.
    """
    params = request.POST
    try:
        if params.get("on"):
            review.hold(request.user.get_username())
        elif params.get("sure"):
            _end_hold(request.user.get_username(), params.get("held", ""))
        elif Tree.objects.exclude(held_at=None).exists():
            review.refuse_if_planned()
            return _confirmation_page(request)
    except ReleaseError as error:
        messages.error(request, str(error))
    return HttpResponseRedirect(reverse("admin:buddies_workspace"))


def _end_hold(editor: str, seen: str) -> None:
    with transaction.atomic():
        row = Tree.locked()
        if row.held_at is None:
            return
        if row.held_at.isoformat() != seen:
            text = _(
                "%(name)s holds the changes since: look at them before you end it."
            )
            raise ReleaseError(text % {"name": row.held_by})
        review.end_hold(editor)


def _confirmation_page(request: HttpRequest) -> HttpResponse:
    """Ask on a page what the script asks in a dialog."""
    current = state(request.user)
    held = request.POST.get("held") or current["held_at"]
    context = {"state": current, "held": held}
    title = _("End the hold?")
    return site.page(request, "admin/buddies/end_hold.html", title, context)


@allowed("change_buddy")
@require_POST
def retry(request: HttpRequest) -> HttpResponse:
    """Try again to publish the tree, and to hand it to the XMPP server."""
    releases.sync()
    wakeups.wake_stream(wakeups.RELEASE)
    return HttpResponseRedirect(reverse("admin:buddies_workspace"))
