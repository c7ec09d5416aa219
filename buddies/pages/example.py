"""An example to begin with: a small tree, as drafts."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from buddies.document import parse
from buddies.document.shape import Item
from buddies.models import new_address
from buddies.pages.desks import Desk
from buddies.pages.workspace_edits import Body, edit_view, not_understood
from buddies.tree import whole_tree


@edit_view("add_buddy")
def load(desk: Desk, editor: str, body: Body) -> None:
    """Add a group and three channels to a tree that is empty, in one edit."""
    if desk.campaign:
        raise not_understood()
    if desk.buddies():
        raise ValidationError(_("There are channels already."))
    nodes = list(parse.read({"items": _items()}))
    whole_tree.load([("example", nodes)], editor, replace=False)


def _items() -> list[Item]:
    hello = _("Hello! How can we help?")
    inside = [
        _item(_("Orders"), _("Where is my parcel?"), hello),
        _item(_("Opening hours"), _("When are we open?"), hello),
    ]
    return [
        {**_item(_("Shop"), _("Orders and opening hours")), "items": inside},
        _item(_("News"), _("What is new this week"), _("Welcome!")),
    ]


def _item(name: str, status: str, message: str = "") -> dict[str, Any]:
    """A channel or, without a message, a group: nobody sees it yet."""
    info = {"name": name, "status": status, "thumbUrl": "", "imageUrl": ""}
    return {
        "address": new_address(),
        "type": "channel" if message else "group",
        "mobileIsPublished": False,
        "webIsPublished": False,
        "info": {**info, **({"defaultMessage": message} if message else {})},
    }


VIEWS = {"example/": load}
