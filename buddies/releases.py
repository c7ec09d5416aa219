"""What is live: each accepted state of the tree becomes an immutable release."""

import hashlib
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from buddies import document
from buddies.models import MOST_LEVELS, Buddy, Release, Tree
from xmppservice import bells, stanzas


def live() -> Release | None:
    """The newest release; None before the first."""
    return Release.objects.first()


def newer_than(number: int | None) -> Release | None:
    """The live release, unless it is number ``number``."""
    return Release.objects.filter(number__gt=number or 0).first()


def mark_live(number: int) -> None:
    """Note that the XMPP process answers with this release from now on."""
    Release.objects.filter(number=number, live_at=None).update(live_at=timezone.now())


def behind() -> bool:
    """Whether the tree has a version that no release was made of."""
    tree = Tree.objects.first()
    return tree is None or tree.built < tree.version


def due_in(seconds: float) -> float:
    """How long to wait so that releases stay ``seconds`` apart; 0 for now."""
    newest = live()
    if newest is None:
        return 0.0
    due = newest.created_at + timedelta(seconds=seconds)
    return max(0.0, (due - timezone.now()).total_seconds())


def sync() -> Release | None:
    """Make a release of the tree as it stands; None when nothing changed.

    A document too large for a stanza is refused: the reason is kept in the
    tree's ``error``, and the live release stays live.
    """
    with transaction.atomic():
        # The lock makes version and entries one consistent state.
        version = Tree.locked().version
        buddies = list(Buddy.objects.all())
    built = document.build(buddies)
    if document.levels(built) > MOST_LEVELS:
        body, error = "", f"The tree has more than {MOST_LEVELS} levels."
    else:
        body = document.dumps(built)
        error = _too_large(body)
    with transaction.atomic():
        tree = Tree.locked()
        if tree.built >= version:
            return None
        return _settle(tree, version, body, error)


def size_of(body: str) -> int:
    """Bytes of the vCard stanza that carries ``body``, without its addresses."""
    return len(stanzas.vcard(body).encode())


def _too_large(body: str) -> str:
    size, limit = size_of(body), settings.XMPP_STANZA_LIMIT
    if size <= limit:
        return ""
    return (
        f"The document needs {size:,} bytes as a stanza, and {limit:,} are allowed: "
        "hide or remove entries. The release before it stays live."
    )


def _settle(tree: Tree, version: int, body: str, error: str) -> Release | None:
    """Note that ``version`` was looked at; return the release, if one is due."""
    tree.built, tree.error = version, error
    release = None
    newest = live()
    if not error and (newest is None or newest.body != body):
        release = _create(tree, version, body)
        tree.editors = {n: v for n, v in tree.editors.items() if v > version}
        bells.stream(bells.RELEASE)
    tree.save(update_fields=["built", "error", "editors"])
    return release


def _create(tree: Tree, version: int, body: str) -> Release:
    seen = [name for name, last in tree.editors.items() if last <= version]
    *others, author = sorted(seen, key=tree.editors.__getitem__) or [""]
    return Release.objects.create(
        body=body,
        digest=hashlib.sha256(body.encode()).hexdigest(),
        size=size_of(body),
        author=author,
        note=f"with edits of {', '.join(others)}"[:1000] if others else "",
    )
