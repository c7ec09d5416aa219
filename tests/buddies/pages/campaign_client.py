"""Helpers for the tests of campaigns in the back office."""

import json
from typing import Any

from django.test import Client
from django.utils import timezone

from buddies.campaigns import making
from buddies.campaigns.edits import CampaignEdits
from buddies.models import Buddy, Campaign
from buddies.publishing import applying, approvals
from buddies.publishing.review import review
from tests.buddies.campaigns.conftest import Desk
from tests.buddies.pages.workspace_client import CHANNELS

ENTRIES = "/admin/buddies/buddy/"
CAMPAIGNS = f"{CHANNELS}campaigns/"


class Natale(Desk):
    """A campaign that mercutio prepares; its edits, and what it has."""

    def __init__(self, name: str = "Natale", by: str = "mercutio") -> None:
        self.pk = making.make(by, name).pk
        self.by, self.edits = by, CampaignEdits(self.pk)

    @property
    def digest(self) -> str:
        return review(self.campaign).digest

    @property
    def query(self) -> str:
        return f"?campaign={self.pk}"

    @property
    def workspace(self) -> str:
        return CHANNELS + self.query

    def names(self) -> list[str]:
        return sorted(one.name for one in self.view.buddies)

    def change(self, one: str, **fields: Any) -> None:
        self.edits.change([self.named(one)], self.by, **fields)

    def move(self, name: str, target: str | None, where: str = "last") -> None:
        beside = self.named(target) if target else None
        self.edits.move([self.named(name)], self.by, beside, where)

    def remove(self, *names: str) -> None:
        self.edits.remove([self.named(name) for name in names], self.by)

    def add(self, name: str, parent: str = "", **fields: Any) -> Buddy:
        given = {"address": name, "web_is_published": True, "type": "channel"} | fields
        group = self.named(parent) if parent else None
        return self.edits.add(Buddy(name=name, parent=group, **given), self.by)

    def url(self, page: str = "") -> str:
        return f"{CAMPAIGNS}{self.pk}/{page and page + '/'}"

    def ask(self, client: Client, view: str, **query: object) -> dict:
        response = client.get(f"{CHANNELS}{view}/", {"campaign": self.pk, **query})
        assert response.status_code == 200
        return response.json()

    def send(self, client: Client, view: str, **body: object):
        """Send what the workspace's script sends."""
        url, text = f"{CHANNELS}{view}/{self.query}", json.dumps(body)
        return client.post(url, text, content_type="application/json")

    def publish(self, by: str = "prince") -> None:
        applying.publish(self.pk, by, self.digest)

    def approve(self, by: str = "friar") -> None:
        approvals.approve(self.pk, by, self.digest)


def row_of(answer: dict, name: str) -> dict:
    """Return the row of an entry, wherever it is in a tree."""
    waiting = list(answer["entries"])
    while waiting:
        row = waiting.pop()
        if row["title"] == name:
            return row
        waiting += row.get("children", ())
    raise AssertionError(name)


def due_now(number: int) -> None:
    """Let the moment of a planned campaign come."""
    Campaign.objects.filter(pk=number).update(due_at=timezone.now())
