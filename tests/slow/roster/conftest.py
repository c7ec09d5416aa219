"""What the other tests of the roster have, for those that take longer."""

from tests.roster.test_bulk_api import api
from tests.roster.test_loadaccounts import load, loader, migrated, save

__all__ = ["api", "load", "loader", "migrated", "save"]
