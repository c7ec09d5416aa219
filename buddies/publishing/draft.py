"""Drafts: what clients would read of a tree that is not live yet."""

import json
from bisect import bisect
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from buddies.campaigns.view import View
from buddies.document import build, diff, shape
from buddies.document.diff import DocumentChange
from buddies.document.shape import Document
from buddies.models import MAX_LEVELS, Buddy, Tree
from buddies.publishing.live import document_of, live_release, size_of
from xmppservice.runtime.recent import Recent


class ReleaseError(ValueError):
    """Why this cannot be published, in plain words."""


class Draft(NamedTuple):
    """The document that clients would read of a tree, and that tree's version.

    One that is ``too_deep`` has no body.
    """

    version: int
    body: str
    size: int
    next_at: datetime | None
    too_deep: Document | None = None

    @property
    def document(self) -> Document:
        # Not kept beside the body: it is a hundred times as many objects.
        parsed: Document = self.too_deep or json.loads(self.body)
        return parsed

    @property
    def refused(self) -> str:
        """Why XMPP servers or clients would refuse it; empty if they would not."""
        if self.too_deep:
            return Tree.Refused.TOO_DEEP
        too_large = self.size > settings.XMPP_STANZA_LIMIT
        return Tree.Refused.TOO_LARGE if too_large else ""


def current_draft() -> Draft:
    """Return what clients would read if the tree were published now."""
    now = timezone.now()
    # Under the lock both are one state; without it, entries may be newer.
    version = (Tree.objects.first() or Tree()).version
    return draft_of(list(Buddy.objects.all()), version, now)


def draft_of_view(view: View, at: datetime) -> Draft:
    """Return what clients would read of a campaign at a moment.

    Others may look at the same one: nothing of it may be changed.
    """
    # Between two moments of the schedules it stays the same.
    key = (view.state, bisect(view.moments, at))
    version = view.campaign.version
    return _drafts.get(key, lambda: draft_of(view.buddies, version, at))


_drafts = Recent[Draft](8)


def draft_of(buddies: list[Buddy], version: int, at: datetime) -> Draft:
    """Return what clients would read of these entries at a moment."""
    document = build.published(buddies, at)
    next_at = build.next_change(buddies, at)
    if shape.levels(document) > MAX_LEVELS:
        # Python's encoder nests no deeper than Python's stack.
        return Draft(version, "", size_of(""), next_at, document)
    body = build.dumps(document)
    return Draft(version, body, size_of(body), next_at)


def differences(draft: Draft) -> list[DocumentChange]:
    """Return the differences between the live release and a draft."""
    release = live_release()
    if release is not None and release.body == draft.body:
        return []
    changes = diff.between(document_of(release), draft.document)
    lost = Buddy.objects.filter(address__in=diff.removed(changes)).order_by()
    return diff.hidden(changes, set(lost.values_list("address", flat=True)))


def refusal_in_words(refused: str, size: int) -> str:
    """Why a document is refused, and what to do about it."""
    if refused == Tree.Refused.TOO_DEEP:
        text = _("The tree has more than %(most)s levels. Move some groups up.")
        return text % {"most": MAX_LEVELS}
    text = _(
        "The document is %(size)s bytes; the limit is %(limit)s. Hide "
        "or delete some channels. The previous version stays live."
    )
    sizes = {"size": size, "limit": settings.XMPP_STANZA_LIMIT}
    return text % {
        name: number_format(count, force_grouping=True) for name, count in sizes.items()
    }
