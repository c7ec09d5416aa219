"""A small tree, for the tests of spreadsheets."""

import pytest

from tests.buddies.conftest import channel, group


@pytest.fixture
def verona() -> None:
    """Verona holds Romeo, Juliet and Mercutio; Mantua is empty."""
    verona = group("Verona")
    for name in ("Romeo", "Juliet", "Mercutio"):
        channel(name, verona)
    group("Mantua")
