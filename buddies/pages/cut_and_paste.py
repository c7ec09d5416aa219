"""Cut and paste in the list of entries: without a script, a mouse or a keyboard."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.translation import gettext_lazy as _

from buddies.models import Buddy, HistoricalBuddy, Tree
from buddies.pages.desks import whole_number
from buddies.tree import edits, positions
from buddies.tree.lock import TreeError

CUT = "buddies.cut"  # in the session: the keys to move, and the version seen

CUT_ONE = (("_cut", "cut", "✂", _("Cut “%(name)s” to paste it elsewhere")),)
PASTE = (
    ("_paste", "before", "↥", _("Paste before “%(name)s”")),
    ("_paste", "last", "↳", _("Paste inside “%(name)s”")),
    ("_paste", "after", "↧", _("Paste after “%(name)s”")),
)


def buttons(buddy: Buddy) -> str:
    """Return buttons that cut an entry, or paste the cut entries next to it."""
    choices = PASTE if getattr(buddy, "can_paste", False) else CUT_ONE
    offered = (
        (name, f"{where}:{buddy.pk}", sign, label % {"name": buddy})
        for name, where, sign, label in choices
        if where != "last" or buddy.type == Buddy.Type.GROUP
    )
    return format_html_join(
        "",
        '<button class="place" name="{0}" value="{1}" title="{3}"'
        ' aria-label="{3}">{2}</button>',
        offered,
    )


def page_context(request: HttpRequest) -> dict[str, Any]:
    """Return the cut entries for the page; forget the cut if they were deleted."""
    keys = request.session.get(CUT, {}).get("ids", ())
    cut = list(Buddy.objects.filter(pk__in=keys))
    if not cut:
        request.session.pop(CUT, None)
    row = Tree.objects.first()
    return {"cut": cut, "seen": row.version if row else 0}


def apply(request: HttpRequest) -> list[Buddy]:
    """Cut, paste or drop, as posted; return the moved entries."""
    where, _colon, key = (request.POST.get("_paste") or "").partition(":")
    if where and CUT in request.session:
        return _paste(request, where, key)
    if "_cut" in request.POST:
        remember(request, [whole_number(request.POST["_cut"].partition(":")[2])])
    else:
        request.session.pop(CUT, None)
    return []


def remember(request: HttpRequest, keys: list[int]) -> None:
    """Cut entries: the next paste moves them."""
    request.session[CUT] = {"ids": keys, "seen": seen_by(request)}


def _paste(request: HttpRequest, where: str, key: str) -> list[Buddy]:
    cut = request.session[CUT]
    editor = request.user.get_username()
    target = Buddy(pk=whole_number(key)) if key else None
    stubs = [Buddy(pk=pk) for pk in cut["ids"]]
    with transaction.atomic():
        Tree.locked()
        seen = _seen_unless_own(cut, editor)
        try:
            moved = edits.move(
                stubs, editor, target, positions.parse_where(where), seen
            )
        except TreeError:
            # The cut entries have changed.
            del request.session[CUT]
            raise
    del request.session[CUT]
    return moved


def seen_by(request: HttpRequest) -> int | None:
    """The version that the page showed: of the tree, or of a campaign."""
    text = request.POST.get("seen", "")
    # A campaign without an edit has version 0.
    return whole_number(text) or (0 if text == "0" else None)


def _seen_unless_own(cut: dict[str, Any], editor: str) -> int | None:
    """Return the version seen at the cut; None if only this editor edited since."""
    records = HistoricalBuddy.objects.filter(id__in=cut["ids"]).exclude(
        history_user_id=editor
    )
    has_other_edits = records.filter(version__gt=cut["seen"] or 0).exists()
    return cut["seen"] if has_other_edits else None
