"""Fixtures that the tests of this folder share."""

import pytest

from buddies.models import Buddy
from tests.buddies.conftest import channel, group


@pytest.fixture
def verona(db) -> Buddy:
    """verona (romeo, house (tybalt, nurse), juliet), then mario."""
    verona = group("verona")
    channel("romeo", verona)
    house = group("house", verona)
    channel("juliet", verona)
    for name in ("tybalt", "nurse"):
        channel(name, house, server_address="bots", mobile_is_published=True)
    channel("mario")
    return verona
