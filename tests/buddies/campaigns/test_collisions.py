"""Campaigns that get in each other's way, or an edit of what is live in theirs."""

import pytest

from buddies.campaigns.collisions import collisions, concerned
from buddies.campaigns.conflict_words import OWN
from buddies.campaigns.deciding import decide
from buddies.models import Buddy, Campaign
from buddies.tree import edits
from tests.buddies.campaigns.conftest import Desk
from tests.buddies.conftest import EDITOR, named

pytestmark = pytest.mark.django_db

FIRST = {"state": "planned", "due_at": "2026-12-24T08:00:00Z"}
SECOND = {"state": "planned", "due_at": "2027-01-02T08:00:00Z"}


@pytest.fixture
def saldi(db) -> Desk:
    return Desk("Saldi")


def rename(desk: Desk, name: str) -> None:
    desk.edits.change([desk.named("romeo")], EDITOR, name=name)


def test_two_that_want_something_else_tell_both_sides(verona, natale, saldi):
    rename(natale, "Babbo")
    rename(saldi, "Sconti")

    for desk, other in ((natale, saldi), (saldi, natale)):
        ((campaign, conflicts),) = collisions(desk.view)
        assert campaign == other.campaign
        assert conflicts == [("field", str(named("romeo").key), "name")]


def test_two_that_want_the_same_do_not_collide(verona, natale, saldi):
    rename(natale, "Babbo")
    rename(saldi, "Babbo")
    saldi.edits.change([saldi.named("juliet")], EDITOR, status="Ay me")

    assert collisions(natale.view) == collisions(saldi.view) == []


def test_a_group_that_one_fills_and_the_other_deletes(verona, natale, saldi):
    natale.edits.add(Buddy(name="benvolio", parent=natale.named("house")), EDITOR)
    saldi.edits.remove([saldi.named("house")], EDITOR)

    for desk in (natale, saldi):
        (collision,) = collisions(desk.view)
        assert [one.kind for one in collision.conflicts] == ["inside"]


def test_the_one_that_is_due_later_decides_weeks_ahead(verona):
    natale, saldi = Desk("Natale", **FIRST), Desk("Saldi", **SECOND)
    rename(natale, "Babbo")
    saldi.edits.change([saldi.named("Babbo")], EDITOR, name="Sconti")
    # Drawn on the other one, it departs from it knowingly.
    assert natale.view.conflicts == saldi.view.conflicts == []

    natale.edits.change([natale.named("Babbo")], EDITOR, name="Santa")

    (conflict,) = saldi.view.conflicts
    decide(saldi.pk, EDITOR, conflict, OWN)
    assert saldi.view.conflicts == []
    change = saldi.view.differences.changed[conflict.key]["name"]
    assert change == (("Babbo", "Santa"), "Sconti")


def test_a_live_edit_tells_which_campaigns_have_to_decide(verona, natale, saldi):
    rename(natale, "Babbo")
    saldi.edits.change([saldi.named("romeo")], EDITOR, status="-50 %")
    key = str(named("romeo").key)

    edits.change([named("romeo")], "prince", web_is_published=False)
    assert concerned([key]) == []

    edits.change([named("romeo")], "prince", name="Montague")
    assert concerned([key]) == [natale.campaign]
    assert concerned([str(named("juliet").key)]) == concerned([]) == []

    edits.remove([named("Montague")], "prince")
    assert concerned([key]) == [natale.campaign, saldi.campaign]


def test_a_blocked_one_is_not_counted_on(verona):
    natale, saldi = Desk("Natale", **FIRST), Desk("Saldi", **SECOND)
    new = natale.edits.add(Buddy(name="paris"), EDITOR)
    saldi.edits.change([new], EDITOR, status="-50 %")

    Campaign.objects.filter(pk=natale.pk).update(blocked="conflicts")

    assert [one.kind for one in saldi.view.conflicts] == ["gone"]
