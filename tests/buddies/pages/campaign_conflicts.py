"""Conflicts of a campaign, one function each: what it does, then what is done live."""

from datetime import UTC, datetime
from typing import Any

from buddies.tree import edits
from tests.buddies.conftest import channel, group, named
from tests.buddies.pages.campaign_client import Natale
from tests.buddies.pages.workspace_client import change

PAOLO = "paolo"


def move(name: str, target: str | None, where: Any = "last") -> None:
    edits.move([named(name)], PAOLO, target and named(target), where)


def remove(name: str) -> None:
    edits.remove([named(name)], PAOLO)


def begin_saldi(natale: Natale) -> None:
    """Go on with another campaign."""
    saldi = Natale("Saldi")
    natale.pk, natale.edits = saldi.pk, saldi.edits


def field(natale: Natale) -> None:
    natale.change("romeo", name="Romeo")
    change("romeo", PAOLO, name="Montague")


def schedule(natale: Natale) -> None:
    natale.change("romeo", visible_from=datetime(2099, 12, 8, tzinfo=UTC))
    change("romeo", PAOLO, visible_from=datetime(2099, 12, 1, tzinfo=UTC))


def parent(natale: Natale) -> None:
    natale.move("mario", "house")
    move("mario", "verona")


def changed_and_gone(natale: Natale) -> None:
    natale.change("romeo", name="Romeo")
    remove("romeo")


def removed_and_changed(natale: Natale) -> None:
    natale.remove("romeo")
    change("romeo", PAOLO, status="banished")


def inside_a_group_that_is_gone(natale: Natale) -> None:
    natale.add("nurse", "house")
    remove("house")


def moved_into_a_group_that_is_gone(natale: Natale) -> None:
    natale.move("mario", "house")
    remove("house")


def inside_a_group_that_goes(natale: Natale) -> None:
    natale.remove("house")
    channel("nurse", named("house"))


def circle(natale: Natale) -> None:
    natale.add("mantua", type="group")
    natale.publish()
    begin_saldi(natale)
    natale.move("mantua", "verona")
    move("verona", "mantua")


def circle_through_a_new_one(natale: Natale) -> None:
    natale.add("attic", "verona", type="group")
    group("mantua")
    natale.move("mantua", "attic")
    move("verona", "mantua")


def group_becomes_channel(natale: Natale) -> None:
    natale.remove("romeo")
    natale.change("house", type="channel")
    channel("nurse", named("house"))


def channel_becomes_group(natale: Natale) -> None:
    natale.change("mario", type="group")
    change("mario", PAOLO, default_message="Hello")


def live_group_became_a_channel(natale: Natale) -> None:
    natale.add("nurse", "house")
    move("romeo", None)
    change("house", PAOLO, type="channel")


def address_of_a_new_one(natale: Natale) -> None:
    natale.add("nurse")
    channel("Nurse live", address="nurse")


def address_of_a_changed_one(natale: Natale) -> None:
    natale.change("mario", address="nurse")
    channel("Nurse live", address="nurse")


def address_without_a_server_address(natale: Natale) -> None:
    channel("bot", address="desk", server_address="bot@example.org")
    natale.change("bot", server_address="")
    change("mario", PAOLO, address="Desk")


def order(natale: Natale) -> None:
    natale.add("nurse", "verona")
    natale.move("house", "juliet", "before")
    channel("benvolio", named("verona"))
    move("benvolio", "juliet", "before")
    natale.publish()
    begin_saldi(natale)
    natale.move("nurse", "house", "before")
    move("nurse", "house", "after")
    move("juliet", "house", "before")
