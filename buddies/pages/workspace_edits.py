"""The edits of the workspace's script: live, or in the campaign of its address.

Each calls a function of :mod:`buddies.tree.edits`, or the same one of a campaign.
"""

import json
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Any

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, JsonResponse, RawPostDataException
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from buddies.campaigns import log, moving
from buddies.campaigns.desk import CampaignDesk
from buddies.models import Buddy
from buddies.pages import rows
from buddies.pages.campaign_words import told_to_editors
from buddies.pages.desks import Desk, at_a_desk, may_edit
from buddies.pages.permissions import View
from buddies.pages.places import place_after
from buddies.tree import history, positions
from buddies.tree.lock import TreeError
from xmppservice.backoffice.fields import MomentField
from xmppservice.backoffice.words import number

MAX_IDS = 1000  # in one edit

Body = dict[str, Any]
EditFunction = Callable[[Desk, str, Body], None]


def edit_view(
    permission: str, *more: str, read: Callable[[HttpRequest], Body] | None = None
) -> Callable[[EditFunction], View]:
    """Make a view from an edit, which takes a desk, an editor and a JSON object.

    It needs the permission at its desk, and those of ``more`` wherever it is. ``read``
    takes the object from the request, by default from its body.
    """
    others = [f"buddies.{name}" for name in more]

    def decorate(edit: EditFunction) -> View:
        @wraps(edit)
        @require_POST
        @at_a_desk
        def view(request: HttpRequest, desk: Desk) -> HttpResponse:
            may = may_edit(request.user, desk, permission)
            if not may or not request.user.has_perms(others):
                return refusal(_("You can view this but not change it."), 403)
            editor = request.user.get_username()
            before = desk.version
            try:
                edit(desk, editor, (read or read_body)(request))
            except TreeError as error:
                return refusal(str(error), 409)
            except ValidationError as error:
                return refusal(" ".join(error.messages), 400)
            return JsonResponse(_outcome(desk, editor, before))

        return view

    return decorate


def refusal(message: str, status: int) -> JsonResponse:
    return JsonResponse({"error": message}, status=status)


def read_body(request: HttpRequest) -> Body:
    """Return the JSON object that the script sent."""
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError, RawPostDataException):
        # The body of a form is consumed by the check of its token.
        body = None
    if not isinstance(body, dict):
        raise not_understood()
    return body


def not_understood() -> ValidationError:
    return ValidationError(_("The request could not be understood. Reload the page."))


def read_keys(body: Body, name: str = "ids") -> list[int]:
    keys = body.get(name)
    if not isinstance(keys, list) or not all(map(_is_key, keys)):
        raise not_understood()
    if len(keys) > MAX_IDS:
        text = _("At most %(count)s items can be changed at once: select fewer.")
        raise ValidationError(text % {"count": number(MAX_IDS)})
    return keys


def read_key(value: Any) -> int:
    """Return the number of one entry."""
    (key,) = read_keys({"ids": [value]})
    return key


def _is_key(value: Any) -> bool:
    # Those of entries that only a campaign has are negative.
    return type(value) is int and 0 < abs(value) < 2**63


def read_seen(body: Body) -> int:
    """Return the version that the editor saw: every edit has to name it."""
    seen = body.get("seen")
    if type(seen) is not int or not 0 <= seen < 2**63:
        raise not_understood()
    return seen


def _outcome(desk: Desk, editor: str, before: int) -> dict[str, Any]:
    """Return the result of an edit: the changed entries, and what was done."""
    last = desk.newest(editor)
    if last is None or last.version <= before:
        return {
            "version": before,
            "stamp": desk.stamp,
            "said": "",
            "entries": [],
            "place": None,
        }
    if isinstance(desk, CampaignDesk):
        desk.refresh()
    changed = desk.edited(last.version)
    return {
        "version": last.version,
        "stamp": desk.stamp,
        "said": _said(desk, last),
        "entries": rows.some(desk, changed),
        "place": place_after(desk, last.version, changed)._asdict(),
    }


def _said(desk: Desk, edit: history.LastEdit) -> str:
    words = _("Undone: %(what)s") % {"what": edit.words} if edit.is_undo else edit.words
    if isinstance(desk, CampaignDesk):
        params = {"what": words, "name": desk.campaign.name}
        if log.went_live(desk.campaign, edit.version):
            return _("%(what)s, live and no longer in “%(name)s”") % params
        words = _("%(what)s, in “%(name)s”: not live") % params
    return ". ".join((words, *told_to_editors(desk, desk.edited_keys(edit.version))))


@edit_view("change_buddy")
def move(desk: Desk, editor: str, body: Body) -> None:
    """Move entries ``ids`` to ``where`` relative to ``target``."""
    where = positions.parse_where(body.get("where"))
    target = None if body.get("target") is None else read_key(body["target"])
    desk.edits.move(
        _stubs(read_keys(body)),
        editor,
        None if target is None else Buddy(pk=target),
        where,
        seen=read_seen(body),
    )


def _stubs(keys: list[int]) -> list[Buddy]:
    # Edits read each entry again, under the lock. Duplicates would be logged twice.
    return [Buddy(pk=key) for key in dict.fromkeys(keys)]


SWITCHES = {"mobile": "mobile_is_published", "web": "web_is_published"}


@edit_view("change_buddy")
def switch(desk: Desk, editor: str, body: Body) -> None:
    """Show or hide entries ``ids``: ``mobile`` and ``web`` are true or false."""
    fields = {f: body[name] for name, f in SWITCHES.items() if name in body}
    if not fields or not all(isinstance(value, bool) for value in fields.values()):
        raise not_understood()
    desk.edits.change(_stubs(read_keys(body)), editor, read_seen(body), **fields)


SCHEDULE = {"from": "visible_from", "until": "visible_until"}


@edit_view("change_buddy")
def schedule(desk: Desk, editor: str, body: Body) -> None:
    """Show entries ``ids`` only ``from`` one moment, ``until`` another one.

    Each is a date and a time in the site's time zone, or "" for always.
    """
    fields = {f: _moment(body[name]) for name, f in SCHEDULE.items() if name in body}
    if not fields:
        raise not_understood()
    desk.edits.change(_stubs(read_keys(body)), editor, read_seen(body), **fields)


def _moment(text: Any) -> datetime | None:
    if not isinstance(text, str):
        raise not_understood()
    found: datetime | None = MomentField(required=False).clean(text)
    return found


@edit_view("add_buddy")
def duplicate(desk: Desk, editor: str, body: Body) -> None:
    """Copy entries ``ids`` with everything below them."""
    desk.edits.duplicate(_stubs(read_keys(body)), editor)


@edit_view("delete_buddy")
def remove(desk: Desk, editor: str, body: Body) -> None:
    """Delete entries ``ids`` with everything below them."""
    desk.edits.remove(_stubs(read_keys(body)), editor, read_seen(body))


@edit_view("change_buddy")
def undo_view(desk: Desk, editor: str, body: Body) -> None:
    """Undo the editor's own edit that made version ``seen``."""
    desk.undo(read_seen(body), editor)


@edit_view("change_buddy")
def take_back(desk: Desk, editor: str, body: Body) -> None:
    """Take back the change of ``key`` and ``field`` that a campaign makes."""
    moving.take_back(_campaign(desk), editor, *_change(body))


@edit_view("change_buddy", "edit_live", "add_buddy", "delete_buddy")
def do_live(desk: Desk, editor: str, body: Body) -> None:
    """Make the change of ``key`` and ``field`` live now, without the campaign."""
    moving.do_live(_campaign(desk), editor, *_change(body))


def _campaign(desk: Desk) -> int:
    if desk.campaign is None:
        raise not_understood()
    return desk.campaign.pk


def _change(body: Body) -> tuple[str | None, str]:
    key, field = body.get("key"), body.get("field")
    if not isinstance(field, str) or not isinstance(key, str | None):
        raise not_understood()
    return key, field


VIEWS: dict[str, View] = {
    "move/": move,
    "switch/": switch,
    "schedule/": schedule,
    "duplicate/": duplicate,
    "remove/": remove,
    "undo/": undo_view,
    "take_back/": take_back,
    "do_live/": do_live,
}
