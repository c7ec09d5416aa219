"""Helpers for the tests of drafts and releases."""

from datetime import timedelta

from buddies.document import build, shape
from buddies.models import Buddy, PlannedRelease, Release
from buddies.publishing import review
from buddies.publishing.live import document_of, live_release
from buddies.publishing.review import review_draft
from buddies.tree import edits
from tests.buddies.conftest import built

HOUR = timedelta(hours=1)


def text() -> str:
    """Return the document of the current tree as text."""
    return build.dumps(built())


def add(name: str, editor: str, **fields: object) -> Buddy:
    return edits.add(Buddy(name=name, web_is_published=True, **fields), editor)


def live_names() -> list[str]:
    """Return the names in the live document, groups before their children."""
    found = shape.items(document_of(live_release()))
    return [item["info"]["name"] for item in found]


def publish(editor: str = "juliet", **more: object) -> Release | PlannedRelease:
    """Publish the current tree."""
    return review.publish(editor, "", review_draft().digest, **more)
