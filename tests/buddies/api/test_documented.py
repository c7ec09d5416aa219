"""What docs/api.md shows of campaigns is so."""

import json
import os
import re
import subprocess

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from buddies.models import Campaign
from buddies.tree import edits
from tests.buddies.api.campaigns_client import change, make, path_of
from tests.buddies.conftest import channel
from tests.service import ROOT
from xmppservice.api import tokens

PAGE = (ROOT / "docs" / "api.md").read_text().partition("\n## Campaigns\n")[2]
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def block(kind: str, part: str) -> str:
    found = (text for name, text in BLOCK.findall(PAGE) if name == kind)
    return next(text for text in found if part in text)


def shape(value: object) -> object:
    """Return the fields of an object, and of those in it."""
    if isinstance(value, dict):
        return {name: shape(below) for name, below in value.items()}
    return [shape(value[0])] if isinstance(value, list) else None


@pytest.mark.django_db
def test_a_campaign_and_its_conflict_have_the_documented_fields(admin_client):
    romeo = channel("romeo")
    natale = make("Natale")
    change(natale, romeo, name="Mercatini di Natale")
    edits.change([romeo], "paolo", name="Mercatini 2026")

    campaign = admin_client.get(path_of(natale)).json()
    (conflict,) = admin_client.get(path_of(natale, "conflicts")).json()["conflicts"]

    documented = json.loads(block("json", '"missingApprovals"'))
    assert shape(documented) == shape(campaign)
    documented = json.loads(block("json", '"choices"'))
    assert shape(documented) == shape(conflict)
    assert documented["choices"] == conflict["choices"][:2]
    assert documented["detail"] == conflict["detail"]


@pytest.mark.django_db(transaction=True)
def test_the_documented_commands_publish_a_campaign(live_server):
    scopes = ["campaigns:read", "campaigns:write", "releases:write"]
    user = User.objects.create_superuser("nurse")
    _, secret = tokens.make(user, "x", scopes, None)
    script = block("sh", "publish").replace("http://127.0.0.1:8000", live_server.url)

    done = subprocess.run(
        ["sh", "-euc", script],
        env={**os.environ, "token": secret},
        capture_output=True,
        text=True,
        timeout=30,
    )

    assert done.stderr == ""
    assert Campaign.objects.get().state == "published", done.stdout
    client = APIClient()
    client.force_authenticate(user)
    assert "Mercatini" in client.get("/api/document/").content.decode()
