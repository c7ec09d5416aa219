"""Campaigns go live: each as one edit of the tree and one release, or not at all."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.campaigns import making, rows
from buddies.campaigns.base import base_of
from buddies.campaigns.edits import locked
from buddies.campaigns.ending import inverse
from buddies.campaigns.merge import Merged, merge
from buddies.campaigns.view import View, view_of
from buddies.models import Buddy, Campaign, Release, Tree
from buddies.publishing import approvals
from buddies.publishing.approvals import changed_since
from buddies.publishing.draft import ReleaseError, current_draft, refusal_in_words
from buddies.publishing.releases import create, mark_built, take_editors
from buddies.tree import snapshot, whole_tree
from buddies.tree.lock import check, editing
from buddies.tree.snapshot import Snapshot
from xmppservice.backoffice.words import zoned_moment

logger = logging.getLogger(__name__)

MAX_AHEAD = timedelta(days=5 * 366)  # of a publication
REASON = "campaign:"  # on the records of the edit that a campaign makes
State, Blocked = Campaign.State, Campaign.Blocked


class Refused(ReleaseError):
    """Why a campaign does not go live; ``code`` is what is stored of it."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code


def soon_enough(at: datetime) -> None:
    """Refuse a time of publication years ahead, which is mistyped."""
    if at > timezone.now() + MAX_AHEAD:
        raise ValidationError(_("Choose a moment within five years."))


# --- When staff say so ----------------------------------------------------------------


def publish(
    number: int,
    editor: str,
    digest: str,
    ends_at: datetime | None = None,
    breaks_glass: bool = False,
) -> Release:
    """Publish a reviewed campaign now; ``digest`` is the review's.

    Without ``ends_at`` it does not end by itself, whatever it was planned for.
    Raises ReleaseError if it has changed since, or if it can't go live.
    """
    with transaction.atomic():
        Tree.locked()
        campaign = locked(number)
        _refuse_other(campaign, digest)
        _refuse_end(timezone.now(), ends_at)
        campaign.ends_at = ends_at
        # An approval is of the end, too.
        digest = _digest(campaign)
        is_unapproved = approvals.missing(campaign, digest, editor) > 0
        if is_unapproved and not breaks_glass:
            raise _unapproved(campaign, digest, editor)
        release = _go_live(campaign, editor)
        if is_unapproved:
            approvals.log_break_glass(campaign, editor)
        return release


def _refuse_other(campaign: Campaign, digest: str) -> None:
    if _digest(campaign) != digest:
        raise ReleaseError(changed_since())


def plan(
    number: int,
    editor: str,
    digest: str,
    at: datetime,
    ends_at: datetime | None = None,
) -> Campaign:
    """Plan a reviewed campaign for a moment; it may end at another one."""
    with transaction.atomic():
        campaign = locked(number)
        _refuse_other(campaign, digest)
        _plan(campaign, editor, at, ends_at)
        return campaign


def _plan(
    campaign: Campaign, editor: str, at: datetime, ends_at: datetime | None
) -> None:
    if at <= timezone.now():
        raise ReleaseError(_("That time has passed. Choose a time in the future."))
    _refuse_end(at, ends_at)
    campaign.state, campaign.due_at, campaign.ends_at = State.PLANNED, at, ends_at
    campaign.planned_by, campaign.blocked = editor, ""
    campaign.save()


class Seen(NamedTuple):
    """What a page showed of a planned campaign: its version and its moment."""

    version: int
    due_at: datetime


class Moved(NamedTuple):
    """A campaign at its new moment, and whether its approvals are void by that."""

    campaign: Campaign
    voids_approvals: bool


def move(number: int, editor: str, at: datetime, seen: Seen) -> Moved:
    """Plan a campaign for another moment; its end stays.

    No review comes before it, so it is refused if the campaign is not as ``seen``.
    """
    with transaction.atomic():
        campaign = locked(number)
        params = {"name": campaign.name}
        if campaign.due_at is None:
            text = _("“%(name)s” is not planned any more. Review it, then plan it.")
            raise ReleaseError(text % params)
        if (campaign.version, campaign.due_at) != seen:
            text = _(
                "Someone changed “%(name)s” in the meantime. It was not moved: look at "
                "it again."
            )
            raise ReleaseError(text % params)
        if campaign.ends_at is not None and campaign.ends_at <= at:
            params["end"] = zoned_moment(campaign.ends_at)
            text = _(
                "“%(name)s” ends on %(end)s. Choose an earlier moment, or change its "
                "end in its review."
            )
            raise ReleaseError(text % params)
        before = _digest(campaign)
        _plan(campaign, editor, at, campaign.ends_at)
        return Moved(campaign, _voids(campaign, before))


def _voids(campaign: Campaign, before: str) -> bool:
    """Whether it was approved with the digest before, but not as it is now."""
    was_approved = campaign.approvals.filter(digest=before).exists()
    return was_approved and approvals.are_void(campaign, _digest(campaign))


def _digest(campaign: Campaign) -> str:
    return rows.digest(campaign, rows.read(campaign))


def _refuse_end(begin: datetime, end: datetime | None) -> None:
    if end is not None and end <= begin:
        raise ReleaseError(_("A campaign must end after it goes live."))


def unplan(number: int) -> Campaign:
    """Let a campaign go live at no moment; it stays in preparation."""
    with transaction.atomic():
        campaign = locked(number)
        campaign.state, campaign.due_at, campaign.blocked = State.OPEN, None, ""
        campaign.planned_by = ""
        campaign.save()
        return campaign


# --- At its moment --------------------------------------------------------------------


def publish_due() -> None:
    """Publish the campaigns that are due, and take back those that end.

    One that can't is blocked, and waits for a person; the others go on.
    """
    now = timezone.now()
    for number in list(Campaign.ending(now).values_list("pk", flat=True)):
        _try(number, Campaign.ending, _end)
    for number in list(Campaign.due(now).values_list("pk", flat=True)):
        _try(number, Campaign.due, _publish_planned)


Due = Callable[[datetime], "QuerySet[Campaign]"]
Step = Callable[[Campaign], Release]


def _try(number: int, due: Due, step: Step) -> None:
    """Attempt a step; if that breaks, it is tried again, and holds up nothing else."""
    try:
        _attempt(number, due, step)
    except Exception:
        logger.exception("campaign %d failed", number)


def _attempt(number: int, due: Due, step: Step) -> None:
    with transaction.atomic():
        Tree.locked()
        # Another worker may have done it, or somebody may have edited or moved it.
        found = due(timezone.now()).select_for_update().filter(pk=number)
        for campaign in found:
            try:
                with transaction.atomic():
                    step(campaign)
            except Refused as error:
                Campaign.objects.filter(pk=number).update(blocked=error.code)
                logger.warning("campaign %d is blocked: %s", number, error.code)


def _publish_planned(campaign: Campaign) -> Release:
    if campaign.ends_at is not None and campaign.ends_at <= timezone.now():
        # Nothing ran meanwhile: customers would see it for a moment.
        raise Refused(Blocked.MISSED, str(Blocked.MISSED.label))
    digest = _digest(campaign)
    if approvals.missing(campaign, digest):
        raise _unapproved(campaign, digest)
    return _go_live(campaign, campaign.planned_by)


def _unapproved(campaign: Campaign, digest: str, publisher: str = "") -> Refused:
    return Refused(
        Blocked.APPROVALS,
        approvals_in_words(approvals.missing(campaign, digest, publisher)),
    )


def approvals_in_words(count: int) -> str:
    text = ngettext(
        "%(count)s approval is missing.", "%(count)s approvals are missing.", count
    )
    return text % {"count": count}


def decisions_in_words(count: int) -> str:
    text = ngettext(
        "%(count)s decision is missing.", "%(count)s decisions are missing.", count
    )
    return text % {"count": count}


# --- Applying -------------------------------------------------------------------------


def _go_live(campaign: Campaign, editor: str) -> Release:
    merged = merge(_stored_tree(), rows.read(campaign).differences)
    if merged.conflicts and not view_of(campaign).conflicts:
        text = _(
            "It builds on campaigns that are due before it. Publish those first, or "
            "do not plan this one."
        )
        raise Refused(Blocked.CONFLICTS, text)
    done = _apply(merged, campaign, editor, campaign.name)
    campaign.state, campaign.due_at, campaign.blocked = State.PUBLISHED, None, ""
    campaign.release, campaign.tree_version = done
    campaign.save()
    # What it was made to take back has ended with it.
    ended = Campaign.objects.filter(taken_back_by=campaign, state=State.PUBLISHED)
    ended.update(
        state=State.ENDED,
        blocked="",
        ends_at=done.release.created_at,
        ended_version=done.version,
    )
    return done.release


def _stored_tree() -> Snapshot:
    # Not what is kept of it to look at: what an operator wrote by hand is live, too.
    return snapshot.of(Buddy.objects.all())


class Applied(NamedTuple):
    """What a campaign made: a release, and a version of the tree if it wrote any."""

    release: Release
    version: int | None


def _apply(merged: Merged, campaign: Campaign, editor: str, note: str) -> Applied:
    """Make the tree what was merged, and a release of it, under the tree's lock."""
    if merged.conflicts:
        words = decisions_in_words(len(merged.conflicts))
        raise Refused(Blocked.CONFLICTS, words)
    try:
        with editing(editor, f"{REASON}{campaign.pk}") as edit:
            check(whole_tree.write(edit, merged.tree))
    except ValidationError as error:
        raise Refused(Blocked.FAULT, " ".join(error.messages)) from None
    release = release_tree(editor, note)
    return Applied(release, edit.version if edit.has_written else None)


def release_tree(editor: str, note: str) -> Release:
    """Make a release of the tree, under its lock, or raise Refused."""
    draft = current_draft()
    if draft.refused:
        raise Refused(draft.refused, refusal_in_words(draft.refused, draft.size))
    tree = Tree.locked()
    take_editors(tree, draft.version)
    mark_built(tree, draft)
    return create(draft.body, editor, note, automatic=False)


# --- Taking it back -------------------------------------------------------------------


def take_back(number: int, editor: str) -> Release:
    """Take back what a campaign did: all of it.

    Raises ReleaseError if somebody edited since what it would change.
    """
    with transaction.atomic():
        Tree.locked()
        campaign = Campaign.objects.select_for_update().get(pk=number)
        _refuse_unless_live(campaign)
        return _take_back(campaign, editor)


def _refuse_unless_live(campaign: Campaign) -> None:
    if campaign.state != State.PUBLISHED:
        raise ReleaseError(_("Only a campaign that is live can be taken back."))


def _end(campaign: Campaign) -> Release:
    assert campaign.release is not None
    return _take_back(campaign, campaign.release.author)


def _take_back(campaign: Campaign, editor: str) -> Release:
    merged = merge(_stored_tree(), inverse(campaign))
    note = _("“%(name)s” has ended") % {"name": campaign.name}
    done = _apply(merged, campaign, editor, note)
    campaign.state, campaign.blocked = State.ENDED, ""
    campaign.ends_at = done.release.created_at
    campaign.ended_version = done.version
    campaign.save(update_fields=["state", "blocked", "ends_at", "ended_version"])
    return done.release


def opposite(campaign: Campaign, editor: str) -> Campaign:
    """Return a campaign that takes back what this one did, to decide about the rest.

    It is made if there is none in preparation. Raises ReleaseError unless the campaign
    is live.
    """
    with transaction.atomic():
        _refuse_unless_live(Campaign.objects.select_for_update().get(pk=campaign.pk))
        known = campaign.taken_back_by.filter(state__in=(State.OPEN, State.PLANNED))
        if found := known.first():
            return found
        name = _("Take back %(name)s") % {"name": campaign.name}
        return making.make_with(editor, name, inverse(campaign), campaign)


def keep(number: int) -> Campaign:
    """Let a campaign that is live stay so: it ends at no moment."""
    with transaction.atomic():
        campaign = Campaign.objects.select_for_update().get(pk=number)
        if campaign.state == State.PUBLISHED:
            campaign.ends_at, campaign.blocked = None, ""
            campaign.save(update_fields=["ends_at", "blocked"])
        return campaign


def taken_back(campaign: Campaign) -> View:
    """Return the view of a campaign that would take back what this one did."""
    stored = rows.Stored(rows.rows_of(inverse(campaign)), {})
    return View(campaign, base_of(), stored)
