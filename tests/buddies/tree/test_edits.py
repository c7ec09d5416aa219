"""Edits of one entry, or a few."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from buddies.models import MAX_LEVELS, Buddy, Tree
from buddies.tree import edits
from buddies.tree.lock import TreeError
from buddies.tree.positions import GAP
from tests.buddies.conftest import EDITOR, channel, named, outline, rows
from tests.buddies.tree.verona import VERONA, positions


def deleted(name: str) -> Buddy:
    """Delete an entry; return it as it was read before."""
    buddy = named(name)
    edits.remove([named(name)], EDITOR)
    return buddy


@pytest.mark.django_db
def test_a_new_entry_is_the_last_of_its_parent(verona):
    edits.add(Buddy(name="benvolio", parent=named("house")), EDITOR)
    edits.add(Buddy(name="mantua"), EDITOR)

    assert outline() == [*VERONA[:5], "    benvolio", *VERONA[5:], "mantua"]


@pytest.mark.django_db
def test_a_new_entry_is_the_last_after_a_deletion_in_the_middle(verona):
    edits.remove([named("house")], EDITOR)
    channel("benvolio", verona)
    gaps = [place / GAP for place in positions("romeo", "juliet", "benvolio")]
    assert gaps == [1, 3, 4]


@pytest.mark.django_db
def test_adding_an_entry_to_a_deleted_group_is_refused(verona):
    house = deleted("house")

    with pytest.raises(TreeError, match="juliet deleted “house”"):
        edits.add(Buddy(name="benvolio", parent=house), EDITOR)


@pytest.mark.django_db
def test_changing_the_parent_to_a_deleted_group_is_refused(verona):
    chosen = deleted("house")

    with pytest.raises(TreeError, match="juliet deleted “house”"):
        edits.change([named("mario")], EDITOR, parent=chosen)


@pytest.mark.django_db
def test_a_cycle_with_a_concurrent_move_is_refused(verona):
    top = edits.add(Buddy(type="group", name="top"), EDITOR)
    below = edits.add(Buddy(type="group", name="below"), EDITOR)
    chosen = Buddy.objects.with_tree_fields().get(pk=below.pk)  # by the admin's form
    edits.move([below], "mario", top, "first")  # by somebody else

    with pytest.raises(ValidationError, match="You can't move a group into itself"):
        edits.change([top], EDITOR, parent=chosen)


@pytest.mark.django_db
def test_a_tree_has_a_limited_number_of_levels():
    above = None
    for level in range(MAX_LEVELS):
        above = edits.add(Buddy(type="group", name=f"{level}", parent=above), EDITOR)

    with pytest.raises(ValidationError, match=f"at most {MAX_LEVELS}"):
        edits.add(Buddy(name="too deep", parent=above), EDITOR)


@pytest.mark.django_db
def test_a_change_keeps_the_place(verona):
    edits.change([named("romeo")], EDITOR, name="Romeo")

    assert outline() == [line.replace("romeo", "Romeo") for line in VERONA]


@pytest.mark.django_db
def test_a_change_of_parent_moves_the_entry_to_the_end(verona):
    edits.change([named("romeo")], EDITOR, parent=named("house"))

    assert outline() == [
        "verona",
        "  house",
        "    tybalt",
        "    nurse",
        "    romeo",
        "  juliet",
        "mario",
    ]


@pytest.mark.django_db
def test_a_change_of_several_entries_returns_them_as_stored(verona):
    chosen = [named("nurse"), named("romeo")]

    changed = edits.change(chosen, EDITOR, parent=None, status="banished")

    assert changed == chosen
    assert [(one.status, one.parent) for one in changed] == [("banished", None)] * 2
    assert outline()[-3:] == ["mario", "nurse", "romeo"]
    assert {one.version for one in changed} == {Tree.objects.get().version}


@pytest.mark.django_db
def test_one_refused_change_leaves_all_entries_unchanged(verona):
    before = rows()

    with pytest.raises(ValidationError, match="it can't become a channel"):
        edits.change([named("mario"), verona], EDITOR, type="channel", status="s")

    assert rows() == before


@pytest.mark.django_db
def test_a_change_runs_the_model_validation(verona):
    with pytest.raises(ValidationError, match="You can't move a group into itself"):
        edits.change([verona], EDITOR, parent=named("house"))


@pytest.mark.django_db
def test_a_change_keeps_changes_by_others(verona):
    stale = named("romeo")
    edits.change([named("romeo")], EDITOR, status="banished")

    edits.change([stale], EDITOR, name="Romeo")

    romeo = named("Romeo")
    assert (romeo.name, romeo.status) == ("Romeo", "banished")


@pytest.mark.django_db
def test_an_entry_below_another_chosen_one_is_copied_once(verona):
    count = Buddy.objects.count()
    chosen = list(Buddy.objects.all())

    copies = edits.duplicate(chosen, EDITOR)

    assert Buddy.objects.count() == 2 * count
    assert all(copy.parent_id is None for copy in copies)


@pytest.mark.django_db
def test_switching_many_takes_as_many_queries_as_switching_two(verona):
    def queries(buddies: list[Buddy]) -> int:
        with CaptureQueriesContext(connection) as asked:
            edits.change(buddies, EDITOR, mobile_is_published=True)
        return len(asked)

    everything = list(Buddy.objects.all())
    assert queries(everything[:2]) == queries(everything[2:])
    assert all(Buddy.objects.values_list("mobile_is_published", flat=True))


@pytest.mark.django_db
def test_a_duplicate_is_a_draft_of_the_branch_after_the_original(verona):
    before = {row["id"]: row for row in Buddy.objects.values()}

    (copy,) = edits.duplicate([named("house")], EDITOR)

    assert outline() == [*VERONA[:5], "  house", "    tybalt", "    nurse", *VERONA[5:]]
    copies = Buddy.objects.exclude(pk__in=before)
    assert copy in copies
    assert {row["id"]: row for row in Buddy.objects.filter(pk__in=before).values()} == (
        before
    )
    assert not any(one.web_is_published or one.mobile_is_published for one in copies)
    addresses = {one.address for one in copies}
    assert len(addresses) == 3
    assert not addresses & {row["address"] for row in before.values()}
    assert copies.get(name="tybalt").server_address == "bots"


@pytest.mark.django_db
def test_a_duplicate_makes_room_after_the_original(verona):
    for position, name in enumerate(("romeo", "house", "juliet")):
        Buddy.objects.filter(name=name).update(position=position)

    (copy,) = edits.duplicate([named("romeo")], EDITOR)

    assert outline() == [*VERONA[:2], "  romeo", *VERONA[2:]]
    assert copy.position < named("house").position < named("juliet").position


@pytest.mark.django_db
def test_a_removal_deletes_and_counts_all_descendants(verona):
    count = edits.remove([named("house"), named("tybalt"), named("mario")], EDITOR)

    assert count == 4
    assert outline() == ["verona", "  romeo", "  juliet"]


@pytest.mark.django_db
def test_removing_a_deleted_entry_removes_nothing(verona):
    chosen = [named("romeo"), deleted("mario")]

    with pytest.raises(TreeError, match="juliet deleted “mario”"):
        edits.remove(chosen, EDITOR)

    assert outline() == VERONA[:-1]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "write",
    [
        lambda entry: edits.change([entry], EDITOR),
        lambda entry: edits.move([entry], EDITOR, None, "first"),
        lambda entry: edits.move([named("mario")], EDITOR, entry, "first"),
        lambda entry: edits.move([named("mario")], EDITOR, entry, "after"),
        lambda entry: edits.duplicate([entry], EDITOR),
        lambda entry: edits.remove([entry], EDITOR),
    ],
    ids=["change", "move", "move below", "move beside", "duplicate", "remove"],
)
def test_an_edit_of_a_deleted_entry_says_who_deleted_it(verona, write):
    house = deleted("house")

    with pytest.raises(TreeError, match="juliet deleted “house”"):
        write(house)
