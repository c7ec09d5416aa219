"""What a campaign would change for clients, and what speaks against it."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.campaigns import changes, rows
from buddies.campaigns.changes import CampaignChange
from buddies.campaigns.collisions import collisions
from buddies.campaigns.view import View, view_of
from buddies.document import build, diff, shape
from buddies.document.diff import DocumentChange
from buddies.document.shape import Document
from buddies.models import Approval, Buddy, Campaign, HistoricalBuddy
from buddies.publishing import approvals
from buddies.publishing.applying import approvals_in_words, decisions_in_words
from buddies.publishing.draft import Draft, draft_of, draft_of_view, refusal_in_words
from buddies.tree import history
from buddies.tree.lock import find_faults
from xmppservice.backoffice.words import zoned_moment

MAX_NAMES = 5  # in a warning


class Review(NamedTuple):
    """What publishing a campaign would change.

    ``digest`` identifies what was reviewed. ``lines`` are all changes of the campaign,
    ``changes`` those that clients will see, at the moment ``at``. With ``errors`` it
    can't go live; ``warnings`` do not prevent that.
    """

    view: View
    draft: Draft
    document: Document
    at: datetime
    digest: str
    lines: list[CampaignChange]
    changes: list[DocumentChange]
    errors: list[str]
    warnings: list[str]
    approvals: list[Approval]


def review(campaign: Campaign, publisher: str = "") -> Review:
    """Review a campaign, as it would be at its moment or now."""
    view = view_of(campaign)
    at = max(timezone.now(), campaign.due_at or timezone.now())
    draft = draft_of_view(view, at)
    document = draft.document
    before = draft_of(snapshot_before(view), campaign.version, at)
    digest = rows.digest(campaign, view.stored)
    return Review(
        view,
        draft,
        document,
        at,
        digest,
        changes.changes(view),
        diff.hidden(
            diff.between(before.document, document),
            {buddy.address for buddy in view.buddies},
        ),
        list(_errors(view, draft, digest, publisher)),
        [*_warnings(document, view, at), *_since(view), *_others(view)],
        list(approvals.valid(campaign, digest, publisher)),
    )


def snapshot_before(view: View) -> list[Buddy]:
    """Return the entries as they would be without the campaign."""
    return view.draw(view.base.tree)


def _errors(view: View, draft: Draft, digest: str, publisher: str) -> Iterator[str]:
    if view.conflicts:
        yield decisions_in_words(len(view.conflicts))
    if draft.refused:
        yield refusal_in_words(draft.refused, draft.size)
    yield from _faults(view)
    campaign = view.campaign
    if approvals.are_void(campaign, digest):
        yield _("It was approved, but it has changed since: the approval is void.")
    if count := approvals.missing(campaign, digest, publisher):
        yield approvals_in_words(count)


def _faults(view: View) -> Iterator[str]:
    touched = changes.touched(view.differences)
    own = [buddy for buddy in view.buddies if str(buddy.key) in touched]
    # Where a person has to decide, what follows from it is no fault yet.
    if not view.conflicts:
        for buddy, fault in find_faults(own, among=view.buddies):
            yield fault.about(buddy)


def _since(view: View) -> Iterator[str]:
    """Warn of what was done live to the same entries, and left no conflict."""
    campaign = view.campaign
    for key in changes.touched(view.differences) & view.base.live.entries.keys():
        mine = campaign.log.filter(key=key).order_by("-pk").first()
        known = HistoricalBuddy.objects.filter(key=key).order_by("history_id")
        newer = list(known.filter(history_date__gt=mine.at)) if mine else []
        before = known.filter(history_date__lte=mine.at).last() if mine else None
        for old, new in zip([before, *newer], newer, strict=False):
            if old and (words := _switched_off(view, key, old, new)):
                yield words


def _others(view: View) -> Iterator[str]:
    """Warn of other campaigns that want something else: weeks ahead, not on the day."""
    for other in collisions(view):
        keys = dict.fromkeys(conflict.key for conflict in other.conflicts)
        names = [changes.name_of(view, key) for key in keys if key is not None]
        params = {
            "campaign": other.campaign.name,
            "names": names_in_words(names) or _("the top level"),
        }
        text = _("The campaign “%(campaign)s” wants something else with %(names)s.")
        yield text % params


def _switched_off(
    view: View, key: str, old: HistoricalBuddy, new: HistoricalBuddy
) -> str:
    off = {
        name for name in history.FLAGS if getattr(old, name) and not getattr(new, name)
    }
    shown = (
        {name for name in off if view.tree.entries[key][name]}
        if key in view.tree.entries
        else set()
    )
    if not off:
        return ""
    params = {
        "name": changes.name_of(view, key),
        "editor": new.history_user_id,
        "at": zoned_moment(new.history_date),
        "campaign": view.campaign.name,
    }
    if shown:
        text = _(
            "“%(name)s” was switched off live by %(editor)s on %(at)s; %(campaign)s "
            "switches it on."
        )
    else:
        text = _(
            "“%(name)s” was switched off live by %(editor)s on %(at)s; it stays off."
        )
    return text % params


def _warnings(document: Document, view: View, at: datetime) -> Iterator[str]:
    # Only the tree has these: clients see neither a fault nor an empty group.
    buddies = view.by_id
    touched = changes.touched(view.differences)
    withheld = build.withheld(buddies.values(), at)
    for key, fault in withheld.items():
        if str(buddies[key].key) not in touched:
            continue
        text = _("Not shown to apps until you correct it: %(fault)s")
        yield text % {"fault": fault.about(buddies[key])}
    own = {
        view.tree.entries[key]["address"] for key in touched & view.tree.entries.keys()
    }
    every_item = list(shape.items(document))
    shown = {item["address"] for item in every_item}
    # What is live without a picture is no news for who reviews the campaign.
    items = [item for item in every_item if item["address"] in own]
    without_picture = [
        i for i in items if not (i["info"]["imageUrl"] or i["info"]["thumbUrl"])
    ]
    results = {
        _("No picture: %(names)s."): [item["info"]["name"] for item in without_picture],
        _("Contains escaped text such as &amp;: %(names)s."): [
            item["info"]["name"] for item in items if build.looks_escaped(item)
        ],
        _("Empty groups, not shown to apps: %(names)s."): [
            str(buddy)
            for buddy in _switched_on(buddies, withheld, at)
            if buddy.type == Buddy.Type.GROUP and buddy.address in own - shown
        ],
    }
    for text, names in results.items():
        if names:
            yield text % {"names": names_in_words(names)}


def _switched_on(
    buddies: Mapping[int, Buddy], withheld: Collection[int], at: datetime
) -> Iterator[Buddy]:
    """Yield entries that clients would see if no group were empty."""
    for buddy in buddies.values():
        above: Buddy | None = buddy
        while above and above.is_published and above.is_due(at):
            if above.pk in withheld:
                break
            above = buddies.get(above.parent_id or 0)
        if above is None:
            yield buddy


def names_in_words(names: list[str]) -> str:
    """List the first names, and how many more there are."""
    more = len(names) - MAX_NAMES
    listed = ", ".join(f"“{name}”" for name in names[:MAX_NAMES])
    if more <= 0:
        return listed
    text = ngettext(
        "%(listed)s and %(more)s more", "%(listed)s and %(more)s more", more
    )
    return text % {"listed": listed, "more": more}
