"""Conflicts in words, and what staff can choose for each: nothing is settled silently.

Source: decision 0057, with the table of all conflicts.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from buddies.campaigns import log
from buddies.campaigns.changes import name_of
from buddies.campaigns.merge import (
    ADDRESS,
    CIRCLE,
    FIELD,
    GONE,
    INSIDE,
    KIND,
    ORDER,
    ROUTED,
    Conflict,
)
from buddies.campaigns.view import View
from buddies.models import HistoricalBuddy
from buddies.tree import history, snapshot
from buddies.tree.snapshot import PARENT, Group, Key
from xmppservice.backoffice.words import zoned_moment

# What can be chosen; the last one is done by hand.
OWN, LIVE, GROUP, OUT, DELETE, RENAME, EDIT = (
    "own",
    "live",
    "group",
    "out",
    "delete",
    "rename",
    "edit",
)


class Choice(NamedTuple):
    """What one can decide, and the words on its button."""

    name: str
    label: str


class Decision(NamedTuple):
    """A conflict in words; ``own`` and ``live`` are the two values, if it has any."""

    conflict: Conflict
    name: str
    sentence: str
    own: str
    live: str
    choices: list[Choice]


def decisions(view: View) -> list[Decision]:
    """Return what has to be decided before a campaign can go live."""
    return [decision(view, conflict) for conflict in view.conflicts]


def decision(view: View, conflict: Conflict) -> Decision:
    """Return one conflict in words."""
    return DESCRIBERS[conflict.kind](view, conflict)


# --- In words -------------------------------------------------------------------------


def _field(view: View, conflict: Conflict) -> Decision:
    key, name = str(conflict.key), conflict.detail
    own, live = (tree.entries[key][name] for tree in (view.tree, view.base.tree))
    params = _params(view, key, name)
    if name == PARENT:
        own = wanted_group(view, key)  # it may be shown elsewhere, if that is gone
        params |= {"own": _quoted(view, own), "live": _quoted(view, live)}
        sentence = _(
            "“%(name)s” is in %(live)s now; %(campaign)s puts it into %(own)s."
        )
        choices = [
            Choice(OWN, _("Move it to %(own)s") % params),
            Choice(LIVE, _("Leave it in %(live)s") % params),
            Choice(EDIT, _("Choose another group")),
        ]
        words = (str(params["own"]), str(params["live"]))
        return Decision(conflict, params["name"], sentence % params, *words, choices)
    pairs = list(log.differences(name, live, own))
    params["field"] = ", ".join(one.label for one in pairs)
    if _is_due_earlier(view, key, name):
        sentence = _(
            "“%(name)s”: a campaign that is due earlier changes “%(field)s”; "
            "%(campaign)s changes it, too."
        )
    elif params["editor"]:
        sentence = _(
            "“%(name)s”: %(editor)s changed “%(field)s” live on %(at)s; "
            "%(campaign)s changes it, too."
        )
    else:
        sentence = _(
            "“%(name)s”: “%(field)s” is another one live than %(campaign)s knew."
        )
    choices = [
        Choice(OWN, _("Use that of %(campaign)s") % params),
        Choice(LIVE, _("Keep what is live")),
        Choice(EDIT, _("Write another")),
    ]
    texts = (
        "; ".join(one.new for one in pairs),
        "; ".join(one.old for one in pairs),
    )
    return Decision(conflict, params["name"], sentence % params, *texts, choices)


def _is_due_earlier(view: View, key: Key, name: str) -> bool:
    """Whether it is an earlier campaign that changed a value, and nobody live."""
    drawn, live = view.base.tree.entries[key], view.base.live.entries.get(key)
    return live is None or live[name] != drawn[name]


def _params(view: View, key: Group, name: str = "") -> dict[str, str]:
    author = _author(key, name)
    return {
        "name": name_of(view, key),
        "campaign": view.campaign.name,
        "editor": author.editor if author else "",
        "at": zoned_moment(author.at) if author else "",
    }


def _author(key: Group, name: str) -> history.Author | None:
    """Who changed a value of an entry live; without a name, who edited it last."""
    if key is None:
        return None
    records = HistoricalBuddy.objects.filter(key=key).order_by(
        "-version", "-history_id"
    )
    newest = list(records[:50])
    if not name:
        return _author_of(newest[0]) if newest else None
    fields = snapshot.fields_of([name])
    for new, old in pairwise(newest):
        if any(_state(new, field) != _state(old, field) for field in fields):
            return _author_of(new)
    return None


def _author_of(record: HistoricalBuddy) -> history.Author:
    return history.Author(record.history_user_id, record.history_date)


def _state(record: HistoricalBuddy, field: str) -> Any:
    return getattr(record, "parent_id" if field == PARENT else field)


def _quoted(view: View, group: Group) -> str:
    return _("top level") if group is None else f"“{name_of(view, group)}”"


def _gone(view: View, conflict: Conflict) -> Decision:
    key = str(conflict.key)
    params = _params(view, key)
    if key in view.differences.removed:
        changed = log.fields_of(_differing(view, key))
        params["what"] = history.names_in_words(changed)
        sentence = _(
            "%(campaign)s deletes “%(name)s”, but %(editor)s changed it live on "
            "%(at)s: %(what)s."
        )
        choices = [Choice(OWN, _("Delete it anyway")), Choice(LIVE, _("Keep it"))]
    else:
        # One that only an earlier campaign had was never live.
        sentence = (
            _("%(editor)s deleted “%(name)s” live on %(at)s; %(campaign)s changes it.")
            if params["editor"]
            else _("“%(name)s” does not exist any more; %(campaign)s changes it.")
        )
        choices = [Choice(LIVE, _("Leave it deleted"))]
        if log.last_values(key, view.tree):
            choices.append(Choice(OWN, _("Bring it back as in %(campaign)s") % params))
    return Decision(conflict, params["name"], sentence % params, "", "", choices)


def _differing(view: View, key: Key) -> Iterator[str]:
    seen, live = view.differences.removed[key], view.base.tree.entries[key]
    return (name for name in snapshot.NAMES if seen[name] != live[name])


def _inside(view: View, conflict: Conflict) -> Decision:
    params = _params(view, conflict.detail)
    params |= {"group": params["name"], "name": name_of(view, conflict.key)}
    if conflict.detail in view.differences.removed:
        sentence = _(
            "%(campaign)s deletes “%(group)s”, but “%(name)s” was put into it live."
        )
        choices = [
            Choice(DELETE, _("Delete “%(name)s”, too") % params),
            Choice(GROUP, _("Keep the group “%(group)s”") % params),
            Choice(EDIT, _("Move “%(name)s” elsewhere") % params),
        ]
    else:
        sentence = _("“%(name)s” is to be in “%(group)s”, which is deleted.")
        choices = [Choice(OUT, _("Leave “%(name)s” out") % params)]
        if log.last_values(conflict.detail, view.tree):
            choices.append(Choice(GROUP, _("Bring “%(group)s” back") % params))
        choices.append(Choice(EDIT, _("Choose another group")))
    return Decision(conflict, params["name"], sentence % params, "", "", choices)


def _circle(view: View, conflict: Conflict) -> Decision:
    params = _params(view, conflict.key)
    params["own"] = _quoted(view, wanted_group(view, str(conflict.key)))
    sentence = _("“%(name)s” would be in %(own)s, which would be inside “%(name)s”.")
    choices = [
        Choice(LIVE, _("Leave all where they are live")),
        Choice(EDIT, _("Choose another group")),
    ]
    return Decision(conflict, params["name"], sentence % params, "", "", choices)


def wanted_group(view: View, key: Key) -> Group:
    """The group that an entry would be in if nothing spoke against it."""
    change = view.differences.changed.get(key, {}).get(PARENT)
    known = {**view.base.tree.entries, **view.differences.added}
    group: Group = change.now if change else known[key][PARENT]
    return group


def _kind(view: View, conflict: Conflict) -> Decision:
    params = _params(view, conflict.key)
    values = view.tree.entries[str(conflict.key)]
    if values["type"] == "group":
        sentence = _(
            "“%(name)s” is a group, and would have a channel's message or address."
        )
        choices = [Choice(LIVE, _("Keep it as it is live"))]
    else:
        sentence = _("“%(name)s” is a channel, and would contain others.")
        choices = [Choice(LIVE, _("Keep it as it is live"))]
    choices.append(Choice(EDIT, _("Change it by hand")))
    return Decision(conflict, params["name"], sentence % params, "", "", choices)


def _address(view: View, conflict: Conflict) -> Decision:
    own, other = own_of(view, conflict)
    params = _params(view, own) | {"other": name_of(view, other)}
    sentence = _("“%(name)s” and “%(other)s” have the same address.")
    choices = [
        Choice(RENAME, _("Give “%(name)s” a new one") % params),
        Choice(OUT, _("Leave “%(name)s” out") % params),
        Choice(EDIT, _("Change it by hand")),
    ]
    address, taken = (view.tree.entries[key]["address"] for key in (own, other))
    return Decision(
        conflict, params["name"], sentence % params, address, taken, choices
    )


def own_of(view: View, conflict: Conflict) -> tuple[Key, Key]:
    """Return the entry that the campaign gives the address, and the other one."""
    key, other = str(conflict.key), conflict.detail
    campaign = view.differences
    changed = campaign.changed.get(key, {})
    is_own = key in campaign.added or any(name in changed for name in ROUTED)
    return (key, other) if is_own else (other, key)


def _order(view: View, conflict: Conflict) -> Decision:
    params = _params(view, conflict.key)
    if conflict.key is None:
        params["name"] = _("top level")
    sentence = _("The order in “%(name)s” was changed live, and in %(campaign)s.")
    own, live = (
        ", ".join(name_of(view, key) for key in tree.order.get(conflict.key, [])[:20])
        for tree in (view.tree, view.base.tree)
    )
    choices = [
        Choice(OWN, _("Use the order of %(campaign)s") % params),
        Choice(LIVE, _("Keep the order that is live")),
    ]
    return Decision(conflict, params["name"], sentence % params, own, live, choices)


DESCRIBERS: dict[str, Callable[[View, Conflict], Decision]] = {
    FIELD: _field,
    GONE: _gone,
    INSIDE: _inside,
    CIRCLE: _circle,
    KIND: _kind,
    ADDRESS: _address,
    ORDER: _order,
}
