"""One entry in the workspace's panel: its texts and picture, and what changes them."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from buddies import answerers, avatars
from buddies.document import build
from buddies.models import Buddy
from buddies.pages.answers import nobody_answers
from buddies.pages.desks import Desk, at_a_desk, whole_number
from buddies.pages.permissions import View, allowed
from buddies.pages.places import place_of
from buddies.pages.workspace_edits import (
    Body,
    edit_view,
    not_understood,
    read_key,
    read_keys,
    read_seen,
    refusal,
)
from buddies.tree.lock import Stale

# The texts that the panel edits, and the model's fields that hold them.
TEXTS = {"name": "name", "status": "status", "message": "default_message"}


@allowed("view_buddy")
@require_GET
@at_a_desk
def entry_view(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Return one entry, and the tree's version."""
    # Read first: what is newer than the version is refused, never overwritten.
    version, number = desk.version, whole_number(request.GET.get("id", ""))
    buddy = find(desk, number)
    if buddy is None:
        return refusal(_("Someone deleted this in the meantime."), 409)
    return JsonResponse({"version": version, "entry": entry(desk, buddy)})


def find(desk: Desk, number: int) -> Buddy | None:
    """Return the entry with a number, as the desk has it."""
    if desk.campaign:
        return desk.view.by_id.get(number)
    return Buddy.objects.filter(pk=number).first()


def entry(desk: Desk, buddy: Buddy) -> dict[str, Any]:
    """Return an entry in the format of the panel."""
    unanswered = answerers.unanswered([buddy]).values()
    return {
        "key": str(buddy.pk),
        "type": buddy.type,
        **{name: getattr(buddy, field) for name, field in TEXTS.items()},
        "imageUrl": buddy.image_url,
        "thumbUrl": buddy.thumb_url,
        "mobile": buddy.mobile_is_published,
        "web": buddy.web_is_published,
        "place": place_of(desk, buddy)._asdict(),
        "remarks": build.warnings(buddy, _is_empty(desk, buddy)),
        "unanswered": "".join(map(nobody_answers, unanswered)),
    }


def _is_empty(desk: Desk, buddy: Buddy) -> bool:
    if desk.campaign:
        return all(one.parent_id != buddy.pk for one in desk.buddies())
    return not Buddy.objects.filter(parent=buddy.pk).exists()


@edit_view("change_buddy")
def write(desk: Desk, editor: str, body: Body) -> None:
    """Set the ``texts`` of the one entry of ``ids``: name, status and message.

    ``was`` are those that they replace. In a campaign, ``seen`` alone would not tell
    what somebody changed live.
    """
    stub, seen = _only(body), read_seen(body)
    fields, was = (_texts(body.get(name, {})) for name in ("texts", "was"))
    if not fields:
        raise not_understood()
    stored = find(desk, stub.pk) if desk.campaign else None
    for field, text in was.items():
        if stored and getattr(stored, field) not in (text, fields.get(field)):
            raise Stale(_("Someone changed this in the meantime."))
    desk.edits.change([stub], editor, seen, **fields)


def _texts(sent: object) -> dict[str, str]:
    """Return the texts by the model's fields that hold them."""
    if not isinstance(sent, dict) or not sent.keys() <= TEXTS.keys():
        raise not_understood()
    if not all(isinstance(text, str) for text in sent.values()):
        raise not_understood()
    return {TEXTS[name]: text for name, text in sent.items()}


def _only(body: Body) -> Buddy:
    keys = read_keys(body)
    if len(keys) != 1:
        raise not_understood()
    return Buddy(pk=keys[0])


@edit_view("add_buddy")
def create(desk: Desk, editor: str, body: Body) -> None:
    """Add a draft of a ``type``, with a ``name``, as the last one in a ``group``.

    Its ``key`` is a UUID that the script has made, so that a request which is sent
    again makes no second entry.
    """
    kind, name, group = body.get("type"), body.get("name"), body.get("group")
    if kind not in Buddy.Type.values or not isinstance(name, str):
        raise not_understood()
    buddy = Buddy(type=kind, name=name, key=_uuid(body.get("key")))
    if _is_made(desk, buddy.key):
        return
    if group is not None:
        buddy.parent_id = read_key(group)
    desk.edits.add(buddy, editor)


def _is_made(desk: Desk, key: UUID) -> bool:
    if desk.campaign:
        return str(key) in desk.view.tree.entries
    return Buddy.objects.filter(key=key).exists()


def _uuid(sent: object) -> UUID:
    try:
        return UUID(str(sent))
    except ValueError:
        raise not_understood() from None


def _upload(request: HttpRequest) -> Body:
    sent, upload = request.POST, request.FILES.get("picture")
    return {"id": sent.get("id"), "remove": sent.get("remove"), "picture": upload}


@edit_view("change_buddy", read=_upload)
def picture(desk: Desk, editor: str, body: Body) -> None:
    """Store an uploaded ``picture`` for one entry, or ``remove`` the one it has."""
    number, upload = whole_number(body["id"] or ""), body["picture"]
    if not number or (upload is None) != (body["remove"] == "1"):
        raise not_understood()
    image, thumb = ("", "") if upload is None else avatars.store(upload)
    # The newest picture wins: neither editor could merge two.
    desk.edits.change([Buddy(pk=number)], editor, image_url=image, thumb_url=thumb)


VIEWS: dict[str, View] = {
    "entry/": entry_view,
    "write/": write,
    "create/": create,
    "picture/": picture,
}
