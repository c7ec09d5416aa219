"""Helpers for the tests of campaigns and releases."""

from datetime import datetime, timedelta

from django.contrib.auth.models import Permission, User
from django.utils import timezone

from buddies.document import build, shape
from buddies.models import Buddy, Campaign, Release
from buddies.publishing import applying, approvals
from buddies.publishing.live import document_of, live_release
from buddies.publishing.review import Review, review
from buddies.tree import edits
from tests.buddies.campaigns.conftest import Desk
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


def reviewed(desk: Desk, publisher: str = "juliet") -> Review:
    return review(desk.campaign, publisher)


def publish(desk: Desk, editor: str = "juliet", **more: object) -> Release:
    """Review a campaign and publish it."""
    digest = reviewed(desk, editor).digest
    return applying.publish(desk.pk, editor, digest, **more)


def approve(desk: Desk, editor: str, note: str = "") -> None:
    """Review a campaign and approve it, as a user who may do so."""
    may = Permission.objects.get(codename="approve_campaign")
    User.objects.get_or_create(username=editor)[0].user_permissions.add(may)
    approvals.approve(desk.pk, editor, reviewed(desk).digest, note)


def plan(desk: Desk, editor: str = "juliet", at: datetime | None = None) -> None:
    """Plan a campaign, in an hour by default."""
    at = at or timezone.now() + HOUR
    applying.plan(desk.pk, editor, reviewed(desk, editor).digest, at)


def due(desk: Desk) -> None:
    """Let a campaign's moment pass, without voiding an approval of it."""
    Campaign.objects.filter(pk=desk.pk).update(due_at=timezone.now())
