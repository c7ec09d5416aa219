"""The tree's state in words: what is live, what is not yet, what is wrong."""

from typing import Any, NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.db.models import Q
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.models import Buddy, PlannedRelease, Release, Tree
from buddies.publishing import review
from buddies.publishing.draft import current_draft, differences, refusal_in_words
from buddies.publishing.live import live_release
from buddies.tree import history
from xmppservice.backoffice.words import moment, zoned_moment
from xmppservice.connection import gateway

AMBER_SHARE = 0.8  # of the limit
SLOW_SECONDS = 10  # until what is on its way counts as late


def state(user: Any) -> dict[str, Any]:
    """Return the tree's state, in words for the banner."""
    row = Tree.objects.first() or Tree()
    release = live_release()
    statistics = _statistics(row, release)
    problem = _problem(row, release, statistics)
    is_held = row.held_at is not None
    plans = PlannedRelease.objects.defer("body")
    return {
        "version": row.version,
        "tone": _tone(is_held, problem, release, statistics),
        "headline": _headline(is_held, problem, release, statistics),
        "live": _live(release),
        "problem": problem,
        "held": _held(row),
        "held_at": row.held_at.isoformat() if row.held_at else "",
        "going": _pending_in_words(statistics.changes),
        "planned": [planned_in_words(plan) for plan in plans],
        "size": _size(statistics.size),
        "changes": statistics.changes,
        "undo": _undoable(user.get_username()),
    }


class DraftStatistics(NamedTuple):
    """The draft's stanza in bytes, its changes not live yet, and its Tree.Refused."""

    size: int
    changes: int
    refused: str


def _statistics(row: Tree, release: Release | None) -> DraftStatistics:
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
        result = DraftStatistics(draft.size, count, draft.refused)
        cache.set(key, result, timeout=max(1, min(seconds, 3600)))
    return result


def _problem(row: Tree, release: Release | None, statistics: DraftStatistics) -> str:
    """What is wrong, in plain words; empty when nothing is."""
    if statistics.refused:
        return refusal_in_words(statistics.refused, statistics.size)
    if PlannedRelease.objects.exclude(conflicts=[]).exists():
        return _("A planned version did not go live: it would undo newer changes.")
    if not gateway.is_up():
        return _(
            "The service is not connected to the XMPP server, so apps "
            "can't read the channels. It reconnects automatically."
        )
    if release and release.live_at is None and _age(release) > SLOW_SECONDS:
        return _("The XMPP server has not received this version yet.")
    if row.held_at is None and statistics.changes and _is_late(row):
        return _("Your latest edits are not live yet.")
    return ""


def _age(release: Release) -> float:
    return (timezone.now() - release.created_at).total_seconds()


def _is_late(row: Tree) -> bool:
    at = history.made_at(row.version)
    return at is not None and (timezone.now() - at).total_seconds() > SLOW_SECONDS


def _tone(
    is_held: bool, problem: str, release: Release | None, statistics: DraftStatistics
) -> str:
    if problem:
        return "error"
    if is_held:
        return "held"
    is_done = release is not None and release.live_at and not statistics.changes
    return "ok" if is_done else "busy"


def _headline(
    is_held: bool, problem: str, release: Release | None, statistics: DraftStatistics
) -> str:
    count = statistics.changes
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


def _held(row: Tree) -> str:
    if row.held_at is None:
        return ""
    params = {"at": moment(row.held_at), "name": row.held_by}
    text = _("Held since %(at)s by %(name)s: edits stay a draft until published.")
    scheduled = Q(visible_from__isnull=False) | Q(visible_until__isnull=False)
    if Buddy.objects.filter(scheduled).exists():
        text += " " + _("Schedules wait, too.")
    if PlannedRelease.objects.exists():
        text += " " + _("To end the hold, cancel the planned version in “Versions”.")
    return text % params


def _pending_in_words(count: int) -> str:
    """What the end of a hold makes live."""
    if not count:
        return _("Nothing changes for apps now.")
    text = ngettext(
        "%(count)s change goes live now.", "%(count)s changes go live now.", count
    )
    return text % {"count": count}


def planned_in_words(plan: PlannedRelease) -> str:
    """When a plan goes live, or why it does not."""
    params = {"at": zoned_moment(plan.publish_at), "author": plan.author}
    if not plan.conflicts:
        return _("Goes live on %(at)s, planned by %(author)s") % params
    text = _(
        "Did not go live on %(at)s, as %(author)s planned: it would undo what went "
        "live since (%(names)s). Cancel it, then review and publish again."
    )
    return text % {**params, "names": review.names_in_words(plan.conflicts)}


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


def _undoable(editor: str) -> dict[str, Any] | None:
    last = history.newest(editor)
    if last is None:
        return None
    text = _("Redo: %(what)s") if last.is_undo else _("Undo: %(what)s")
    return {"version": last.version, "words": text % {"what": last.words}}
