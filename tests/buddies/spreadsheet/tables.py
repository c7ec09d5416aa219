"""Tables and trees, for the tests of spreadsheets."""

import json
from typing import Any

import pytest

from buddies.models import Tree
from buddies.spreadsheet import files
from buddies.spreadsheet.plan import Plan, plan_import, run_import
from tests.buddies.conftest import EDITOR


def cells(*, of: str = "json", content: bytes | None = None) -> list[dict[str, Any]]:
    """Return the rows of an export, by column."""
    content = files.export(of) if content is None else content
    return [dict(row.cells) for row in files.read(content)]


def content(*table: dict[str, Any]) -> bytes:
    return json.dumps(table).encode()


def planned(*table: dict[str, Any]) -> Plan:
    return plan_import(files.read(content(*table)))


def import_rows(*table: dict[str, Any], editor: str = EDITOR) -> Plan:
    """Import rows as a user does right after the preview."""
    read = files.read(content(*table))
    plan = plan_import(read)
    return run_import(read, editor, plan.version, plan.digest)


def version() -> int:
    return Tree.locked().version


in_verona = pytest.mark.usefixtures("verona")
