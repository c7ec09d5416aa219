"""Fixtures that the tests of this folder share."""

import pytest
from django.test import Client

from buddies.models import Buddy
from tests.buddies.conftest import channel, group
from tests.buddies.pages.campaign_client import Natale
from tests.buddies.pages.workspace_client import person


@pytest.fixture
def editor() -> Client:
    return person("tybalt", "Editor")


@pytest.fixture
def publisher() -> Client:
    return person("prince", "Publisher")


@pytest.fixture
def natale(verona) -> Natale:
    return Natale()


@pytest.fixture
def verona() -> Buddy:
    """verona (juliet, house (romeo)), then mario."""
    verona = group("verona")
    channel("juliet", verona)
    channel("romeo", group("house", verona))
    channel("mario")
    return verona
