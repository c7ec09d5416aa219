"""Services that tests kill: with durable storage, and servers of their own."""

import functools

import pytest


@pytest.fixture
def new_service(new_service):
    """Like the other one, but with durable storage; see tests/settings.py."""
    return functools.partial(new_service, own=True, TEST_DURABLE="true")
