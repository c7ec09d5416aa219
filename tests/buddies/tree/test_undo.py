"""Undoing an edit."""

import pytest
from django.core.exceptions import ValidationError

from buddies.models import Buddy, HistoricalBuddy, Tree
from buddies.tree import edits, history
from buddies.tree.lock import Stale, TreeError, editing
from buddies.tree.undo import can_undo, undo
from tests.buddies.conftest import EDITOR, named, outline, rows
from tests.buddies.tree.records import (
    EACH_EDIT,
    VERONA,
    create_verona,
    entries,
    new_in,
    version,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _verona(db) -> None:
    create_verona()


@EACH_EDIT
def test_an_undo_restores_the_previous_state(edit, logged):
    before = rows()
    edit()
    assert rows() != before

    undo(version(), "mario")

    assert rows() == before
    assert outline() == VERONA


@EACH_EDIT
def test_an_undo_of_an_undo_redoes_the_edit(edit, logged):
    before = rows()
    edit()
    after = rows()
    undo(version(), "mario")

    undo(version(), "mario")
    assert rows() == after

    undo(version(), "mario")
    assert rows() == before


@EACH_EDIT
def test_an_undo_is_an_edit_with_its_own_records(edit, logged):
    edit()
    before = version()

    undo(before, "mario")

    records = HistoricalBuddy.objects.filter(version__gt=before)
    turned = logged.translate(str.maketrans("+-", "-+"))
    assert sorted(r.history_type + r.name for r in records) == sorted(turned.split())
    assert {r.history_change_reason for r in records} == {history.UNDO}
    assert {r.version for r in records} == {before + 1} == {version()}
    for stored in Buddy.objects.values():
        newest = (
            HistoricalBuddy.objects.filter(id=stored["id"])
            .order_by("history_id")
            .last()
        )
        assert {name: getattr(newest, name) for name in stored} == stored


def test_an_undo_of_a_move_restores_respaced_siblings():
    for position, name in enumerate(("romeo", "house", "juliet")):
        Buddy.objects.filter(name=name).update(position=position)
        HistoricalBuddy.objects.filter(name=name).update(position=position)
    before = rows()
    edits.move(entries("mario"), "mario", named("romeo"), "after")
    assert HistoricalBuddy.objects.filter(version=version()).count() == 4

    undo(version(), "mario")

    assert rows() == before


def test_an_edit_is_not_undone_over_ones_own_later_edit():
    edits.change(entries("romeo"), "mario", status="banished")
    first = version()
    edits.change(entries("romeo"), "mario", status="pardoned")

    with pytest.raises(Stale, match="mario changed “romeo” just now: status text"):
        undo(first, "mario")


def add_a_group_and_rename(old: str, new: str) -> None:
    """One edit, as an import may be."""
    with editing("mario") as edit:
        edit.create([Buddy(name="g", type="group", address="g")])
        buddy = named(old)
        buddy.name = new
        edit.update([buddy])


REFUSALS = {
    "an entry edited since": (
        lambda: edits.change(entries("romeo"), "mario", name="Romeo"),
        lambda: edits.change(entries("Romeo"), "nurse", name="Montague"),
        "nurse changed “Montague” just now: name.",
    ),
    "one of several edited since": (
        lambda: edits.change(entries("romeo nurse"), "mario", status="s"),
        lambda: edits.change(entries("nurse"), "juliet", status="t"),
        "juliet changed “nurse” just now: status text.",
    ),
    "an entry deleted since": (
        lambda: edits.add(new_in("house"), "mario"),
        lambda: edits.remove(entries("house"), "nurse"),
        "nurse deleted “benvolio” just now.",
    ),
    "its group deleted since": (
        lambda: edits.remove(entries("tybalt"), "mario"),
        lambda: edits.remove(entries("house"), "nurse"),
        "It can't be undone because its group was deleted.",
    ),
    "the group it left deleted since": (
        lambda: edits.move(entries("tybalt"), "mario", None, "last"),
        lambda: edits.remove(entries("house"), "nurse"),
        "It can't be undone because its group was deleted.",
    ),
    "its group became a channel": (
        lambda: edits.move(entries("tybalt nurse"), "mario", None, "last"),
        lambda: edits.change(entries("house"), "nurse", type="channel"),
        "It can't be undone because the tree has changed since.",
    ),
    "its group moved below it": (
        lambda: edits.move(entries("house"), "mario", None, "last"),
        lambda: edits.move(entries("verona"), "nurse", named("house"), "last"),
        "It can't be undone because the tree has changed since.",
    ),
    "its address taken": (
        lambda: edits.change(entries("romeo"), "mario", address="montague"),
        lambda: edits.add(Buddy(name="other", address="romeo"), "nurse"),
        "It can't be undone because the tree has changed since.",
    ),
    "the address of a deleted entry taken": (
        lambda: edits.remove(entries("romeo"), "mario"),
        lambda: edits.add(Buddy(name="other", address="romeo"), "nurse"),
        "It can't be undone because the tree has changed since.",
    ),
    "entries added to it since": (
        lambda: edits.add(Buddy(name="mantua", type="group"), "mario"),
        lambda: edits.add(new_in("mantua"), "nurse"),
        "It can't be undone because the group is no longer empty.",
    ),
    "an entry it changed moved into a group it added": (
        lambda: add_a_group_and_rename("mario", "Mario"),
        lambda: edits.move(entries("Mario"), "nurse", named("g"), "last"),
        "It can't be undone because the group is no longer empty.",
    ),
    "entries moved into a copy": (
        lambda: edits.duplicate([named("house")], "mario"),
        lambda: edits.move(
            entries("mario"),
            "nurse",
            Buddy.objects.filter(name="house").latest("pk"),
            "last",
        ),
        "It can't be undone because the group is no longer empty.",
    ),
    "entries added to a channel made a group": (
        lambda: edits.change(entries("romeo"), "mario", type="group"),
        lambda: edits.add(new_in("romeo"), "nurse"),
        "It can't be undone because the tree has changed since.",
    ),
    "undone already": (
        lambda: edits.change(entries("romeo"), "mario", name="Romeo"),
        lambda: undo(version(), "mario"),
        "mario changed “romeo” just now: name.",
    ),
    "deletion undone already": (
        lambda: edits.remove(entries("romeo"), "mario"),
        lambda: undo(version(), "mario"),
        "mario added “romeo” just now.",
    ),
}


@pytest.mark.parametrize(
    ("edit", "meanwhile", "reason"),
    REFUSALS.values(),
    ids=[name.replace(" ", "-") for name in REFUSALS],
)
def test_an_edit_is_not_undone_over_later_changes(edit, meanwhile, reason):
    edit()
    mine = version()
    assert can_undo(mine, "mario")
    meanwhile()
    assert not can_undo(mine, "mario") or "tree has changed" in reason
    before = Tree.objects.values().get(), HistoricalBuddy.objects.count(), rows()

    with pytest.raises(Stale) as caught:
        undo(mine, "mario")

    assert str(caught.value) == reason
    assert (
        Tree.objects.values().get(),
        HistoricalBuddy.objects.count(),
        rows(),
    ) == before


def test_an_undo_keeps_edits_of_other_fields():
    edits.change(entries("romeo"), "mario", name="Romeo", web_is_published=False)
    mine = version()
    edits.change(entries("Romeo"), "nurse", status="banished")
    edits.move(entries("Romeo"), "nurse", None, "last")

    undo(mine, "mario")

    romeo = named("romeo")
    assert (romeo.web_is_published, romeo.status) == (True, "banished")
    assert outline()[-1] == "romeo"


def test_an_undo_keeps_edits_of_other_entries():
    edits.remove(entries("house"), "mario")
    mine = version()
    edits.change(entries("romeo"), "nurse", status="banished")
    edits.move(entries("juliet"), "nurse", named("romeo"), "before")

    undo(mine, "mario")

    assert named("romeo").status == "banished"
    order = ["verona", "  juliet", "  romeo", "  house", "    tybalt", "    nurse"]
    assert sorted(outline()) == sorted([*order, "mario"])
    places = [line for line in outline() if "juliet" in line or "romeo" in line]
    assert places == ["  juliet", "  romeo"]


@pytest.mark.parametrize("editor", ["mario", ""])
def test_an_edit_of_another_editor_cannot_be_undone(editor):
    edits.change(entries("romeo"), "juliet", status="banished")

    with pytest.raises(TreeError, match="There is nothing to undo"):
        undo(version(), editor)

    assert named("romeo").status == "banished"


def test_an_unknown_edit_cannot_be_undone():
    with pytest.raises(TreeError, match="There is nothing to undo"):
        undo(version() + 1, EDITOR)


def test_an_edit_of_very_many_entries_is_not_looked_at(monkeypatch):
    edits.change(entries("romeo nurse"), "mario", status="s")
    mine = version()
    edits.change(entries("romeo"), "nurse", status="t")
    assert not can_undo(mine, "mario")
    monkeypatch.setattr("buddies.tree.undo.MAX_CHECKED", 1)
    assert can_undo(mine, "mario")


def test_an_edit_of_an_entry_without_an_earlier_record_is_not_undone():
    edits.change(entries("romeo"), "mario", status="banished")
    HistoricalBuddy.objects.exclude(version=version()).delete()

    assert not can_undo(version(), "mario")
    with pytest.raises(TreeError, match="There is nothing to undo"):
        undo(version(), "mario")


def test_a_refused_edit_leaves_nothing_to_undo():
    with pytest.raises(ValidationError):
        edits.change(entries("romeo house"), "mario", type="channel")

    assert history.newest("mario") is None
