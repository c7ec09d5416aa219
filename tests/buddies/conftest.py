"""Helpers that add entries and read the tree as text."""

from django.utils import timezone
from hypothesis import HealthCheck, settings

from buddies.document import build
from buddies.document.shape import Document
from buddies.models import Buddy
from buddies.tree import edits

EDITOR = "juliet"
# For Hypothesis tests that store a tree for each example and roll it back.
STORED = settings(
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,  # each example is rolled back
        HealthCheck.too_slow,  # a tree is many rows
    ],
)


def group(name: str, parent: Buddy | None = None, **fields: object) -> Buddy:
    """Add a published group; its address is its name."""
    return _add("group", name, parent, fields)


def channel(name: str, parent: Buddy | None = None, **fields: object) -> Buddy:
    """Add a published channel; its address is its name."""
    return _add("channel", name, parent, fields)


def _add(kind: str, name: str, parent: Buddy | None, fields: dict) -> Buddy:
    given = {"address": name, "web_is_published": True, **fields}
    return edits.add(Buddy(type=kind, name=name, parent=parent, **given), EDITOR)


def outline() -> list[str]:
    """Return the names of the stored tree in order, two spaces for each level."""
    children: dict[int | None, list[Buddy]] = {}
    for buddy in Buddy.objects.order_by("position", "pk"):
        children.setdefault(buddy.parent_id, []).append(buddy)
    lines = []
    waiting = [(0, buddy) for buddy in reversed(children.get(None, []))]
    while waiting:
        depth, buddy = waiting.pop()
        lines.append("  " * depth + buddy.name)
        below = reversed(children.get(buddy.pk, []))
        waiting.extend((depth + 1, child) for child in below)
    return lines


def named(name: str) -> Buddy:
    """Return the entry as it is stored now."""
    return Buddy.objects.get(name=name)


def built() -> Document:
    """Return the document that clients would read now."""
    return build.published(Buddy.objects.all(), timezone.now())


def rows() -> list[dict]:
    """Return the stored entries without the version of their last edit."""
    entries = Buddy.objects.order_by("pk").values()
    return [{k: v for k, v in one.items() if k != "version"} for one in entries]
