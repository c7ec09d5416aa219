"""What a reviewed document would undo of what went live since."""

from typing import Any

import pytest

from buddies.document.conflicts import undone
from buddies.document.shape import Document


def channel(address: str, **values: Any) -> dict[str, Any]:
    flags = {"mobileIsPublished": True, "webIsPublished": True}
    info = {"name": values.pop("name", address), "status": values.pop("status", "")}
    return {"address": address, "type": "channel", **flags, "info": info, **values}


def group(address: str, *items: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {**channel(address, **values), "type": "group", "items": [*items]}


def document(*items: dict[str, Any]) -> Document:
    return {"items": [*items]}


ONE = document(channel("liam"), channel("atm"))
OFF = document(channel("liam"), channel("atm", webIsPublished=False))
NEW = document(channel("liam", webIsPublished=False), channel("atm"))
BOTH = document(
    channel("liam", webIsPublished=False), channel("atm", webIsPublished=False)
)


def branch(*items: dict[str, Any]) -> Document:
    return document(channel("liam"), group("milano", *items))


A, B, C = channel("a"), channel("b"), channel("c")


@pytest.mark.parametrize(
    ("reviewed", "live", "planned", "names"),
    [
        # The plan of the other one went live first, and is not part of this one.
        (ONE, OFF, NEW, ["atm"]),
        (ONE, OFF, BOTH, []),
        (ONE, OFF, OFF, []),
        (ONE, ONE, NEW, []),
        # Both changed the same channel, each something else.
        (
            document(channel("liam")),
            document(channel("liam", status="out")),
            document(channel("liam", webIsPublished=False)),
            ["liam"],
        ),
        (
            document(channel("liam")),
            document(channel("liam", status="out")),
            document(channel("liam", status="out", webIsPublished=False)),
            [],
        ),
        (
            document(channel("liam")),
            document(channel("liam", name="Noel")),
            document(channel("liam", status="in")),
            ["Noel"],
        ),
        # Added, deleted, with a group or in one.
        (branch(A), branch(A, B), branch(A), ["b"]),
        (branch(A), branch(A, B), document(channel("liam")), ["b"]),
        (branch(A), branch(A, B), branch(A, B, C), []),
        (branch(A), branch(A, B), branch(A, C, B), []),
        (branch(A, B), branch(A), branch(A, B), ["b"]),
        (branch(A, B), branch(A), branch(A, C), []),
        (branch(A, B), document(channel("liam")), branch(A, B), ["milano", "a", "b"]),
        (document(), branch(A), document(), ["liam", "milano", "a"]),
        (branch(A), document(A, *branch()["items"]), branch(A), ["a"]),
        # Reordered, whatever else changes among the same channels.
        (branch(A, B), branch(B, A), branch(A, B), ["a", "b"]),
        (branch(A, B), branch(B, A), branch(A, C, B), ["a", "b"]),
        (branch(A, B), branch(B, A), branch(B, A, C), []),
        (branch(A, B, C), branch(C, A, B), branch(C, B), []),
        (document(A, B), document(B, A), document(A, B), ["a", "b"]),
    ],
)
def test_what_would_be_undone_is_named(reviewed, live, planned, names):
    assert undone(reviewed, live, planned) == names
