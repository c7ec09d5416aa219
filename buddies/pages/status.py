"""The tree's state in words: what is live, what is not yet, what is wrong."""

from typing import Any, NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.campaigns.desk import CampaignDesk, LiveDesk
from buddies.models import Release, Tree
from buddies.pages.campaign_words import (
    blocked_in_words,
    blocked_ones,
    counted,
    numbers,
    when,
)
from buddies.publishing.draft import (
    Draft,
    current_draft,
    differences,
    draft_of_view,
    refusal_in_words,
)
from buddies.publishing.live import live_release
from buddies.tree import history
from xmppservice.backoffice.words import moment
from xmppservice.connection import gateway

AMBER_SHARE = 0.8  # of the limit
SLOW_SECONDS = 10  # until what is on its way counts as late


def state(user: Any, desk: LiveDesk | CampaignDesk) -> dict[str, Any]:
    """Return the state of what is live, or of a campaign, in words for the banner."""
    if isinstance(desk, CampaignDesk):
        return _campaign_state(user, desk)
    row = Tree.objects.first() or Tree()
    release = live_release()
    statistics = _statistics(row, release)
    problem = _problem(row, release, statistics)
    tone = _tone(problem, release, statistics)
    is_live = bool(release and release.live_at and not statistics.is_behind)
    return {
        "version": row.version,
        "stamp": str(row.version),
        # What is newer is marked in the tree until it is live.
        "liveVersion": row.version if is_live else _live_version(),
        "tone": tone,
        "headline": _headline(problem, release, statistics),
        "live": _live(release),
        "problem": problem,
        "size": _size(statistics.size),
        "changes": statistics.changes,
        "undo": _undoable(desk, user.get_username()),
    }


def _campaign_state(user: Any, desk: CampaignDesk) -> dict[str, Any]:
    campaign, count = desk.campaign, numbers(desk)
    draft = draft_at(desk)
    problem = blocked_in_words(campaign, count.decisions)
    if not problem and draft.refused:
        problem = refusal_in_words(draft.refused, draft.size)
    return {
        "version": campaign.version,
        "stamp": desk.stamp,
        "tone": "error" if problem else "campaign",
        "headline": _("You are editing “%(name)s”") % {"name": campaign.name},
        "live": f"{when(campaign)} {counted(count)}",
        "problem": problem,
        "size": _size(draft.size),
        "changes": count.changes,
        "decisions": count.decisions,
        "undo": _undoable(desk, user.get_username()),
    }


def draft_at(desk: LiveDesk | CampaignDesk) -> Draft:
    """Return what clients will read: now, or at the moment of a campaign."""
    if not isinstance(desk, CampaignDesk):
        return current_draft()
    now = timezone.now()
    return draft_of_view(desk.view, max(now, desk.campaign.due_at or now))


class DraftStatistics(NamedTuple):
    """The draft's stanza in bytes, its changes not live yet, and its Tree.Refused.

    While it ``is_behind``, what is live is not the draft.
    """

    size: int
    changes: int
    refused: str
    is_behind: bool


def _statistics(row: Tree, release: Release | None) -> DraftStatistics:
    if release and not row.refused and row.size <= settings.XMPP_STANZA_LIMIT:
        is_behind = not row.is_built(timezone.now())
        # What a worker is about to do is not done here as well.
        if not is_behind or not _is_late(row):
            return DraftStatistics(row.size, 0, "", is_behind)
    # Pages poll every two seconds; the result changes only with the tree.
    number = release.number if release else 0
    key = f"draft-statistics-{row.version}-{number}-{settings.XMPP_STANZA_LIMIT}"
    result: DraftStatistics | None = cache.get(key)
    if result is None:
        draft = current_draft()
        seconds = 3600.0
        if draft.next_at:
            seconds = (draft.next_at - timezone.now()).total_seconds()
        count = len(differences(draft))
        result = DraftStatistics(draft.size, count, draft.refused, count > 0)
        cache.set(key, result, timeout=max(1, min(seconds, 3600)))
    return result


def _problem(row: Tree, release: Release | None, statistics: DraftStatistics) -> str:
    """What is wrong, in plain words; empty when nothing is."""
    if statistics.refused:
        return refusal_in_words(statistics.refused, statistics.size)
    for blocked in blocked_ones():
        return blocked
    if not gateway.is_up():
        return _(
            "The service is not connected to the XMPP server, so apps "
            "can't read the channels. It reconnects automatically."
        )
    if release and release.live_at is None and _age(release) > SLOW_SECONDS:
        return _("The XMPP server has not received this version yet.")
    if statistics.changes and _is_late(row):
        return _("Your latest edits are not live yet.")
    return ""


def _live_version() -> int:
    """Return the tree's version that clients read, while a newer one is on its way."""
    delivered = Release.objects.exclude(live_at=None).defer("body").first()
    return history.version_at(delivered.created_at) if delivered else 0


def _age(release: Release) -> float:
    return (timezone.now() - release.created_at).total_seconds()


def _is_late(row: Tree) -> bool:
    at = history.made_at(row.version)
    # Without a record nobody knows when it was made.
    return at is None or (timezone.now() - at).total_seconds() > SLOW_SECONDS


def _tone(problem: str, release: Release | None, statistics: DraftStatistics) -> str:
    if problem:
        return "error"
    is_done = release is not None and release.live_at and not statistics.is_behind
    return "ok" if is_done else "busy"


def _headline(
    problem: str, release: Release | None, statistics: DraftStatistics
) -> str:
    if problem:
        return _("Something needs your attention")
    if release is None:
        return _("Nothing is live yet")
    if release.live_at is None or statistics.is_behind:
        return _("Being sent to the XMPP server")
    return _("Everything is live")


def _live(release: Release | None) -> str:
    if release is None:
        return ""
    params = {
        "number": release.number,
        "at": moment(release.created_at),
        "author": release.author or _("the service"),
    }
    text = _("Live: version %(number)s, %(at)s, by %(author)s") % params
    if release.live_at is None:
        return text
    since = _("on the XMPP server since %(at)s") % {"at": moment(release.live_at)}
    return f"{text} · {since}"


def _size(size: int) -> dict[str, Any]:
    limit = settings.XMPP_STANZA_LIMIT
    share = size / limit
    level = "over" if share > 1 else "amber" if share >= AMBER_SHARE else "fine"
    params = {
        "size": filesizeformat(size),
        "limit": filesizeformat(limit),
        "percent": round(share * 100),
    }
    text = _("%(size)s of %(limit)s (%(percent)s %%)") % params
    return {"bytes": size, "limit": limit, "level": level, "words": text}


def _undoable(desk: LiveDesk | CampaignDesk, editor: str) -> dict[str, Any] | None:
    last = desk.newest(editor)
    if last is None or not _can_undo(desk, last.version, editor):
        return None
    text = _("Redo: %(what)s") if last.is_undo else _("Undo: %(what)s")
    return {
        "version": last.version,
        "words": text % {"what": last.words},
        # To undo an addition needs no question: the entry was made just now.
        "deletes": _deleted_again(last.added) if last.is_undo and last.added else "",
    }


def _deleted_again(count: int) -> str:
    text = ngettext(
        "%(count)s item will be deleted again.",
        "%(count)s items will be deleted again.",
        count,
    )
    return text % {"count": count}


def _can_undo(desk: LiveDesk | CampaignDesk, version: int, editor: str) -> bool:
    # Pages poll every two seconds; the result changes only with the tree.
    key = f"can-undo-{desk.stamp}-{version}-{editor}".replace(" ", "-")
    found: bool | None = cache.get(key)
    if found is None:
        found = desk.can_undo(version, editor)
        cache.set(key, found, timeout=3600)
    return found
