"""Releases: each accepted state of the tree becomes an immutable one.

This happens automatically after an edit; or a campaign, or staff who go back to an
older release, make it.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from buddies.models import Buddy, Campaign, Release, Tree
from buddies.publishing.draft import Draft, current_draft
from buddies.publishing.live import live_release, live_release_without_body, size_of
from buddies.tree import history
from xmppservice.runtime import wakeups

RETENTION_DAYS = 90  # after that one automatic release a day remains


def is_behind() -> bool:
    """Whether something waits to be released: an edit, a schedule, a campaign."""
    now = timezone.now()
    if Campaign.due(now).exists() or Campaign.ending(now).exists():
        return True
    tree = Tree.objects.first()
    return tree is None or not tree.is_built(now)


def lag() -> float:
    """Return how many seconds the oldest overdue change is late; 0 without one."""
    since = min(_late_since(timezone.now()), default=None)
    return 0.0 if since is None else (timezone.now() - since).total_seconds()


def _late_since(now: datetime) -> Iterator[datetime]:
    release = live_release_without_body()
    if release is not None and release.live_at is None:
        yield release.created_at
    for moment in (
        Campaign.due(now).values_list("due_at", flat=True).first(),
        Campaign.ending(now).values_list("ends_at", flat=True).first(),
    ):
        if moment is not None:
            yield moment
    tree = Tree.objects.first()
    if tree is None:
        return
    if tree.next_at is not None and tree.next_at < now:
        yield tree.next_at
    edited = history.first_after(tree.built) if tree.built < tree.version else None
    if edited is not None:
        yield edited


def seconds_until_due(seconds: float) -> float:
    """Return the seconds to wait to keep releases ``seconds`` apart, 0 for none."""
    newest = live_release()
    if newest is None:
        return 0.0
    due = newest.created_at + timedelta(seconds=seconds)
    return max(0.0, (due - timezone.now()).total_seconds())


def sync() -> Release | None:
    """Make a release of the current tree; return None if nothing changed.

    A document that cannot be sent is refused: the tree's row says why, and the
    live release stays live.
    """
    with transaction.atomic():
        # Built under the lock, so that an older draft never follows a newer one.
        tree = Tree.locked()
        return _release_if_changed(tree, current_draft())


def _release_if_changed(tree: Tree, draft: Draft) -> Release | None:
    """Record that the draft was checked; return the release, if one was made."""
    release = None
    newest = live_release()
    if not draft.refused and (newest is None or newest.body != draft.body):
        release = create(draft.body, *take_editors(tree, draft.version))
    mark_built(tree, draft)
    return release


def mark_built(tree: Tree, draft: Draft) -> None:
    tree.built, tree.next_at = draft.version, draft.next_at
    tree.size, tree.refused = draft.size, draft.refused
    tree.save(update_fields=["built", "next_at", "size", "refused", "editors"])


def take_editors(tree: Tree, version: int) -> tuple[str, str]:
    """Return the editors up to a version: the last one, and the others' names.

    This removes them from ``tree``; the caller saves it.
    """
    seen = [name for name, last in tree.editors.items() if last <= version]
    *others, author = sorted(seen, key=tree.editors.__getitem__) or [""]
    tree.editors = {n: v for n, v in tree.editors.items() if v > version}
    names = ", ".join(others)
    return author, names


def create(body: str, author: str, note: str, automatic: bool = True) -> Release:
    release = Release.objects.create(
        body=body,
        digest=digest_of(body),
        size=size_of(body),
        author=author,
        note=note[:1000],
        automatic=automatic,
    )
    wakeups.wake_stream(wakeups.RELEASE)
    return release


def digest_of(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def has_shown(buddy: Buddy) -> bool:
    """Whether clients may know an entry's addresses, because a release showed it."""
    row = Tree.objects.first() or Tree()
    return history.was_shown(buddy.pk, buddy.address, row.built)


def thin() -> int:
    """Delete old automatic releases, except each day's last; return how many.

    The live release is the last one of its day.
    """
    old = timezone.now() - timedelta(days=RETENTION_DAYS)
    last: dict[object, int] = {}
    superseded: list[int] = []
    rows = Release.objects.filter(automatic=True, pinned=False, created_at__lt=old)
    for number, made_at in rows.values_list("number", "created_at"):
        if last.setdefault(made_at.date(), number) != number:
            superseded.append(number)
    return Release.objects.filter(number__in=superseded).delete()[0]
