"""Tables and trees, for the tests of spreadsheets."""

import io
import json
import zipfile
from typing import Any

import openpyxl
import pytest

from buddies.models import Tree
from buddies.spreadsheet import files
from buddies.spreadsheet.plan import Plan, plan_import, run_import
from tests.buddies.conftest import EDITOR


def cells(*, of: str = "json", content: bytes | None = None) -> list[dict[str, Any]]:
    """Return the rows of an export, by column."""
    content = files.export(of) if content is None else content
    return [dict(row.cells) for row in files.read(content).rows]


def content(*table: dict[str, Any]) -> bytes:
    return json.dumps(table).encode()


def planned(*table: dict[str, Any]) -> Plan:
    return plan_import(files.read(content(*table)).rows)


def import_rows(*table: dict[str, Any], editor: str = EDITOR) -> Plan:
    """Import rows as a user does right after the preview."""
    read = files.read(content(*table)).rows
    plan = plan_import(read)
    return run_import(read, editor, plan.version, plan.digest)


def version() -> int:
    return Tree.locked().version


def sheet(*table: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in table:
        book.worksheets[0].append(row)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def repacked(content: bytes, part: str, old: bytes, new: bytes) -> bytes:
    """Return a file with text replaced in one of its parts."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[part]
    parts[part] = parts[part].replace(old, new)
    return packed(**parts)


SHEET = "xl/worksheets/sheet1.xml"


def packed(**parts: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


in_verona = pytest.mark.usefixtures("verona")
