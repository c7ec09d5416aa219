"""What is live: each accepted state of the tree becomes an immutable release.

By itself, as soon as it is edited; or, while the tree is held, when somebody
has reviewed and published it.
"""

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from buddies.document import build as document
from buddies.document import diff
from buddies.document.build import Document, Item
from buddies.document.diff import Change
from buddies.models import MOST_LEVELS, Buddy, PlannedRelease, Release, Tree
from buddies.tree import history, whole_tree
from xmppservice.protocol import vcard
from xmppservice.runtime import wakeups

KEPT_DAYS = 90  # after that one automatic release a day remains

MOST_NAMES = 5  # in a warning


class ReleaseError(ValueError):
    """Why this cannot be published, in plain words."""


# --- What is live ---------------------------------------------------------------


def live() -> Release | None:
    """The newest release; None before the first."""
    return Release.objects.first()


def live_without_body() -> Release | None:
    """The same without its document."""
    return Release.objects.defer("body").first()


def newer_than(number: int | None) -> Release | None:
    """The live release, unless it is number ``number``."""
    return Release.objects.filter(number__gt=number or 0).first()


def mark_live(number: int) -> None:
    """Note that the XMPP process answers with this release from now on."""
    Release.objects.filter(number=number, live_at=None).update(live_at=timezone.now())


def size_of(body: str) -> int:
    """Bytes of the vCard stanza that carries ``body``, without its addresses."""
    return len(vcard.of_document(body).encode())


# --- By itself ------------------------------------------------------------------


def behind() -> bool:
    """Whether something waits to be released: an edit, a schedule, a plan."""
    now = timezone.now()
    if PlannedRelease.objects.filter(publish_at__lte=now).exists():
        return True
    tree = Tree.objects.first()
    if tree is None:
        return True
    is_old = tree.built < tree.version or (tree.next_at or now) < now
    return is_old and tree.held_at is None


def lag() -> float:
    """Seconds since something should be live that is not; 0 when all is."""
    since = min(_late_since(timezone.now()), default=None)
    return 0.0 if since is None else (timezone.now() - since).total_seconds()


def _late_since(now: datetime) -> Iterator[datetime]:
    release = live_without_body()
    if release is not None and release.live_at is None:
        yield release.created_at
    due = PlannedRelease.objects.filter(publish_at__lte=now)
    yield from due.values_list("publish_at", flat=True)[:1]
    tree = Tree.objects.first()
    if tree is None or tree.held_at is not None:
        return
    if tree.next_at is not None and tree.next_at < now:
        yield tree.next_at
    edited = history.first_after(tree.built) if tree.built < tree.version else None
    if edited is not None:
        yield edited


def due_in(seconds: float) -> float:
    """How long to wait so that releases stay ``seconds`` apart; 0 for now."""
    newest = live()
    if newest is None:
        return 0.0
    due = newest.created_at + timedelta(seconds=seconds)
    return max(0.0, (due - timezone.now()).total_seconds())


def sync() -> Release | None:
    """Make a release of the tree as it stands; None when nothing changed.

    A document that cannot go out is refused: the tree says why, and the live
    release stays live.
    """
    with transaction.atomic():
        # Built under the lock: an older draft can never come after a newer one.
        tree = Tree.locked()
        return None if tree.held_at is not None else _settle(tree, draft())


class Draft(NamedTuple):
    """The document that the tree makes at this moment, and of which version."""

    version: int
    document: Document
    body: str
    size: int
    next_at: datetime | None

    @property
    def refused(self) -> str:
        """Why no XMPP server or client would take it; empty when they would."""
        if document.levels(self.document) > MOST_LEVELS:
            return Tree.Refused.TOO_DEEP
        too_large = self.size > settings.XMPP_STANZA_LIMIT
        return Tree.Refused.TOO_LARGE if too_large else ""


def draft() -> Draft:
    """What clients would read, were the tree published now."""
    now = timezone.now()
    # Under the lock they are one state; without it, entries may be newer.
    version = (Tree.objects.first() or Tree()).version
    buddies = list(Buddy.objects.all())
    built = document.build(buddies, now)
    is_deep = document.levels(built) > MOST_LEVELS
    # Python's encoder goes no deeper than Python's stack.
    body = "" if is_deep else document.dumps(built)
    next_at = document.next_change(buddies, now)
    return Draft(version, built, body, size_of(body), next_at)


def _settle(tree: Tree, draft: Draft) -> Release | None:
    """Note that the draft was looked at; return the release, if one is due."""
    release = None
    newest = live()
    if not draft.refused and (newest is None or newest.body != draft.body):
        release = _create(draft.body, *_editors(tree, draft.version))
    _note(tree, draft)
    return release


def _note(tree: Tree, draft: Draft) -> None:
    tree.built, tree.next_at = draft.version, draft.next_at
    tree.size, tree.refused = draft.size, draft.refused
    tree.save(update_fields=["built", "next_at", "size", "refused", "editors"])


def _editors(tree: Tree, version: int) -> tuple[str, str]:
    """Who made the edits up to a version: the last one, and the others' names.

    They are taken off the tree.
    """
    seen = [name for name, last in tree.editors.items() if last <= version]
    *others, author = sorted(seen, key=tree.editors.__getitem__) or [""]
    tree.editors = {n: v for n, v in tree.editors.items() if v > version}
    names = ", ".join(others)
    return author, names


def _create(body: str, author: str, note: str, automatic: bool = True) -> Release:
    release = Release.objects.create(
        body=body,
        digest=_digest(body),
        size=size_of(body),
        author=author,
        note=note[:1000],
        automatic=automatic,
    )
    wakeups.stream(wakeups.RELEASE)
    return release


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def knows(buddy: Buddy) -> bool:
    """Whether clients may know an entry's addresses: it was shown, and released."""
    row = Tree.objects.first() or Tree()
    return history.was_shown(buddy.pk, buddy.address, row.built)


# --- By hand --------------------------------------------------------------------


def hold(editor: str) -> None:
    """Keep edits a draft from now on."""
    with transaction.atomic():
        _hold(Tree.locked(), editor)


def _hold(tree: Tree, editor: str) -> None:
    if tree.held_at is None:
        tree.held_at, tree.held_by = timezone.now(), editor
        tree.save(update_fields=["held_at", "held_by"])


def let_go(editor: str) -> None:
    """Let edits go live by themselves again, those made in the meantime first.

    What that makes live is the ``editor``'s doing.
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
        wakeups.worker(wakeups.SYNC_VCARD)


class Review(NamedTuple):
    """What publishing the tree as it stands would mean.

    ``digest`` names the document that was reviewed. With ``errors`` it cannot
    be published; ``warnings`` are for the eyes.
    """

    draft: Draft
    digest: str
    changes: list[Change]
    errors: list[str]
    warnings: list[str]


def review() -> Review:
    """The draft, and what differs from the live release."""
    built = draft()
    errors, warnings = list(_errors(built)), list(_warnings(built))
    return Review(built, _digest(built.body), differences(built), errors, warnings)


def differences(draft: Draft) -> list[Change]:
    """What differs between what is live and a draft."""
    return diff.between(document_of(live()), draft.document)


def document_of(release: Release | PlannedRelease | None) -> Document:
    """A release as a document; the empty one for none."""
    parsed: Document = json.loads(release.body if release else document.EMPTY)
    return parsed


def _errors(draft: Draft) -> Iterator[str]:
    if draft.refused:
        yield in_words(draft.refused, draft.size)
    taken: dict[str, Item] = {}
    for item in document.items(draft.document):
        name = item["info"]["name"]
        if not name.strip():
            yield _("%(address)s has no name.") % {"address": item["address"]}
        if item["type"] == Buddy.Type.CHANNEL and not item.get("serverAddress"):
            # It is a JID's localpart, and these compare so (RFC 7622, 3.3).
            other = taken.setdefault(item["address"].casefold(), item)
            if other is not item:
                text = _("“%(name)s” and “%(other)s” have the same address.")
                yield text % {"name": name, "other": other["info"]["name"]}


def in_words(refused: str, size: int) -> str:
    """Why a document is refused, and what to do about it."""
    if refused == Tree.Refused.TOO_DEEP:
        text = _("The tree has more than %(most)s levels: move entries up.")
        return text % {"most": MOST_LEVELS}
    text = _(
        "The document needs %(size)s bytes as a stanza, and %(limit)s are allowed: "
        "hide or remove entries. The version before it stays live."
    )
    bytes_of = {"size": size, "limit": settings.XMPP_STANZA_LIMIT}
    return text % {
        name: number_format(count, force_grouping=True)
        for name, count in bytes_of.items()
    }


def _warnings(draft: Draft) -> Iterator[str]:
    items = list(document.items(draft.document))
    bare = [i for i in items if not (i["info"]["imageUrl"] or i["info"]["thumbUrl"])]
    found = {
        _("Without an avatar: %(names)s."): [item["info"]["name"] for item in bare],
        _("Looks double-escaped: %(names)s."): [
            item["info"]["name"] for item in items if document.looks_escaped(item)
        ],
        _("Empty and so not shown: %(names)s."): [
            str(group) for group in _empty_groups(document.addresses(draft.document))
        ],
    }
    for text, names in found.items():
        if names:
            yield text % {"names": _listed(names)}


def _empty_groups(shown: set[str]) -> Iterator[Buddy]:
    """Groups that would be shown with something in them."""
    # They are in the tree only: clients never see an empty group.
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
    more = len(names) - MOST_NAMES
    listed = ", ".join(f"“{name}”" for name in names[:MOST_NAMES])
    if more <= 0:
        return listed
    text = ngettext(
        "%(listed)s and %(more)s more", "%(listed)s and %(more)s more", more
    )
    return text % {"listed": listed, "more": more}


def publish(
    editor: str, note: str, digest: str, at: datetime | None = None
) -> Release | PlannedRelease:
    """Publish the reviewed document, now or at a moment to come.

    ``digest`` is the review's: raises ReleaseError when the tree has changed
    since, or when there are errors.
    """
    with transaction.atomic():
        tree, built = Tree.locked(), draft()
        if _digest(built.body) != digest:
            text = _("Somebody changed the tree since: look at the changes again.")
            raise ReleaseError(text)
        for error in _errors(built):
            raise ReleaseError(error)
        if (newest := live()) and newest.body == built.body:
            raise ReleaseError(_("Nothing differs from what is live."))
        if at is not None:
            return _plan(tree, built, editor, note, at)
        _refuse_before_a_plan()
        _editors(tree, built.version)
        _note(tree, built)
        return _create(built.body, editor, note, automatic=False)


def _refuse_before_a_plan() -> None:
    if PlannedRelease.objects.exists():
        text = _("A version is planned, and would replace this: cancel it first.")
        raise ReleaseError(text)


def _plan(
    tree: Tree, built: Draft, editor: str, note: str, at: datetime
) -> PlannedRelease:
    if at <= timezone.now():
        raise ReleaseError(_("This moment is over: choose one to come."))
    if PlannedRelease.objects.filter(body=built.body).exists():
        raise ReleaseError(_("Just this is planned already."))
    # The next edit would go live by itself, and the plan would undo it.
    _hold(tree, editor)
    return PlannedRelease.objects.create(
        body=built.body,
        author=editor,
        note=note,
        publish_at=at,
        version=built.version,
    )


def publish_planned() -> None:
    """Make a release of each plan that is due."""
    due = PlannedRelease.objects.filter(publish_at__lte=timezone.now())
    if not due.exists():
        return  # who writes may have to wait
    with transaction.atomic():
        tree = Tree.locked()
        for plan in due:
            _create(plan.body, plan.author, plan.note, automatic=False)
            _editors(tree, plan.version)
            tree.built = max(tree.built, plan.version)
            plan.delete()
        tree.save(update_fields=["built", "editors"])


def cancel(key: int) -> None:
    """Give up a planned release; raises ReleaseError when it is not there."""
    with transaction.atomic():
        # What is going live at this moment cannot be given up.
        Tree.locked()
        if not PlannedRelease.objects.filter(pk=key).delete()[0]:
            raise ReleaseError(_("It is not planned any more."))


def publish_again(release: Release, editor: str) -> Release:
    """Make an older release live again, and hold the tree: an edit would undo it."""
    with transaction.atomic():
        tree = Tree.locked()
        _refuse_before_a_plan()
        if (newest := live()) and newest.body == release.body:
            raise ReleaseError(_("This is what is live."))
        if release.size > settings.XMPP_STANZA_LIMIT:
            raise ReleaseError(in_words(Tree.Refused.TOO_LARGE, release.size))
        _hold(tree, editor)
        note = _("version %(number)s again") % {"number": release.number}
        return _create(release.body, editor, note, automatic=False)


def restore(release: Release, editor: str) -> None:
    """Make the tree what it was for a release, as a draft: the tree is held."""
    with transaction.atomic():
        _hold(Tree.locked(), editor)
        whole_tree.rebuild(str(release), document.loads(release.body), editor)


# --- Housekeeping ---------------------------------------------------------------


def thin() -> int:
    """Delete old automatic releases, all but the last one of a day; how many.

    The live one is the last of its day.
    """
    old = timezone.now() - timedelta(days=KEPT_DAYS)
    last: dict[object, int] = {}
    stale: list[int] = []
    rows = Release.objects.filter(automatic=True, created_at__lt=old)
    for number, made_at in rows.values_list("number", "created_at"):
        if last.setdefault(made_at.date(), number) != number:
            stale.append(number)
    return Release.objects.filter(number__in=stale).delete()[0]
