"""Putting back a field, a branch, one entry's edits, and what was deleted."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from buddies.models import Buddy, HistoricalBuddy
from buddies.tree import edits, snapshot, undo
from buddies.tree.lock import Stale, TreeError
from buddies.tree.putting_back import (
    deleted_since,
    put_branch_back,
    put_field_back,
)
from buddies.tree.rebuilding import with_branch
from buddies.tree.snapshot import PARENT, Snapshot
from tests.buddies.conftest import EDITOR, named, outline
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


def change(name: str, by: str = EDITOR, **fields: object) -> HistoricalBuddy:
    edits.change([named(name)], by, **fields)
    return HistoricalBuddy.objects.first()


# --- A field --------------------------------------------------------------------------


def test_a_field_is_put_back_whatever_came_since():
    record = change("romeo", status="in love")
    change("romeo", "mario", status="banished")
    change("romeo", "mario", default_message="O!")

    put_field_back(record.history_id, "status", "mario")

    romeo = named("romeo")
    assert (romeo.status, romeo.default_message) == ("", "O!")


def test_a_place_is_put_back_at_the_end_of_its_group():
    edits.move(entries("romeo"), EDITOR, None, "first")
    record = HistoricalBuddy.objects.first()

    put_field_back(record.history_id, "parent", "mario")

    assert outline() == [
        *["verona", "  house", "    tybalt", "    nurse"],
        "  juliet",
        "  romeo",
        "mario",
    ]


@pytest.mark.parametrize("field", ["position", "version", "id", "key", "nothing"])
def test_only_what_can_be_edited_is_put_back(field):
    record = change("romeo", status="in love")
    with pytest.raises(TreeError):
        put_field_back(record.history_id, field, "mario")


def test_nothing_comes_before_an_entry_was_added():
    first = HistoricalBuddy.objects.filter(name="romeo").last()
    for record in (first.history_id, 10**9):
        with pytest.raises(TreeError, match="nothing to undo"):
            put_field_back(record, "status", "mario")


# --- Several edits of one entry -------------------------------------------------------


def test_a_run_of_edits_is_put_back_together_and_the_rest_stays():
    first = change("romeo", status="in").version
    last = change("romeo", status="in love").version
    change("romeo", "mario", web_is_published=False)

    undo.put_back(named("romeo").pk, first, last, "mario")

    romeo = named("romeo")
    assert (romeo.status, romeo.web_is_published) == ("", False)


def test_a_run_is_not_put_back_over_a_newer_change_of_the_same():
    first = change("romeo", status="in").version
    last = change("romeo", status="in love").version
    change("romeo", "mario", status="banished")

    with pytest.raises(Stale, match="mario changed “romeo”"):
        undo.put_back(named("romeo").pk, first, last, EDITOR)
    assert named("romeo").status == "banished"


def test_an_entry_that_was_added_and_then_edited_is_deleted_again():
    made = edits.add(new_in("house"), EDITOR)
    first = version()
    last = change("benvolio", status="in").version
    edits.change([named("romeo")], "mario", status="other")

    undo.put_back(made.pk, first, last, "mario")
    assert not Buddy.objects.filter(pk=made.pk).exists()
    undo.undo(version(), "mario")
    assert named("benvolio").status == "in"


def test_an_added_entry_that_somebody_edited_since_is_not_deleted():
    made = edits.add(new_in("house"), EDITOR)
    first = version()
    last = change("benvolio", status="in").version
    change("benvolio", "mario", status="mine")

    with pytest.raises(Stale, match="mario changed “benvolio”"):
        undo.put_back(made.pk, first, last, EDITOR)


def test_an_added_group_that_holds_something_is_not_deleted():
    made = edits.add(Buddy(name="mantua", type="group"), EDITOR)
    first = version()
    last = change("mantua", status="in").version
    edits.move(entries("romeo"), "mario", made, "last")

    with pytest.raises(Stale, match="no longer empty"):
        undo.put_back(made.pk, first, last, EDITOR)


# --- A branch -------------------------------------------------------------------------


def tree() -> Snapshot:
    return snapshot.of(Buddy.objects.all())


#: Edits after which another entry has an address of the branch, or is in a channel.
IN_THE_WAY = [
    "+b +romeo -house -juliet -mario -nurse -romeo -tybalt -verona",
    "+a +b ~house ~juliet ~mario ~nurse ~romeo ~verona",
]


@EACH_EDIT
def test_a_branch_is_again_what_it_was_before_any_edit(edit, logged):
    before, seen = tree(), version()
    number, key = named("verona").pk, str(named("verona").key)
    edit()
    now = tree()
    if logged in IN_THE_WAY:
        with pytest.raises(ValidationError):
            put_branch_back(number, seen, "mario")
        assert tree() == now
        return

    put_branch_back(number, seen, "mario")

    after = tree()
    branch = snapshot.branch(before, [key])
    assert {k: after.entries[k] for k in branch} == {
        k: before.entries[k] for k in branch
    }
    for group in branch:
        held = after.order.get(group, [])
        was = before.order.get(group, [])
        assert [k for k in held if k in was] == was
    assert after.entries.keys() == now.entries.keys() | set(branch)


def test_what_came_into_a_branch_stays_behind_its_neighbour():
    seen = version()
    edits.add(new_in("house"), EDITOR)
    edits.remove(entries("tybalt"), EDITOR)
    edits.move(entries("nurse"), EDITOR, named("benvolio"), "after")

    put_branch_back(named("house").pk, seen, "mario")

    house = ["  house", "    benvolio", "    tybalt", "    nurse"]
    assert outline() == [*VERONA[:2], *house, *VERONA[-2:]]


def test_a_branch_comes_back_after_its_group_was_deleted():
    seen, house = version(), named("house").pk
    edits.remove(entries("house"), EDITOR)
    edits.move(entries("romeo juliet"), EDITOR, None, "last")
    edits.remove(entries("verona"), EDITOR)

    put_branch_back(house, seen, "mario")

    assert outline() == [
        "mario",
        "romeo",
        "juliet",
        *["house", "  tybalt", "  nurse"],
    ]
    assert named("house").pk == house


def test_a_group_that_holds_its_old_group_now_stays_there():
    seen, house = version(), named("house")
    edits.move([house], EDITOR, None, "last")
    edits.move(entries("verona"), EDITOR, named("house"), "last")

    put_branch_back(house.pk, seen, "mario")

    assert named("verona").parent == named("house")
    assert named("house").parent is None


def test_an_entry_that_did_not_exist_then_is_not_put_back():
    seen = version()
    made = edits.add(new_in("house"), EDITOR)
    with pytest.raises(TreeError, match="nothing to undo"):
        put_branch_back(made.pk, seen, "mario")


def test_an_address_that_is_taken_now_is_named():
    seen, romeo = version(), named("romeo")
    edits.remove([romeo], EDITOR)
    change("mario", address="romeo")

    with pytest.raises(ValidationError, match="taken"):
        put_branch_back(romeo.pk, seen, "mario")
    assert not Buddy.objects.filter(name="romeo").exists()


KEYS = "abcdef"


@st.composite
def trees(draw: st.DrawFn) -> Snapshot:
    """A tree of some of six entries, each in an earlier one or at the top level."""
    keys = draw(st.permutations(KEYS))[: draw(st.integers(1, len(KEYS)))]
    entries_, order = {}, {}
    for place, key in enumerate(keys):
        group = draw(st.sampled_from([None, *keys[:place]]))
        entries_[key] = {PARENT: group, "name": key}
        order.setdefault(group, []).append(key)
    return Snapshot(entries_, order)


@given(trees(), trees(), st.data())
def test_no_branch_makes_a_cycle_or_loses_an_entry(now, then, data):
    root = data.draw(st.sampled_from(sorted(then.entries)))
    result = with_branch(now, then, root)

    reached = list(snapshot.depth_first(result))
    branch = snapshot.branch(then, [root])
    assert sorted(reached) == sorted({*now.entries, *branch})
    assert reached.count(root) == 1
    assert {*branch} <= {*snapshot.branch(result, [root])}


# --- The trash ------------------------------------------------------------------------


def test_the_trash_has_the_topmost_of_what_was_deleted_and_is_not_back():
    edits.remove(entries("nurse"), "paris")
    edits.remove(entries("house mario"), "mario")
    since = timezone.now() - timedelta(days=30)

    found = list(deleted_since(since))
    assert [(one.name, one.inside, one.editor) for one in found] == [
        ("house", 1, "mario"),
        ("mario", 0, "mario"),
        ("nurse", 0, "paris"),
    ]

    put_branch_back(found[0].number, found[0].version, "mario")
    assert [one.name for one in deleted_since(since)] == ["mario", "nurse"]
    old = timezone.now() - timedelta(days=31)
    HistoricalBuddy.objects.update(history_date=old)
    assert list(deleted_since(since)) == []
