"""What staff decide: publishing, planning, holding, rolling back."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.document import build, parse, shape
from buddies.document.diff import DocumentChange
from buddies.document.shape import Item
from buddies.models import Buddy, PlannedRelease, Release, Tree
from buddies.publishing.draft import (
    Draft,
    ReleaseError,
    current_draft,
    differences,
    refusal_in_words,
)
from buddies.publishing.live import live_release
from buddies.publishing.releases import create, digest_of, mark_built, take_editors
from buddies.tree import whole_tree
from xmppservice.runtime import wakeups

MAX_NAMES = 5  # in a warning


def hold(editor: str) -> None:
    """Keep edits a draft from now on."""
    with transaction.atomic():
        _hold(Tree.locked(), editor)


def _hold(tree: Tree, editor: str) -> None:
    if tree.held_at is None:
        tree.held_at, tree.held_by = timezone.now(), editor
        tree.save(update_fields=["held_at", "held_by"])


def end_hold(editor: str) -> None:
    """Publish the draft, and let edits go live automatically again.

    The ``editor`` is the author of what goes live.
    """
    with transaction.atomic():
        tree = Tree.locked()
        if PlannedRelease.objects.exists():
            text = _("A version is planned, and would be undone: cancel it first.")
            raise ReleaseError(text)
        # What was published last may be older than the tree.
        tree.held_at, tree.held_by, tree.next_at = None, "", timezone.now()
        tree.editors.pop(editor, None)
        tree.editors[editor] = tree.version
        tree.save(update_fields=["held_at", "held_by", "next_at", "editors"])
        wakeups.wake_worker(wakeups.SYNC_VCARD)


class Review(NamedTuple):
    """What publishing the current tree would change.

    ``digest`` identifies the reviewed document. With ``errors`` it cannot be
    published; ``warnings`` do not prevent that.
    """

    draft: Draft
    digest: str
    changes: list[DocumentChange]
    errors: list[str]
    warnings: list[str]


def review_draft() -> Review:
    """Compare the draft with the live release."""
    draft = current_draft()
    errors, warnings = list(_errors(draft)), list(_warnings(draft))
    return Review(draft, digest_of(draft.body), differences(draft), errors, warnings)


def _errors(draft: Draft) -> Iterator[str]:
    if draft.refused:
        yield refusal_in_words(draft.refused, draft.size)
    taken: dict[str, Item] = {}
    for item in shape.items(draft.document):
        name = item["info"]["name"]
        if not name.strip():
            yield _("%(address)s has no name.") % {"address": item["address"]}
        if item["type"] == Buddy.Type.CHANNEL and not item.get("serverAddress"):
            # It is a JID's localpart, which ignores case (RFC 7622, 3.3).
            other = taken.setdefault(item["address"].casefold(), item)
            if other is not item:
                text = _("“%(name)s” and “%(other)s” have the same address.")
                yield text % {"name": name, "other": other["info"]["name"]}


def _warnings(draft: Draft) -> Iterator[str]:
    items = list(shape.items(draft.document))
    without_picture = [
        i for i in items if not (i["info"]["imageUrl"] or i["info"]["thumbUrl"])
    ]
    results = {
        _("No picture: %(names)s."): [item["info"]["name"] for item in without_picture],
        _("Contains escaped text such as &amp;: %(names)s."): [
            item["info"]["name"] for item in items if build.looks_escaped(item)
        ],
        _("Empty groups, not shown to apps: %(names)s."): [
            str(group) for group in _empty_groups(shape.addresses(draft.document))
        ],
    }
    for text, names in results.items():
        if names:
            yield text % {"names": _listed(names)}


def _empty_groups(shown: set[str]) -> Iterator[Buddy]:
    """Yield groups that would be shown if they were not empty."""
    # Only the tree has them: clients never see an empty group.
    stored = Buddy.objects.filter(type=Buddy.Type.GROUP)
    groups: dict[int | None, Buddy] = {group.pk: group for group in stored}
    now = timezone.now()
    for group in groups.values():
        above: Buddy | None = group
        while above and above.is_published and above.is_due(now):
            above = groups.get(above.parent_id)
        if above is None and group.address not in shown:
            yield group


def _listed(names: list[str]) -> str:
    more = len(names) - MAX_NAMES
    listed = ", ".join(f"“{name}”" for name in names[:MAX_NAMES])
    if more <= 0:
        return listed
    text = ngettext(
        "%(listed)s and %(more)s more", "%(listed)s and %(more)s more", more
    )
    return text % {"listed": listed, "more": more}


def publish(
    editor: str, note: str, digest: str, at: datetime | None = None
) -> Release | PlannedRelease:
    """Publish the reviewed document, now or at a future time.

    ``digest`` is the review's. Raises ReleaseError if the tree has changed
    since, or if there are errors.
    """
    with transaction.atomic():
        tree, draft = Tree.locked(), current_draft()
        if digest_of(draft.body) != digest:
            text = _(
                "Someone changed the channels in the meantime. Review the "
                "changes again."
            )
            raise ReleaseError(text)
        for error in _errors(draft):
            raise ReleaseError(error)
        if (newest := live_release()) and newest.body == draft.body:
            raise ReleaseError(_("There are no changes to publish."))
        if at is not None:
            return _plan(tree, draft, editor, note, at)
        _refuse_if_planned()
        take_editors(tree, draft.version)
        mark_built(tree, draft)
        return create(draft.body, editor, note, automatic=False)


def _refuse_if_planned() -> None:
    if PlannedRelease.objects.exists():
        text = _("A version is planned, and would replace this: cancel it first.")
        raise ReleaseError(text)


def _plan(
    tree: Tree, draft: Draft, editor: str, note: str, at: datetime
) -> PlannedRelease:
    if at <= timezone.now():
        raise ReleaseError(_("That time has passed. Choose a time in the future."))
    if PlannedRelease.objects.filter(body=draft.body).exists():
        raise ReleaseError(_("This version is already scheduled."))
    # The next edit would go live by itself, and the plan would undo it.
    _hold(tree, editor)
    return PlannedRelease.objects.create(
        body=draft.body,
        author=editor,
        note=note,
        publish_at=at,
        version=draft.version,
    )


def publish_planned() -> None:
    """Make a release of each plan that is due."""
    due = PlannedRelease.objects.filter(publish_at__lte=timezone.now())
    if not due.exists():
        return  # without the lock, which may block
    with transaction.atomic():
        tree = Tree.locked()
        for plan in due:
            create(plan.body, plan.author, plan.note, automatic=False)
            take_editors(tree, plan.version)
            tree.built = max(tree.built, plan.version)
            plan.delete()
        tree.save(update_fields=["built", "editors"])


def cancel(key: int) -> None:
    """Cancel a planned release; raises ReleaseError if it does not exist."""
    with transaction.atomic():
        # A plan that is going live at this moment cannot be cancelled.
        Tree.locked()
        if not PlannedRelease.objects.filter(pk=key).delete()[0]:
            raise ReleaseError(_("It is not planned any more."))


def publish_again(release: Release, editor: str) -> Release:
    """Make an older release live again, and hold the tree: an edit would undo it."""
    with transaction.atomic():
        tree = Tree.locked()
        _refuse_if_planned()
        if (newest := live_release()) and newest.body == release.body:
            raise ReleaseError(_("This version is live."))
        if release.size > settings.XMPP_STANZA_LIMIT:
            raise ReleaseError(refusal_in_words(Tree.Refused.TOO_LARGE, release.size))
        _hold(tree, editor)
        note = _("version %(number)s again") % {"number": release.number}
        return create(release.body, editor, note, automatic=False)


def restore(release: Release, editor: str) -> None:
    """Restore the tree of a release, as a draft: this holds the tree."""
    with transaction.atomic():
        _hold(Tree.locked(), editor)
        whole_tree.rebuild(str(release), parse.loads(release.body), editor)
