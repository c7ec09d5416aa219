"""An import is one edit: all of it, or nothing."""

from typing import Any

import pytest

from buddies.models import MAX_LEVELS, Buddy
from buddies.spreadsheet import files
from buddies.spreadsheet.plan import plan_import, run_import
from buddies.spreadsheet.source import FileError
from buddies.tree import edits, history
from buddies.tree.lock import Stale
from buddies.tree.undo import undo
from tests.buddies.conftest import EDITOR, named, outline, rows
from tests.buddies.spreadsheet.tables import (
    content,
    import_rows,
    in_verona,
    planned,
    version,
)

pytestmark = pytest.mark.django_db


def problems(*table: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [tuple(problem) for problem in planned(*table).problems]


DATE = "Enter a date and time such as 2026-12-31 18:30 or 31/12/2026 18:30, day first."
NUMBER = "This is a number, so leading zeros are lost. Format the column as text."


@in_verona
@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ({"address": 393471111111}, "address", NUMBER),
        ({"address": "3,93471E+11"}, "address", NUMBER),
        ({"parent": 39}, "parent", NUMBER),
        (
            {"parent": "Padua"},
            "parent",
            "There is no group with the address or name “Padua”.",
        ),
        (
            {"parent": "Juliet"},
            "parent",
            "Only a group can contain channels and groups.",
        ),
        ({"place": 0}, "place", "Enter a whole number of 1 or more, or leave blank."),
        (
            {"place": False},
            "place",
            "Enter a whole number of 1 or more, or leave blank.",
        ),
        ({"place": 1.5}, "place", "Enter a whole number of 1 or more, or leave blank."),
        (
            {"place": "first"},
            "place",
            "Enter a whole number of 1 or more, or leave blank.",
        ),
        ({"type": "folder"}, "type", "Enter group or channel."),
        ({"type": ""}, "type", "Enter group or channel."),
        ({"mobile": "maybe"}, "mobile", "Enter yes or no."),
        ({"mobile": ["yes"]}, "mobile", "Enter yes or no."),
        ({"name": ""}, "name", "This field cannot be blank."),
        ({"name": True}, "name", "This is not text. Format the column as text."),
        (
            {"name": "a" * 256},
            "name",
            "Ensure this value has at most 255 characters (it has 256).",
        ),
        (
            {"status": "\x07"},
            "status",
            "Contains the control character U+0007, which XMPP can't transmit.",
        ),
        (
            {"visible_from": "tomorrow"},
            "visible_from",
            DATE,
        ),
        (
            {"visible_from": 46000},
            "visible_from",
            DATE,
        ),
        *(
            ({column: moment}, column, "Choose a date between 2000 and 2100.")
            for column, moment in (
                ("visible_until", "9999-12-31T23:59:59-12:00"),
                ("visible_from", "0001-01-01T00:00:00+14:00"),
                ("visible_from", "9999-12-31T23:59:59"),
                ("visible_from", "1999-12-31"),
                ("visible_until", "2101-01-01"),
            )
        ),
        (
            {"visible_from": "0001-01-01T00:00"},
            "visible_from",
            "Choose a date between 2000 and 2100.",
        ),
        (
            {"visible_from": "2026-05-02", "visible_until": "2026-05-01"},
            "visible_until",
            "“Visible until” must be later than “Visible from”.",
        ),
        (
            {"type": "group", "server_address": "bots"},
            "server_address",
            "A group can't have a server address.",
        ),
        (
            {"type": "group", "default_message": "Soft!"},
            "default_message",
            "A group can't have a default message.",
        ),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_written(row, column, words):
    table = ({"address": "Juliet", "name": "Giulietta"}, {"address": "Romeo", **row})
    before = rows()

    with pytest.raises(FileError):
        import_rows(*table)

    assert problems(*table) == [(2, column, words)]
    assert rows() == before


@in_verona
@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (
            [{"address": "Romeo"}, {"address": "Romeo "}],
            [(2, "address", "Row 1 has the same address.")],
        ),
        (
            [{"address": "x", "name": "a"}, {"address": "x", "name": "b"}],
            [(2, "address", "Row 1 has the same address.")],
        ),
        ([{"address": "", "web": True}], [(1, "name", "This field cannot be blank.")]),
        # A value that cannot be read is the only thing that is wrong.
        (
            [{"address": "x", "name": True}],
            [(1, "name", "This is not text. Format the column as text.")],
        ),
        (
            [
                {"address": "x", "name": "x", "type": "folder"},
                {"address": "y", "name": "y", "parent": "x"},
                {"address": "z", "name": "z", "parent": "x"},
            ],
            [(1, "type", "Enter group or channel.")],
        ),
        (
            [
                {
                    "address": "Romeo",
                    "visible_from": "soon",
                    "visible_until": "2027-01-01",
                },
                {"address": "Romeo", "name": "R"},
            ],
            [
                (1, "visible_from", DATE),
                (2, "address", "Row 1 has the same address."),
            ],
        ),
        (
            [{"address": "Verona", "type": "channel"}],
            [
                (
                    1,
                    "type",
                    "This group is not empty, so it can't become a channel: move "
                    "its contents first.",
                )
            ],
        ),
        (
            [{"address": "Verona", "parent": "Verona"}],
            [(1, "parent", "You can't move a group into itself.")],
        ),
        (
            [{"address": "Romeo", "parent": "Romeo"}],
            [
                (1, "parent", "Only a group can contain channels and groups."),
                (1, "parent", "You can't move a group into itself."),
            ],
        ),
        (
            [
                {"address": "Verona", "parent": "Mantua"},
                {"address": "Romeo", "name": "Roméo"},
                {"address": "Mantua", "parent": "Verona"},
            ],
            [
                (1, "parent", "You can't move a group into itself."),
                (3, "parent", "You can't move a group into itself."),
            ],
        ),
    ],
)
def test_rows_that_contradict_each_other_are_named(table, expected):
    assert problems(*table) == expected


@in_verona
def test_a_group_cannot_be_moved_into_its_child():
    import_rows({"address": "Mantua", "parent": "Verona"})

    assert problems({"address": "Verona", "parent": "Mantua"}) == [
        (1, "parent", "You can't move a group into itself.")
    ]


def test_a_tree_has_a_maximum_depth():
    table = [
        {
            "address": str(level) + "x",
            "name": "x",
            "type": "group",
            "parent": f"{level - 1}x" if level else "",
        }
        for level in range(MAX_LEVELS + 1)
    ]

    assert problems(*table) == [(201, "parent", "A tree can have at most 200 levels.")]
    import_rows(*table[:-1])
    assert Buddy.objects.count() == MAX_LEVELS


def test_an_entry_stored_before_a_rule_does_not_block_an_import():
    Buddy.objects.create(address="old", name="")

    assert problems({"address": "old", "name": "", "place": 1}) == []


CHANGES = (
    {"address": "tybalt", "name": "Tybalt", "type": "channel", "parent": "Juliet"},
    {"address": "Juliet", "type": "group", "parent": "", "place": 1},
    {"address": "Romeo", "name": "Roméo", "parent": "Mantua"},
    {"address": "Mercutio", "place": 1, "status": "A plague!"},
)


@in_verona
def test_an_import_is_one_edit_that_undo_reverts():
    before, seen = rows(), version()

    import_rows(*CHANGES)

    assert version() == seen + 1
    assert {
        b.version for b in Buddy.objects.exclude(name__in=["Verona", "Mantua"])
    } == {seen + 1}
    assert history.newest(EDITOR).version == seen + 1
    assert outline() == [
        *["Juliet", "  Tybalt", "Verona", "  Mercutio", "Mantua", "  Roméo"]
    ]

    undo(seen + 1, EDITOR)

    assert rows() == before


@in_verona
def test_an_entry_changed_since_the_preview_is_not_overwritten():
    read = files.read(content(*CHANGES)).rows
    plan = plan_import(read)
    edits.change([named("Romeo")], "nurse", status="hunted")
    before = rows()

    with pytest.raises(Stale, match="nurse changed “Romeo”"):
        run_import(read, EDITOR, plan.version, plan.digest)

    assert rows() == before


@in_verona
def test_a_deletion_since_the_preview_requires_a_new_review():
    read = files.read(content({"address": "Romeo", "name": "Roméo"})).rows
    plan = plan_import(read)
    edits.remove([named("Romeo")], "nurse")

    with pytest.raises(Stale, match="Review the changes again"):
        run_import(read, EDITOR, plan.version, plan.digest)

    assert not Buddy.objects.filter(address="Romeo").exists()


@in_verona
def test_an_edit_of_another_entry_does_not_block_an_import():
    read = files.read(content({"address": "Romeo", "name": "Roméo"})).rows
    plan = plan_import(read)
    edits.change([named("Mantua")], "nurse", status="quiet")

    run_import(read, EDITOR, plan.version, plan.digest)

    assert (named("Mantua").status, named("Roméo").version) == ("quiet", version())
