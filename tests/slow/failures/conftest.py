"""Services that are killed: on storage as in production, with servers of their own."""

import functools

import pytest


@pytest.fixture
def new_service(new_service):
    """As the other one, but what it says is stored, is; see tests/settings.py."""
    return functools.partial(new_service, own=True, TEST_DURABLE="true")
