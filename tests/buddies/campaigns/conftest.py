"""Campaigns for the tests of this folder."""

from typing import Any

import pytest

from buddies.campaigns.edits import CampaignEdits
from buddies.campaigns.view import View, view_of
from buddies.models import Buddy, Campaign
from tests.buddies.tree.records import create_verona


@pytest.fixture
def verona(db) -> Buddy:
    """verona (romeo, house (tybalt, nurse), juliet), then mario."""
    return create_verona()


@pytest.fixture
def natale(db) -> "Desk":
    return Desk("Natale")


class Desk:
    """A campaign, to edit and to look at."""

    def __init__(self, name: str, **fields: Any) -> None:
        self.pk = Campaign.objects.create(name=name, created_by="juliet", **fields).pk
        self.edits = CampaignEdits(self.pk)

    @classmethod
    def of(cls, campaign: Campaign) -> "Desk":
        """Return the desk of a campaign that exists."""
        desk = cls.__new__(cls)
        desk.pk, desk.edits = campaign.pk, CampaignEdits(campaign.pk)
        return desk

    @property
    def campaign(self) -> Campaign:
        return Campaign.objects.get(pk=self.pk)

    @property
    def view(self) -> View:
        return view_of(self.campaign)

    @property
    def version(self) -> int:
        return self.campaign.version

    def named(self, name: str) -> Buddy:
        """Return the entry as the campaign has it."""
        (found,) = (buddy for buddy in self.view.buddies if buddy.name == name)
        return found

    def named_all(self, names: str) -> list[Buddy]:
        return [self.named(name) for name in names.split()]

    def outline(self) -> list[str]:
        return outline_of(self.view.buddies)


def outline_of(buddies: list[Buddy]) -> list[str]:
    """Return the names of entries in order, two spaces for each level."""
    below: dict[int | None, list[Buddy]] = {}
    for buddy in sorted(buddies, key=lambda one: (one.position, one.pk)):
        below.setdefault(buddy.parent_id, []).append(buddy)
    lines = []
    waiting = [(0, buddy) for buddy in reversed(below.get(None, []))]
    while waiting:
        depth, buddy = waiting.pop()
        lines.append("  " * depth + buddy.name)
        waiting.extend((depth + 1, one) for one in reversed(below.get(buddy.pk, [])))
    return lines
