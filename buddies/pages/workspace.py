"""The Channels workspace: one page, and what its script asks and sends as JSON.

What it sends is an edit by a function of :mod:`buddies.tree.edits`; what went wrong
comes back as ``{"error": words}``, with status 409 when somebody was faster.
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.cache import cache
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Count, Q
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    RawPostDataException,
)
from django.template.defaultfilters import filesizeformat
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import conditional_page, require_GET, require_POST

from buddies.document import build, shape
from buddies.models import Buddy, PlannedRelease, Release, Tree
from buddies.publishing import releases, review
from buddies.publishing.draft import (
    ReleaseError,
    current_draft,
    differences,
    refusal_in_words,
)
from buddies.publishing.live import document_of, live_release
from buddies.tree import edits, history, positions
from buddies.tree.editing import TreeError
from buddies.tree.undo import undo
from xmppservice.backoffice import site
from xmppservice.connection import gateway
from xmppservice.runtime import wakeups

View = Callable[..., HttpResponse]

MOST_CHANGES = 300  # on one screen
MOST_IDS = 1000  # in one edit
AMBER = 0.8  # of the limit
SLOW_SECONDS = 10  # until what is on its way is said to be late


def urls(office: AdminSite) -> list[URLPattern]:
    """The workspace's addresses, for the admin of the entries."""
    views: dict[str, View] = {
        "": page,
        "state/": state_view,
        "tree/": tree_view,
        "document/": document_view,
        "changes/": changes_view,
        "fate/": fate_view,
        "move/": move,
        "switch/": switch,
        "duplicate/": duplicate,
        "remove/": remove,
        "undo/": undo_view,
        "hold/": hold,
        "retry/": retry,
    }
    named = {"": "buddies_workspace"}
    return [
        path(
            f"channels/{below}",
            office.admin_view(view),
            name=named.get(below, f"buddies_workspace_{below.rstrip('/')}"),
        )
        for below, view in views.items()
    ]


def allowed(permission: str) -> Callable[[View], View]:
    """Let only those in who have a permission of this app."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.has_perm(f"buddies.{permission}"):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


# --- Reading --------------------------------------------------------------------


@allowed("view_buddy")
def page(request: HttpRequest) -> HttpResponse:
    """The workspace itself; its script fills it."""
    user = request.user
    context = {
        "state": state(user),
        "workspace": {"urls": _addresses(), "may": _rights(user), "words": _words()},
        "may": _rights(user),
    }
    return site.page(request, "admin/buddies/workspace.html", _("Channels"), context)


def _addresses() -> dict[str, str]:
    entry = "admin:buddies_buddy"
    return {
        **{
            name: reverse(f"admin:buddies_workspace_{name}")
            for name in READING + EDITING
        },
        "add": reverse(f"{entry}_add"),
        "edit": reverse(f"{entry}_change", args=[0]),
        "history": reverse(f"{entry}_history", args=[0]),
    }


READING = ("state", "tree", "document", "changes", "fate")
EDITING = ("move", "switch", "duplicate", "remove", "undo")


def _rights(user: Any) -> dict[str, bool]:
    return {
        **{verb: user.has_perm(f"buddies.{verb}_buddy") for verb in RIGHTS},
        "publish": user.has_perm("buddies.publish_release"),
    }


RIGHTS = ("add", "change", "delete")


@allowed("view_buddy")
@require_GET
@conditional_page
def state_view(request: HttpRequest) -> HttpResponse:
    """What the banner shows: see :func:`state`."""
    return JsonResponse(state(request.user))


def state(user: Any) -> dict[str, Any]:
    """How things stand, in words: what is live, what is not yet, what is wrong."""
    row = Tree.objects.first() or Tree()
    release = live_release()
    figures = _figures(row, release)
    problem = _problem(row, release, figures)
    is_held = row.held_at is not None
    return {
        "version": row.version,
        "tone": _tone(is_held, problem, release, figures),
        "headline": _headline(is_held, problem, release, figures),
        "live": _live(release),
        "problem": problem,
        "held": _held(row),
        "held_at": row.held_at.isoformat() if row.held_at else "",
        "going": _going(figures.changes),
        "planned": [_planned(plan) for plan in PlannedRelease.objects.all()],
        "size": _size(figures.size),
        "changes": figures.changes,
        "undo": _undoable(user.get_username()),
    }


class Figures(NamedTuple):
    """Of the draft: the bytes of its stanza, changes not live yet, Tree.Refused."""

    size: int
    changes: int
    refused: str


def _figures(row: Tree, release: Release | None) -> Figures:
    # A page asks every two seconds; the answer changes with the tree.
    number = release.number if release else 0
    key = f"figures-{row.version}-{number}-{settings.XMPP_STANZA_LIMIT}"
    found: Figures | None = cache.get(key)
    if found is None:
        draft = current_draft()
        seconds = 3600.0
        if draft.next_at:
            seconds = (draft.next_at - timezone.now()).total_seconds()
        count = len(differences(draft))
        found = Figures(draft.size, count, draft.refused)
        cache.set(key, found, timeout=max(1, min(seconds, 3600)))
    return found


def _problem(row: Tree, release: Release | None, figures: Figures) -> str:
    """What is wrong, in plain words; empty when nothing is."""
    if figures.refused:
        return refusal_in_words(figures.refused, figures.size)
    if not gateway.is_up():
        return _(
            "The service is not connected to the XMPP server, so clients cannot read "
            "the channels. It goes on by itself as soon as the server is back."
        )
    if release and release.live_at is None and _age(release) > SLOW_SECONDS:
        return _("The XMPP server has not taken this version yet.")
    if row.held_at is None and figures.changes and _is_late(row):
        return _("The last edits are not live yet.")
    return ""


def _age(release: Release) -> float:
    return (timezone.now() - release.created_at).total_seconds()


def _is_late(row: Tree) -> bool:
    at = history.made_at(row.version)
    return at is not None and (timezone.now() - at).total_seconds() > SLOW_SECONDS


def _tone(
    is_held: bool, problem: str, release: Release | None, figures: Figures
) -> str:
    if problem:
        return "error"
    if is_held:
        return "held"
    is_done = release is not None and release.live_at and not figures.changes
    return "ok" if is_done else "busy"


def _headline(
    is_held: bool, problem: str, release: Release | None, figures: Figures
) -> str:
    count = figures.changes
    if is_held:
        if not count:
            return _("On hold: no unpublished changes")
        text = ngettext(
            "On hold: %(count)s unpublished change",
            "On hold: %(count)s unpublished changes",
            count,
        )
        return text % {"count": count}
    if problem:
        return _("Something needs your attention")
    if release is None:
        return _("Nothing is live yet")
    if release.live_at is None or count:
        return _("On its way to the XMPP server")
    return _("Everything is live")


def _live(release: Release | None) -> str:
    if release is None:
        return ""
    said = {
        "number": release.number,
        "at": _moment(release.created_at),
        "author": release.author or _("the service"),
    }
    text = _("Live: version %(number)s, %(at)s, by %(author)s") % said
    if release.live_at is None:
        return text
    since = _("on the XMPP server since %(at)s") % {"at": _moment(release.live_at)}
    return f"{text} · {since}"


def _moment(at: datetime) -> str:
    # Translators: a moment, see Django's "date" filter.
    return date_format(timezone.localtime(at), _("j M Y, H:i"))


def _held(row: Tree) -> str:
    if row.held_at is None:
        return ""
    said = {"at": _moment(row.held_at), "name": row.held_by}
    text = _("Held since %(at)s by %(name)s: edits stay a draft until published.")
    scheduled = Q(visible_from__isnull=False) | Q(visible_until__isnull=False)
    if Buddy.objects.filter(scheduled).exists():
        text += " " + _("Schedules of entries wait, too.")
    return text % said


def _going(count: int) -> str:
    """What the end of a hold makes live."""
    if not count:
        return _("Nothing changes for clients now.")
    text = ngettext(
        "%(count)s change goes live now.", "%(count)s changes go live now.", count
    )
    return text % {"count": count}


def _planned(plan: PlannedRelease) -> str:
    said = {"at": _moment(plan.publish_at), "author": plan.author}
    return _("Goes live on %(at)s, planned by %(author)s") % said


def _size(size: int) -> dict[str, Any]:
    limit = settings.XMPP_STANZA_LIMIT
    share = size / limit
    level = "over" if share > 1 else "amber" if share >= AMBER else "fine"
    said = {
        "size": filesizeformat(size),
        "limit": filesizeformat(limit),
        "percent": round(share * 100),
    }
    text = _("%(size)s of %(limit)s (%(percent)s %%)") % said
    return {"bytes": size, "limit": limit, "level": level, "words": text}


def _undoable(editor: str) -> dict[str, Any] | None:
    last = history.newest(editor)
    if last is None:
        return None
    text = _("Redo: %(what)s") if last.is_undo else _("Undo: %(what)s")
    return {"version": last.version, "words": text % {"what": last.words}}


@allowed("view_buddy")
@require_GET
def tree_view(request: HttpRequest) -> HttpResponse:
    """All entries, nested, and the version of the tree that this is."""
    row = Tree.objects.first() or Tree()
    return JsonResponse({"version": row.version, "entries": _nested()})


def _nested() -> list[dict[str, Any]]:
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
    _say_what_is_covered(buddies, rows, now)
    return top


def _say_what_is_covered(
    buddies: list[Buddy], rows: dict[int, dict[str, Any]], now: datetime
) -> None:
    """Add a remark to what would be seen, were its group not hidden."""
    hidden = {b.pk for b in buddies if not (b.is_published and b.is_due(now))}
    waiting = [child for key in hidden for child in rows[key].get("children", ())]
    remark = _("its group is hidden")
    while waiting:
        row = waiting.pop()
        if int(row["key"]) not in hidden:
            row["remark"] = ", ".join(filter(None, (row["remark"], remark)))
            waiting.extend(row.get("children", ()))


def _row(buddy: Buddy, is_empty: bool, now: datetime) -> dict[str, Any]:
    """An entry as the grid of the workspace takes it."""
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
    """The document that the tree makes at this moment, for the previews."""
    draft = current_draft()
    return JsonResponse({"version": draft.version, "document": draft.document})


@allowed("view_buddy")
@require_GET
def changes_view(request: HttpRequest) -> HttpResponse:
    """What differs from what is live, in words."""
    found = differences(current_draft())
    listed = [{**c._asdict(), "label": c.label} for c in found[:MOST_CHANGES]]
    return JsonResponse({"changes": listed, "count": len(found)})


@allowed("view_buddy")
@require_GET
def fate_view(request: HttpRequest) -> HttpResponse:
    """What a deletion would take along, in words, and of which version they are."""
    # Read first: what is edited after it is refused when it is deleted.
    row = Tree.objects.first() or Tree()
    key = whole_number(request.GET.get("id", ""))
    going = edits.branch(Buddy.objects.filter(pk=key))
    if not going:
        return _refusal(_("Somebody deleted this entry in the meantime."), 409)
    live = shape.addresses(document_of(live_release()))
    seen = sum(buddy.address in live for buddy in going)
    return JsonResponse({"version": row.version, "words": list(_fate(going, seen))})


def whole_number(word: str) -> int:
    """A whole number that came from outside; 0 for what the database cannot hold."""
    return int(word) if word.isdecimal() and len(word) < 19 else 0


def _fate(going: list[Buddy], seen: int) -> Iterable[str]:
    below = len(going) - 1
    if below:
        text = ngettext(
            "It holds %(count)s entry, which goes with it.",
            "It holds %(count)s entries, which go with it.",
            below,
        )
        yield text % {"count": below}
    if seen and not below:
        yield _("Clients see it now, and lose it.")
    elif seen:
        text = ngettext(
            "Clients see %(count)s of all these now, and lose it.",
            "Clients see %(count)s of all these now, and lose them.",
            seen,
        )
        yield text % {"count": seen}
    else:
        yield _("Clients see nothing of it now.")


# --- Writing --------------------------------------------------------------------


def editing(permission: str) -> Callable[[Callable[[str, dict[str, Any]], None]], View]:
    """Make a view of an edit: of an editor and a JSON object."""

    def decorate(edit: Callable[[str, dict[str, Any]], None]) -> View:
        @wraps(edit)
        @require_POST
        def view(request: HttpRequest) -> HttpResponse:
            if not request.user.has_perm(f"buddies.{permission}"):
                return _refusal(_("You may look at this, but not change it."), 403)
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


def _refusal(words: str, status: int) -> JsonResponse:
    return JsonResponse({"error": words}, status=status)


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError, RawPostDataException):
        # A form's body is gone once its token was looked for.
        body = None
    if not isinstance(body, dict):
        raise ValidationError(_("This is not what the workspace sends."))
    return body


def _keys(body: dict[str, Any], name: str = "ids") -> list[int]:
    keys = body.get(name)
    if (
        not isinstance(keys, list)
        or len(keys) > MOST_IDS
        or not all(map(_is_key, keys))
    ):
        raise ValidationError(_("This is not what the workspace sends."))
    return keys


def _is_key(value: Any) -> bool:
    return type(value) is int and 0 < value < 2**63


def _seen(body: dict[str, Any]) -> int:
    """The version that the editor was looking at: every edit has to name it."""
    (seen,) = _keys({"seen": [body.get("seen")]}, "seen")
    return seen


def _version() -> int:
    return (Tree.objects.first() or Tree()).version


def _outcome(editor: str, before: int) -> dict[str, Any]:
    """What an edit has changed: the entries as they are now, and what was done."""
    last = history.newest(editor)
    if last is None or last.version <= before:
        return {"version": before, "said": "", "entries": []}
    below, now = Count("children"), timezone.now()
    changed = Buddy.objects.filter(version=last.version).annotate(below=below)
    return {
        "version": last.version,
        "said": _said(last),
        "entries": [_row(buddy, not buddy.below, now) for buddy in changed],
    }


def _said(done: history.LastEdit) -> str:
    return (
        _("Took back: %(what)s") % {"what": done.words} if done.is_undo else done.words
    )


@editing("change_buddy")
def move(editor: str, body: dict[str, Any]) -> None:
    """Put entries ``ids`` ``where`` with regard to ``target``."""
    where = positions.where(body.get("where"))
    target = None if body.get("target") is None else _keys({"ids": [body["target"]]})[0]
    edits.move(
        _stubs(_keys(body)),
        editor,
        None if target is None else Buddy(pk=target),
        where,
        seen=_seen(body),
    )


def _stubs(keys: list[int]) -> list[Buddy]:
    # The tree reads each entry anew, under its lock; once, or it is logged twice.
    return [Buddy(pk=key) for key in dict.fromkeys(keys)]


SWITCHES = {"mobile": "mobile_is_published", "web": "web_is_published"}


@editing("change_buddy")
def switch(editor: str, body: dict[str, Any]) -> None:
    """Show or hide entries ``ids``: ``mobile`` and ``web`` are true or false."""
    fields = {f: body[name] for name, f in SWITCHES.items() if name in body}
    if not fields or not all(isinstance(value, bool) for value in fields.values()):
        raise ValidationError(_("This is not what the workspace sends."))
    edits.change(_stubs(_keys(body)), editor, _seen(body), **fields)


@editing("add_buddy")
def duplicate(editor: str, body: dict[str, Any]) -> None:
    """Copy the one entry of ``ids`` with all below it."""
    stubs = _stubs(_keys(body))
    if len(stubs) != 1:
        raise ValidationError(_("This is not what the workspace sends."))
    edits.duplicate(stubs, editor)


@editing("delete_buddy")
def remove(editor: str, body: dict[str, Any]) -> None:
    """Delete entries ``ids`` with all below them."""
    edits.remove(_stubs(_keys(body)), editor, _seen(body))


@editing("change_buddy")
def undo_view(editor: str, body: dict[str, Any]) -> None:
    """Take back one's own edit that made version ``seen``."""
    undo(_seen(body), editor)


@allowed("publish_release")
@require_POST
def hold(request: HttpRequest) -> HttpResponse:
    """Keep edits a draft from now on (``on`` given), or let them go live.

    The end of a hold names the one that was seen, ``held``, and is ``sure``.
    """
    said = request.POST
    try:
        if said.get("on"):
            review.hold(request.user.get_username())
        elif said.get("sure"):
            _end_hold(request.user.get_username(), said.get("held", ""))
        elif Tree.objects.exclude(held_at=None).exists():
            return _ask_to_end(request)
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
        review.let_go(editor)


def _ask_to_end(request: HttpRequest) -> HttpResponse:
    """The question that the script asks in a dialog, as a page."""
    now = state(request.user)
    held = request.POST.get("held") or now["held_at"]
    context = {"state": now, "held": held}
    title = _("End the hold?")
    return site.page(request, "admin/buddies/end_hold.html", title, context)


@allowed("change_buddy")
@require_POST
def retry(request: HttpRequest) -> HttpResponse:
    """Try again to make the tree live, and to hand it to the XMPP server."""
    releases.sync()
    wakeups.stream(wakeups.RELEASE)
    return HttpResponseRedirect(reverse("admin:buddies_workspace"))


def _words() -> dict[str, str]:
    """What the script says by itself."""
    return {
        "name": _("Name"),
        "status": _("Status text"),
        "mobile": _("Mobile"),
        "web": _("Web"),
        "actions": _("Actions"),
        "edit": _("Edit"),
        "addChannel": _("Add a channel inside"),
        "addGroup": _("Add a group inside"),
        "moveTo": _("Move to …"),
        "duplicate": _("Duplicate with all below"),
        "hide": _("Hide everywhere"),
        "history": _("History"),
        "delete": _("Delete …"),
        "undo": _("Undo"),
        "cancel": _("Cancel"),
        "group": _("Group"),
        "channel": _("Channel"),
        "top": _("Top level"),
        "tree": _("Groups and channels"),
        "noMatch": _("Nothing found"),
        "none": _("No differences: what you see is what is live."),
        "more": _("and more: %s in all"),
        "offline": _("The service does not answer. Trying again …"),
        "deleteTitle": _("Delete “%s”?"),
        "moveTitle": _("Move “%s” to"),
        "gone": _("Somebody deleted this entry in the meantime."),
        "reloaded": _("Here is how it stands now."),
        "endTitle": _("End the hold?"),
        "endHold": _("End hold"),
        "loggedOut": _("You are logged out: load the page again."),
        "loggedOutShort": _("You are logged out"),
        "logIn": _("Log in again"),
        **preview_words(),
    }


def preview_words() -> dict[str, str]:
    """What a preview says by itself."""
    return {
        "showAll": _("Show all %s"),
        "empty": _("Nothing is shown here yet. Switch on an entry to see it."),
        "chats": _("Chats"),
        "message": _("Write a message"),
        "back": _("Back"),
    }
