"""Fixtures that the tests of this folder share."""

import pytest

from buddies.models import Buddy
from tests.buddies.tree.records import create_verona


@pytest.fixture
def verona(db) -> Buddy:
    """verona (romeo, house (tybalt, nurse), juliet), then mario."""
    return create_verona()
