"""The fixtures of tests/roster, for its slow tests."""

from tests.roster.api.test_bulk import api
from tests.roster.management.test_loadaccounts import load, loader, migrated, save

__all__ = ["api", "load", "loader", "migrated", "save"]
