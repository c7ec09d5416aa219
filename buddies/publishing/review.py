"""What staff decide: publishing, planning, holding, rolling back."""

import logging
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.document import build, judgement, parse, shape
from buddies.document.conflicts import undone
from buddies.document.diff import DocumentChange
from buddies.document.shape import DocumentError
from buddies.models import Buddy, PlannedRelease, Release, Tree
from buddies.publishing.draft import (
    Draft,
    ReleaseError,
    current_draft,
    differences,
    refusal_in_words,
)
from buddies.publishing.live import document_of, live_release
from buddies.publishing.releases import create, digest_of, mark_built, take_editors
from buddies.tree import whole_tree
from xmppservice.backoffice.words import zoned_moment
from xmppservice.runtime import wakeups

logger = logging.getLogger(__name__)

MAX_NAMES = 5  # in a warning
MAX_AHEAD = timedelta(days=5 * 366)  # of a publication


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
        refuse_if_planned()
        # What was published last may be older than the tree.
        tree.held_at, tree.held_by, tree.next_at = None, "", timezone.now()
        tree.editors.pop(editor, None)
        tree.editors[editor] = tree.version
        tree.save(update_fields=["held_at", "held_by", "next_at", "editors"])
        wakeups.wake_worker(wakeups.SYNC_VCARD)


class Review(NamedTuple):
    """What publishing the current tree would change.

    ``digest`` identifies the reviewed document, and the release that it would
    replace. With ``errors`` it cannot be published; ``warnings`` do not prevent that.
    """

    draft: Draft
    digest: str
    changes: list[DocumentChange]
    errors: list[str]
    warnings: list[str]


def review_draft() -> Review:
    """Compare the draft with the live release."""
    draft = current_draft()
    errors = [*_plans_in_words(), *_errors(draft)]
    warnings = list(_warnings(draft))
    digest = _review_digest(draft, live_release())
    return Review(draft, digest, differences(draft), errors, warnings)


def _review_digest(draft: Draft, newest: Release | None) -> str:
    # Another release may have been made live while the tree stayed as it is.
    return digest_of(f"{newest.number if newest else 0} {draft.body}")


def _errors(draft: Draft) -> Iterator[str]:
    if draft.refused:
        yield refusal_in_words(draft.refused, draft.size)


def _warnings(draft: Draft) -> Iterator[str]:
    # Only the tree has these: clients see neither a fault nor an empty group.
    buddies = {buddy.pk: buddy for buddy in Buddy.objects.all()}
    now = timezone.now()
    withheld = build.withheld(buddies.values(), now)
    for key, fault in withheld.items():
        text = _("Not shown to apps until you correct it: %(fault)s")
        yield text % {"fault": fault.about(buddies[key])}
    items = list(shape.items(draft.document))
    shown = {item["address"] for item in items}
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
            for buddy in _switched_on(buddies, withheld, now)
            if buddy.type == Buddy.Type.GROUP and buddy.address not in shown
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


def soon_enough(at: datetime) -> None:
    """Refuse a time of publication years ahead, which is mistyped."""
    if at > timezone.now() + MAX_AHEAD:
        raise ValidationError(_("Choose a moment within five years."))


def publish(
    editor: str, note: str, digest: str, at: datetime | None = None
) -> Release | PlannedRelease:
    """Publish the reviewed document, now or at a future time.

    ``digest`` is the review's. Raises ReleaseError if the tree or the live release
    has changed since, if a release is planned, or if there are errors.
    """
    with transaction.atomic():
        tree, draft, newest = Tree.locked(), current_draft(), live_release()
        refuse_if_planned()
        if newest and newest.body == draft.body:
            raise ReleaseError(_("There are no changes to publish."))
        if _review_digest(draft, newest) != digest:
            text = _(
                "Someone changed the channels in the meantime. Review the "
                "changes again."
            )
            raise ReleaseError(text)
        for error in _errors(draft):
            raise ReleaseError(error)
        if at is not None:
            return _plan(tree, draft, newest, editor, note, at)
        take_editors(tree, draft.version)
        mark_built(tree, draft)
        return create(draft.body, editor, note, automatic=False)


def refuse_if_planned() -> None:
    """Raise ReleaseError if a release is planned, which must be cancelled first."""
    for text in _plans_in_words():
        raise ReleaseError(text)


def _plans_in_words() -> Iterator[str]:
    """Yield why nothing else can go live: two plans would undo each other."""
    for plan in PlannedRelease.objects.defer("body"):
        text = _("%(author)s planned a version for %(at)s. Cancel that plan first.")
        yield text % {"author": plan.author, "at": zoned_moment(plan.publish_at)}


def _plan(
    tree: Tree,
    draft: Draft,
    newest: Release | None,
    editor: str,
    note: str,
    at: datetime,
) -> PlannedRelease:
    if at <= timezone.now():
        raise ReleaseError(_("That time has passed. Choose a time in the future."))
    # The next edit would go live by itself, and the plan would undo it.
    _hold(tree, editor)
    return PlannedRelease.objects.create(
        body=draft.body,
        author=editor,
        note=note,
        publish_at=at,
        version=draft.version,
        base=newest.number if newest else 0,
    )


def publish_planned() -> None:
    """Make a release of each plan that is due, unless it would undo a newer one."""
    due = PlannedRelease.due(timezone.now())
    if not due.exists():
        return  # without the lock, which may block
    with transaction.atomic():
        tree = Tree.locked()
        for plan in due:
            plan.conflicts = _conflicts(plan)
            if plan.conflicts:
                plan.save(update_fields=["conflicts"])
                logger.warning("plan %d waits: it would undo newer changes", plan.pk)
                continue
            create(plan.body, plan.author, plan.note, automatic=False)
            take_editors(tree, plan.version)
            tree.built = max(tree.built, plan.version)
            plan.delete()
        tree.save(update_fields=["built", "editors"])


def _conflicts(plan: PlannedRelease) -> list[str]:
    """Return the names of what went live after a plan's review and is not in it."""
    newest = live_release()
    if newest is None or newest.number == plan.base:
        return []
    reviewed = Release.objects.filter(number=plan.base).first()
    return undone(*map(document_of, (reviewed, newest, plan)))


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
        refuse_if_planned()
        if (newest := live_release()) and newest.body == release.body:
            raise ReleaseError(_("This version is live."))
        if release.size > settings.XMPP_STANZA_LIMIT:
            raise ReleaseError(refusal_in_words(Tree.Refused.TOO_LARGE, release.size))
        _refuse_faults(release)
        _hold(tree, editor)
        note = _("version %(number)s again") % {"number": release.number}
        return create(release.body, editor, note, automatic=False)


def _refuse_faults(release: Release) -> None:
    nodes = parse.loads(release.body)
    for place, fault in judgement.faults_of_nodes(nodes):
        raise ReleaseError(fault.about(Buddy(**nodes[place].fields)))


def restore(release: Release, editor: str) -> None:
    """Restore the tree of a release, as a draft: this holds the tree.

    Raises ReleaseError if an entry of it would be refused today.
    """
    with transaction.atomic():
        _hold(Tree.locked(), editor)
        _refuse_faults(release)
        try:
            whole_tree.rebuild(str(release), parse.loads(release.body), editor)
        except DocumentError as error:
            raise ReleaseError(str(error)) from None
