"""Each kind of conflict over the API, and each choice that settles it."""

from collections.abc import Callable

import pytest
from rest_framework.test import APIClient

from buddies.campaigns.edits import CampaignEdits
from buddies.models import Buddy, Campaign
from buddies.tree import edits
from tests.api import client_of
from tests.buddies.api.campaigns_client import EDIT, digest_of, make, path_of, post
from tests.buddies.conftest import channel, group, named, outline

pytestmark = pytest.mark.django_db

Make = Callable[[CampaignEdits], None]


@pytest.fixture
def api() -> APIClient:
    return client_of(*EDIT, "edit_campaign", "publish_release", name="nurse")


@pytest.fixture
def natale() -> Campaign:
    """A campaign beside verona (romeo), house (tybalt), mario."""
    verona, house = group("verona"), group("house")
    channel("romeo", verona)
    channel("tybalt", house)
    channel("mario")
    return make("Natale")


def field(own: CampaignEdits) -> None:
    own.change([named("romeo")], "anna", mobile_is_published=True, name="R.")
    edits.change([named("romeo")], "paolo", name="Romeo")


def parent(own: CampaignEdits) -> None:
    own.change([named("romeo")], "anna", parent=named("house"))
    edits.change([named("romeo")], "paolo", parent=None)


def deleted_live(own: CampaignEdits) -> None:
    own.change([named("romeo")], "anna", name="R.")
    edits.remove([named("romeo")], "paolo")


def deleted_here(own: CampaignEdits) -> None:
    own.remove([named("romeo")], "anna")
    edits.change([named("romeo")], "paolo", name="Romeo")


def added_into_what_is_deleted_live(own: CampaignEdits) -> None:
    new = Buddy(name="santa", type="channel", address="santa", parent=named("house"))
    own.add(new, "anna")
    edits.remove([named("house")], "paolo")


def moved_into_what_is_deleted_here(own: CampaignEdits) -> None:
    own.remove([named("house")], "anna")
    edits.change([named("romeo")], "paolo", parent=named("house"))


def circle(own: CampaignEdits) -> None:
    own.change([named("verona")], "anna", parent=named("house"))
    edits.change([named("house")], "paolo", parent=named("verona"))


def channel_that_holds_something(own: CampaignEdits) -> None:
    own.remove([named("tybalt")], "anna")
    own.change([named("house")], "anna", type="channel")
    edits.change([named("romeo")], "paolo", parent=named("house"))


def address(own: CampaignEdits) -> None:
    own.change([named("romeo")], "anna", address="montague")
    edits.change([named("mario")], "paolo", address="montague")


def added_address(own: CampaignEdits) -> None:
    own.add(Buddy(name="santa", type="channel", address="north"), "anna")
    edits.change([named("mario")], "paolo", address="north")


def order(own: CampaignEdits) -> None:
    own.move([named("mario")], "anna", named("verona"), "before")
    edits.move([named("house")], "paolo", named("verona"), "before")


EXPECTED = {
    field: ("field", ["own", "live", "edit"]),
    parent: ("field", ["own", "live", "edit"]),
    deleted_live: ("gone", ["live", "own"]),
    deleted_here: ("gone", ["own", "live"]),
    added_into_what_is_deleted_live: ("inside", ["out", "group", "edit"]),
    moved_into_what_is_deleted_here: ("inside", ["delete", "group", "edit"]),
    circle: ("circle", ["live", "edit"]),
    channel_that_holds_something: ("kind", ["live", "edit"]),
    address: ("address", ["rename", "out", "edit"]),
    added_address: ("address", ["rename", "out", "edit"]),
    order: ("order", ["own", "live"]),
}
CASES = [
    pytest.param(conflict, kind, choice, id=f"{conflict.__name__}-{choice}")
    for conflict, (kind, choices) in EXPECTED.items()
    for choice in choices
    if choice != "edit"
]


@pytest.mark.parametrize(("conflict", "kind", "choice"), CASES)
def test_a_decision_settles_a_conflict_and_the_campaign_goes_live(
    api, natale, conflict: Make, kind, choice
):
    conflict(CampaignEdits(natale.pk))

    conflicts = api.get(path_of(natale, "conflicts")).json()["conflicts"]
    kinds = {one["kind"] for one in conflicts}
    names = [one["name"] for one in conflicts[0]["choices"]]
    assert (kinds, names) == ({kind}, EXPECTED[conflict][1])
    assert all(one["sentence"] and one["name"] for one in conflicts)
    refused = post(api, natale, "publish", digest=digest_of(api, natale))
    assert refused.json()["conflicts"] == conflicts

    while conflicts:
        sent = {name: conflicts[0][name] for name in ("kind", "key", "detail")}
        decided = post(api, natale, "conflicts", **sent, choice=choice)
        assert decided.status_code == 200, decided.content
        left = decided.json()["conflicts"]
        assert len(left) < len(conflicts)
        conflicts = left

    before = outline()
    made = post(api, natale, "publish", digest=digest_of(api, natale))
    assert made.status_code == 201, made.content
    if choice == "live" and kind != "kind":
        assert outline() == before
