"""What a campaign is drawn from: read once for each state of the tree."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from buddies.campaigns.view import base_of
from buddies.tree import edits
from tests.buddies.campaigns.conftest import Desk
from tests.buddies.conftest import EDITOR, channel, named

pytestmark = pytest.mark.django_db(transaction=True)


def queries_of(desk: Desk) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert desk.view.buddies
    return len(queries)


def test_the_tree_is_read_once_for_each_of_its_versions():
    channel("romeo")
    desk = Desk("Natale")
    first, second = queries_of(desk), queries_of(desk)
    assert second == first - 1

    edits.change([named("romeo")], EDITOR, name="Romeo")
    assert desk.named("Romeo")
    assert queries_of(desk) == second


def test_it_takes_no_aggregate_of_keys():
    """PostgreSQL 17 has no min(uuid)."""
    channel("romeo")
    with CaptureQueriesContext(connection) as queries:
        base_of()
    asked = [one["sql"] for one in queries]
    assert not [sql for sql in asked if 'MIN("buddies_buddy"' in sql]


def test_an_edit_of_one_due_earlier_is_seen():
    romeo = channel("romeo")
    early = Desk("Natale", state="planned", due_at="2026-12-24T08:00:00Z")
    late = Desk("Saldi", state="planned", due_at="2027-01-02T08:00:00Z")
    assert late.named("romeo")

    early.edits.change([romeo], EDITOR, name="Babbo")

    assert late.named("Babbo")


def test_what_is_rolled_back_is_not_kept():
    romeo = channel("romeo")
    with transaction.atomic():
        edits.change([romeo], EDITOR, name="Montague")
        assert [one["name"] for one in base_of().live.entries.values()] == ["Montague"]
        transaction.set_rollback(True)
    edits.change([romeo], EDITOR, name="Romeo")

    assert [one["name"] for one in base_of().live.entries.values()] == ["Romeo"]


def test_an_entry_that_is_one_s_own_may_be_changed():
    channel("romeo")
    desk = Desk("Natale")
    own = desk.view.own(named("romeo").pk)
    assert own is not None

    own.name = "Montague"

    assert desk.named("romeo").name == "romeo"
    assert desk.view.own(-1) is None
