"""What a campaign is drawn from: read once for each state of it."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from buddies.campaigns import making
from buddies.campaigns.base import base_of
from buddies.models import Buddy, HistoricalBuddy, Tree
from buddies.tree import edits, snapshot
from tests.buddies.campaigns.conftest import Desk
from tests.buddies.conftest import EDITOR, channel, group, named

pytestmark = pytest.mark.django_db(transaction=True)


def tables_read(desk: Desk) -> str:
    """Return which tables of trees a view read whole: live, or the campaign's."""
    with CaptureQueriesContext(connection) as queries:
        assert desk.view.buddies
    few = ("LIMIT 1", "COUNT(")
    asked = [one["sql"] for one in queries if not any(w in one["sql"] for w in few)]
    tables = {"live": '"buddies_buddy"', "campaign": '"buddies_difference"'}
    return " ".join(
        name for name, table in tables.items() if any(table in sql for sql in asked)
    )


def test_it_is_read_once_for_each_of_its_versions():
    romeo = channel("romeo")
    desk = Desk("Natale")
    assert tables_read(desk) == "live campaign"
    assert tables_read(desk) == ""

    edits.change([named("romeo")], EDITOR, name="Romeo")
    assert tables_read(desk) == "live"
    assert desk.named("Romeo")

    desk.edits.change([romeo], EDITOR, status="fair")
    assert tables_read(desk) == "campaign"
    assert desk.named("Romeo").status == "fair"


def test_what_is_live_is_read_again_as_far_as_it_is_newer():
    verona, mario = group("verona"), channel("mario")
    romeo = channel("romeo", verona)
    before = base_of()

    edits.move([romeo], EDITOR, mario, "after")
    edits.remove([verona], EDITOR)
    channel("juliet")
    after = base_of()

    assert after.live == snapshot.of(Buddy.objects.all())
    assert {str(b.key): b for b in Buddy.objects.all()} == after.buddies
    key = str(mario.key)
    assert after.live.entries[key] is before.live.entries[key]


@pytest.mark.parametrize("is_older", [True, False])
def test_another_database_is_read_whole(is_older):
    """A backup was restored, or rows were written by hand."""
    for name in ("romeo", "juliet", "mario"):
        channel(name)
    base_of()

    if is_older:
        Buddy.objects.update(name="older")
        Tree.objects.update(version=1)
        HistoricalBuddy.objects.all().delete()
    else:
        named("romeo").delete()

    assert base_of().live == snapshot.of(Buddy.objects.all())


def test_all_look_at_one_view_until_the_campaign_is_another():
    channel("romeo")
    desk = Desk("Natale")
    view = desk.view
    assert desk.view is view

    making.describe(desk.pk, name="Saldi")

    assert desk.view is not view
    assert (desk.view.campaign.name, view.campaign.name) == ("Saldi", "Natale")


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
