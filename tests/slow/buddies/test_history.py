"""Deleting the maximum number of entries can be undone."""

import pytest

from buddies.models import Buddy
from buddies.tree import edits
from buddies.tree.undo import undo
from tests.buddies.conftest import outline, rows
from tests.buddies.tree.records import VERONA, create_verona, item, load, version

pytestmark = pytest.mark.django_db


def test_deleting_ten_thousand_entries_can_be_undone():
    create_verona()
    branches = [
        item(f"group {number}", *(item(f"{number}-{nth}") for nth in range(99)))
        for number in range(100)
    ]
    load(*branches)
    before = rows()

    count = edits.remove(Buddy.objects.filter(type="group"), "mario")
    assert count == 10_000 + len(VERONA) - 1
    assert outline() == ["mario"]
    undo(version(), "mario")

    assert rows() == before
