"""Tables of the maximum size, and more random trees."""

import io

import openpyxl
import pytest

from buddies.spreadsheet import files, plan
from buddies.spreadsheet.cells import COLUMNS
from buddies.spreadsheet.source import FileError
from buddies.spreadsheet.xlsx import MAX_ROWS
from tests.buddies.spreadsheet.tables import import_rows
from tests.buddies.spreadsheet.test_files import with_row_at
from tests.buddies.spreadsheet.test_round_trip import (
    import_into_empty_tree_test,
    reimport_test,
)
from tests.buddies.tree.test_whole_tree import rebuild_test

pytestmark = pytest.mark.django_db


def test_a_sheet_of_the_maximum_size_is_read():
    name = ["name"] * (len(COLUMNS) - 1)
    book = openpyxl.Workbook(write_only=True)
    book.create_sheet().append(list(COLUMNS))
    for number in range(MAX_ROWS):
        book.worksheets[0].append([f"{number:014}", *name])
    file = io.BytesIO()
    book.save(file)

    assert len(files.read(file.getvalue()).rows) == MAX_ROWS


def test_ten_thousand_rows_are_imported():
    table = [{"address": "g", "name": "g", "type": "group"}] + [
        {"address": f"{n:014}", "name": f"c{n}", "type": "channel", "parent": "g"}
        for n in range(9_999)
    ]

    import_rows(*table)
    content = files.export("xlsx")
    kinds = {
        outcome.kind for outcome in plan.plan_import(files.read(content).rows).outcomes
    }

    assert kinds == {"same"}


@pytest.mark.parametrize("number", [200_003, 1_048_576])
def test_reading_a_sheet_stops_at_the_row_limit(number):
    with pytest.raises(FileError, match="more than 20000 rows"):
        files.read(with_row_at(number))


# --- More examples of what holds for any tree ---------------------------------------

test_an_export_imported_again_changes_nothing = reimport_test(60)
test_an_export_makes_an_empty_tree_what_it_was = import_into_empty_tree_test(40)
test_a_rebuilding_makes_any_tree_show_any_document = rebuild_test(100)
