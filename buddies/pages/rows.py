"""The rows of the workspace's grid."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from buddies import answerers
from buddies.campaigns.desk import CampaignDesk, LiveDesk
from buddies.campaigns.view import View
from buddies.document import build
from buddies.models import Buddy, Campaign, Difference
from buddies.pages.answers import nobody_answers
from buddies.tree.rebuilding import among
from buddies.tree.snapshot import Group, Key
from xmppservice.backoffice.words import day

Row = dict[str, Any]


def nested(desk: LiveDesk | CampaignDesk) -> list[Row]:
    """Return all entries as rows, each with the rows of what it holds."""
    buddies = desk.buddies()
    rows = flat(desk, buddies)
    top: list[Row] = []
    for buddy in buddies:
        if buddy.parent_id is None:
            top.append(rows[buddy.pk])
        else:
            rows[buddy.parent_id].setdefault("children", []).append(rows[buddy.pk])
    if isinstance(desk, CampaignDesk):
        return _with_removed(desk.view, top, rows)
    return top


def flat(desk: LiveDesk | CampaignDesk, buddies: list[Buddy]) -> dict[int, Row]:
    """Return a row for each entry, by its number."""
    return _marked(desk, buddies, {buddy.parent_id for buddy in buddies})


def some(desk: LiveDesk | CampaignDesk, buddies: list[Buddy]) -> list[Row]:
    """Return the rows of some entries, without the others."""
    if isinstance(desk, CampaignDesk):
        groups = {buddy.parent_id for buddy in desk.buddies()}
    else:
        numbers = [buddy.pk for buddy in buddies]
        held = Buddy.objects.filter(parent__in=numbers).order_by()
        groups = set(held.values_list("parent_id", flat=True))
    return list(_marked(desk, buddies, groups).values())


def _marked(
    desk: LiveDesk | CampaignDesk, buddies: list[Buddy], groups: set[int | None]
) -> dict[int, Row]:
    now, unanswered = timezone.now(), answerers.unanswered(buddies)
    rows = {buddy.pk: row_of(buddy, buddy.pk not in groups, now) for buddy in buddies}
    for number, jid in unanswered.items():
        row = rows[number]
        row["remark"] = ", ".join(filter(None, (row["remark"], nobody_answers(jid))))
    if isinstance(desk, CampaignDesk):
        _mark(desk.view, buddies, rows)
    else:
        _mark_live(buddies, rows)
    return rows


def row_of(buddy: Buddy, is_empty: bool, now: datetime) -> Row:
    """Return an entry in the format of the workspace's grid.

    The script knows itself which entries are drafts, and which a hidden group hides:
    ``remark`` is what is probably a mistake.
    """
    row: Row = {
        "key": str(buddy.pk),
        "uuid": str(buddy.key),
        "title": buddy.name,
        "type": buddy.type,
        "address": buddy.address,
        "picture": buddy.thumb_url or buddy.image_url,
        "text": buddy.status,
        "mobile": buddy.mobile_is_published,
        "web": buddy.web_is_published,
        "remark": ", ".join(build.warnings(buddy, is_empty)),
        "version": buddy.version,
    }
    if buddy.visible_from or buddy.visible_until:
        row |= _schedule(buddy, now)
    return row


def _schedule(buddy: Buddy, now: datetime) -> Row:
    """Return what the grid shows of a schedule, and what its dialog begins with."""
    begin, end = buddy.visible_from, buddy.visible_until
    if begin and now < begin:
        clock = _("from %(at)s") % {"at": day(begin)}
    elif end:
        clock = _("until %(at)s") % {"at": day(end)}
    else:
        clock = ""  # it has begun, for good
    return {
        "isDue": buddy.is_due(now),
        "clock": clock,
        "from": begin and _in_browser(begin),
        "until": end and _in_browser(end),
    }


def _in_browser(at: datetime) -> str:
    """A moment as the browser's own input of dates and times has it."""
    return f"{timezone.localtime(at):%Y-%m-%dT%H:%M}"


# --- What campaigns change ------------------------------------------------------------


def _mark(view: View, buddies: list[Buddy], rows: dict[int, Row]) -> None:
    """Mark what the campaign adds or changes, and what has to be decided."""
    differences = view.differences
    disputed = {one.key for one in view.conflicts} | {
        one.detail for one in view.conflicts if one.kind == "address"
    }
    notes = {
        "added": _("new in this campaign"),
        "changed": _("changed in this campaign"),
        "decision": _("has to be decided"),
    }
    for buddy in buddies:
        key = str(buddy.key)
        is_changed = key in differences.changed
        mark = "added" if key in differences.added else "changed" if is_changed else ""
        mark = "decision" if key in disputed else mark
        if mark:
            rows[buddy.pk] |= {"mark": mark, "note": str(notes[mark])}


def _mark_live(buddies: list[Buddy], rows: dict[int, Row]) -> None:
    """Mark what a campaign changes of what is live: its colour, and its name."""
    campaigns = {one.pk: one for one in Campaign.editable()}
    if not campaigns:
        return
    numbers = {buddy.key: buddy.pk for buddy in buddies}
    touched = Difference.objects.filter(campaign__in=campaigns).exclude(kind="+")
    for number, key in touched.order_by("pk").values_list("campaign", "key"):
        if key in numbers:
            row, campaign = rows[numbers[key]], campaigns[number]
            row.setdefault("pennants", []).append(campaign.colour)
            note = _("changed in the campaign “%(name)s”") % {"name": campaign.name}
            row["note"] = ", ".join(filter(None, (row.get("note"), note)))


def _with_removed(view: View, top: list[Row], rows: dict[int, Row]) -> list[Row]:
    """Show what the campaign deletes, struck through at its place."""
    removed = view.differences.removed.keys() & view.base.tree.entries.keys()
    removed -= view.tree.entries.keys()
    if not removed:
        return top
    live = {str(buddy.key): buddy for buddy in view.draw(view.base.tree)}
    shown = {str(buddy.key): rows[buddy.pk] for buddy in view.buddies}
    for key in removed:
        row = row_of(live[key], True, timezone.now())
        note = _("deleted in this campaign")
        shown[key] = {**row, "mark": "removed", "remark": "", "note": note}
    return _nested_again(view, removed, shown)


def _nested_again(
    view: View, removed: Iterable[Key], shown: Mapping[Key, Row]
) -> list[Row]:
    gone = set(removed)
    order: dict[Group, list[Row]] = {}
    for group in view.tree.order.keys() | view.base.tree.order.keys():
        own = view.tree.order.get(group, [])
        known = gone.union(own)
        old = [key for key in view.base.tree.order.get(group, []) if key in known]
        order[group] = [shown[key] for key in among(own, old)]
    for key, row in shown.items():
        row.pop("children", None)
        if order.get(key):
            row["children"] = order[key]
    return order.get(None, [])
