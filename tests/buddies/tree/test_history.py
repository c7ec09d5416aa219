"""The records of the history, and its messages."""

from datetime import UTC, datetime

import pytest

from buddies.document import build
from buddies.models import Buddy, HistoricalBuddy, Tree
from buddies.tree import edits, history, whole_tree
from buddies.tree.lock import Stale, TreeError
from buddies.tree.positions import GAP
from buddies.tree.undo import undo
from tests.buddies.conftest import EDITOR, named, outline, rows
from tests.buddies.tree.records import (
    EACH_EDIT,
    EDITS,
    VERONA,
    create_verona,
    entries,
    new_in,
    rebuild,
    version,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _verona(db) -> None:
    create_verona()


@EACH_EDIT
def test_an_edit_records_each_entry_with_its_editor_and_version(edit, logged):
    before = version()

    edit()

    records = HistoricalBuddy.objects.filter(version__gt=before)
    assert " ".join(sorted(r.history_type + r.name for r in records)) == logged
    assert {r.history_user_id for r in records} == {"mario"}
    assert {r.version for r in records} == {before + 1} == {version()}
    assert len({r.history_date for r in records}) == 1
    assert {r.history_change_reason for r in records} == {""}


@EACH_EDIT
def test_the_newest_record_equals_the_stored_entry(edit, logged):
    edit()

    for stored in Buddy.objects.values():
        newest = (
            HistoricalBuddy.objects.filter(id=stored["id"])
            .order_by("history_id")
            .last()
        )
        assert {name: getattr(newest, name) for name in stored} == stored


@pytest.mark.parametrize(
    "edit",
    [
        lambda: edits.change(entries("romeo nurse"), "mario"),
        lambda: edits.change(entries("romeo nurse"), "mario", web_is_published=True),
        lambda: edits.change(entries("romeo"), "mario", parent=named("verona")),
        lambda: edits.shift(entries("romeo"), "mario", down=False),
        lambda: edits.shift(entries("juliet house"), "mario", down=True),
        lambda: edits.remove([], "mario"),
        lambda: whole_tree.load([], "mario", False),
        lambda: rebuild(*build.whole(Buddy.objects.all())["items"]),
    ],
    ids=[
        "no field",
        "the same flag",
        "the same parent",
        "first up",
        "last down",
        "remove nothing",
        "load nothing",
        "rebuild the same",
    ],
)
def test_an_edit_that_changes_nothing_is_not_recorded(edit):
    # Positions as after several moves.
    Buddy.objects.filter(name="house").update(position=GAP + 7)
    before = Tree.objects.values().get(), HistoricalBuddy.objects.count(), rows()

    edit()

    assert (
        Tree.objects.values().get(),
        HistoricalBuddy.objects.count(),
        rows(),
    ) == before


def test_a_shift_writes_only_the_entries_that_swap():
    Buddy.objects.filter(name="romeo").update(position=5)
    before = version()

    edits.shift(entries("juliet"), EDITOR, down=False)

    records = HistoricalBuddy.objects.filter(version__gt=before)
    assert {record.name for record in records} == {"juliet", "house"}


WRITES = {
    "change": lambda seen: edits.change(
        entries("mario romeo"), EDITOR, seen, status="s"
    ),
    "move": lambda seen: edits.move(
        entries("mario romeo"), EDITOR, None, "first", seen=seen
    ),
    "remove": lambda seen: edits.remove(entries("mario romeo"), EDITOR, seen),
}
EACH_WRITE = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


@EACH_WRITE
def test_a_stale_write_is_refused_with_who_did_what(write):
    seen = version()
    edits.change(entries("romeo"), "mario", name="romeo!", status="banished")
    edits.move(entries("romeo!"), "nurse", None, "last")
    Buddy.objects.filter(name="romeo!").update(name="romeo")
    before = rows()

    with pytest.raises(Stale) as caught:
        write(seen)

    words = "nurse changed “romeo!” just now: place, name and status text."
    assert str(caught.value) == words
    assert rows() == before


@EACH_WRITE
def test_edits_of_other_entries_make_no_write_stale(write):
    seen = version()
    edits.change(entries("verona juliet"), "mario", status="fair")

    write(seen)

    assert version() == seen + 2


@EACH_WRITE
def test_a_write_from_the_newest_version_is_accepted(write):
    edits.change(entries("romeo"), "mario", status="banished")

    write(version())

    assert Tree.objects.get().editors[EDITOR] == version()


def test_a_write_to_a_deleted_entry_says_so():
    romeo, seen = named("romeo"), version()
    edits.remove(entries("verona"), "mario")

    with pytest.raises(TreeError) as caught:
        edits.change([romeo], EDITOR, seen, status="banished")

    assert str(caught.value) == "mario deleted “romeo” just now."


def test_a_value_that_came_back_makes_no_write_stale():
    seen = version()
    edits.change(entries("romeo"), "mario", status="banished")
    undo(version(), "mario")

    edits.change(entries("romeo"), EDITOR, seen, status="fair")

    assert named("romeo").status == "fair"


def test_different_fields_of_one_entry_never_conflict():
    seen = version()
    edits.change(entries("romeo"), "mario", mobile_is_published=False)
    edits.change(entries("romeo"), "nurse", seen, web_is_published=False)
    edits.move(entries("romeo"), "juliet", None, "last", seen=seen)
    edits.change(entries("romeo"), EDITOR, seen, status="fair")

    romeo = named("romeo")
    flags = (romeo.mobile_is_published, romeo.web_is_published)
    assert (flags, romeo.status, romeo.parent) == ((False, False), "fair", None)


MOMENT = datetime(2026, 12, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("theirs", "mine"),
    [
        ({"status": "fair"}, {"status": "foul"}),
        ({"web_is_published": False}, {"web_is_published": True, "status": "s"}),
        ({"parent": None}, {"parent": "house"}),
        # Either is right only beside the other one.
        ({"visible_from": MOMENT}, {"visible_until": MOMENT}),
    ],
    ids=lambda fields: " ".join(fields),
)
def test_the_same_field_conflicts(theirs, mine):
    seen = version()
    edits.change(entries("juliet"), "mario", **theirs)
    if "parent" in mine:
        mine = {"parent": named(mine["parent"])}

    with pytest.raises(Stale, match="mario changed “juliet” just now"):
        edits.change(entries("juliet"), EDITOR, seen, **mine)


def test_what_is_newer_than_the_seen_version_conflicts_with_everything():
    seen = version()
    edits.add(new_in("verona"), "mario")

    with pytest.raises(Stale, match="mario added “benvolio” just now"):
        edits.change(entries("benvolio"), EDITOR, seen, status="fair")


def test_a_branch_is_not_deleted_when_somebody_edited_inside_it():
    seen = version()
    edits.add(new_in("house"), "mario")

    with pytest.raises(Stale, match="mario added “benvolio” just now"):
        edits.remove(entries("verona"), EDITOR, seen)

    assert len(outline()) == len(VERONA) + 1


def test_an_editor_without_edits_has_no_last_edit():
    assert history.newest("mario") is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("add", "Added “benvolio”"),
        ("edit", "Edited “romeo”"),
        ("switch one of two", "Changed the visibility of “romeo”"),
        ("switch", "Changed 2 items"),
        ("change of parent", "Moved “romeo”"),
        ("move", "Moved “house”"),
        ("shift", "Changed 2 items"),
        ("duplicate", "Added 3 items"),
        ("remove", "Deleted 4 items"),
        ("load", "Added 2 items"),
        ("rebuild", "Changed 8 items"),
    ],
)
def test_the_last_edit_is_described(name, words):
    edit, logged = EDITS[name]
    edit()
    mine = version()
    edits.change(entries("juliet"), "nurse", status="fair")

    last = history.LastEdit(mine, words, False, logged.count("+"))
    assert history.newest("mario") == last


def test_a_deletion_of_one_entry_names_it():
    edits.remove(entries("romeo"), "mario")
    newest = history.newest("mario")
    assert newest is not None
    assert newest.words == "Deleted “romeo”"


def test_the_last_edit_says_whether_it_was_an_undo():
    edits.change(entries("romeo"), "mario", name="Romeo")
    undo(version(), "mario")

    undone = history.newest("mario")
    undo(version(), "mario")
    done = history.newest("mario")

    assert undone == history.LastEdit(version() - 1, "Edited “romeo”", True, 0)
    assert done == history.LastEdit(version(), "Edited “Romeo”", True, 0)
