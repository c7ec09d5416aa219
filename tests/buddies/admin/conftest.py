"""Fixtures that the tests of this folder share."""

import pytest

from buddies.models import Buddy
from tests.buddies.conftest import channel, group


@pytest.fixture
def verona() -> Buddy:
    """mario, then verona (juliet, house (romeo))."""
    channel("mario")
    verona = group("verona")
    channel("juliet", verona)
    channel("romeo", group("house", verona))
    return verona
