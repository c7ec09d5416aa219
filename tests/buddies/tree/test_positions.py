"""Moving entries."""

import pytest
from django.core.exceptions import ValidationError

from buddies.models import Buddy, HistoricalBuddy, Tree
from buddies.tree import edits
from tests.buddies.conftest import EDITOR, channel, named, outline, rows
from tests.buddies.tree.verona import VERONA, positions

TOP = ["verona", "mario"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("names", "where", "target", "order"),
    [
        ("juliet", "first", "verona", "juliet romeo house"),
        ("juliet", "before", "romeo", "juliet romeo house"),
        ("juliet", "after", "romeo", "romeo juliet house"),
        ("juliet", "before", "house", "romeo juliet house"),
        ("juliet", "after", "house", "romeo house juliet"),
        ("romeo", "last", "verona", "house juliet romeo"),
        ("mario", "first", "verona", "mario romeo house juliet"),
        ("mario", "after", "romeo", "romeo mario house juliet"),
        ("mario", "last", "verona", "romeo house juliet mario"),
        ("house juliet", "first", "verona", "house juliet romeo"),
        ("juliet romeo", "last", "verona", "house juliet romeo"),
        ("juliet romeo", "before", "house", "juliet romeo house"),
        (
            "nurse mario tybalt",
            "after",
            "romeo",
            "romeo nurse mario tybalt house juliet",
        ),
    ],
)
def test_a_move_puts_entries_in_their_place_among_their_siblings(
    verona, names, where, target, order
):
    chosen = [named(name) for name in names.split()]

    moved = edits.move(chosen, EDITOR, named(target), where)

    children = verona.children.order_by("position")
    assert [child.name for child in children] == order.split()
    assert [one.position for one in moved] == positions(*names.split())
    # Positions are distinct, so that no order depends on age.
    assert len(set(positions(*order.split()))) == len(order.split())


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["first", "last"])
def test_a_move_without_a_target_goes_to_an_end_of_the_top(verona, where):
    edits.move([named("nurse"), named("romeo")], EDITOR, None, where)

    top = [name for name in outline() if not name.startswith(" ")]
    ends = {"first": ["nurse", "romeo", *TOP], "last": [*TOP, "nurse", "romeo"]}
    assert top == ends[where]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("names", "where", "target"),
    [
        ("house", "before", "house"),
        ("house", "after", "house"),
        ("house", "after", "romeo"),
        ("house", "before", "juliet"),
        ("romeo", "first", "verona"),
        ("juliet", "last", "verona"),
        ("romeo house", "before", "juliet"),
    ],
)
def test_a_move_to_the_current_place_is_not_an_edit(verona, names, where, target):
    before = Tree.objects.values().get()

    edits.move([named(name) for name in names.split()], EDITOR, named(target), where)

    assert outline() == VERONA
    assert Tree.objects.values().get() == before


@pytest.mark.django_db
def test_a_move_writes_only_the_moved_entry(verona):
    others = Buddy.objects.exclude(name="juliet").order_by("pk")
    before = list(others.values())

    edits.move([named("juliet")], EDITOR, named("romeo"), "after")

    assert list(others.values()) == before


@pytest.mark.django_db
@pytest.mark.parametrize(("where", "target"), [("before", "last"), ("after", "first")])
def test_siblings_are_respaced_when_a_gap_is_used_up(where, target):
    names = [f"{number}" for number in range(60)]
    for name in ("first", "last", *names):
        channel(name)
    before = Tree.objects.get().version

    for name in names:
        edits.move([named(name)], EDITOR, named(target), where)

    between = names if target == "last" else names[::-1]
    assert outline() == ["first", *between, "last"]
    assert len(set(positions(*outline()))) == 62
    for name in outline():
        newest = HistoricalBuddy.objects.filter(name=name).order_by("history_id").last()
        assert newest.position == named(name).position
        assert newest.version == named(name).version
    assert Tree.objects.get().version == before + 60


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["before", "after"])
def test_a_move_separates_entries_with_the_same_position(where):
    for name in "abcd":
        channel(name)
    Buddy.objects.update(position=7)

    edits.move([named("d")], EDITOR, named("b"), where)

    assert (
        outline()
        == {"before": ["a", "d", "b", "c"], "after": ["a", "b", "d", "c"]}[where]
    )
    assert positions(*outline()) == sorted(set(positions(*outline())))


@pytest.mark.django_db
def test_a_move_takes_the_whole_branch_along(verona):
    edits.move([named("house")], EDITOR, verona, "after")

    assert outline() == [
        "verona",
        "  romeo",
        "  juliet",
        "house",
        "  tybalt",
        "  nurse",
        "mario",
    ]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("names", "where", "target", "reason"),
    [
        ("verona", "first", "verona", "You can't move a group into itself."),
        ("verona", "first", "house", "You can't move a group into itself."),
        ("verona", "after", "tybalt", "You can't move a group into itself."),
        ("mario verona", "last", "house", "You can't move a group into itself."),
        ("house", "first", "mario", "Only a group can contain channels and groups."),
        (
            "romeo house",
            "last",
            "mario",
            "Only a group can contain channels and groups.",
        ),
    ],
)
def test_a_move_to_an_invalid_place_is_refused(verona, names, where, target, reason):
    before = rows()

    with pytest.raises(ValidationError) as caught:
        edits.move([named(n) for n in names.split()], EDITOR, named(target), where)

    assert caught.value.messages == [reason]
    assert rows() == before


@pytest.mark.django_db
def test_a_move_of_a_stale_entry_keeps_changes_by_others(verona):
    stale = named("romeo")
    edits.change([named("romeo")], EDITOR, status="banished")

    edits.move([stale], EDITOR, None, "first")

    assert named("romeo").status == "banished"
    assert outline()[0] == "romeo"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("names", "down", "order"),
    [
        ("house", False, "house romeo juliet"),
        ("house", True, "romeo juliet house"),
        ("romeo", False, "romeo house juliet"),
        ("juliet", True, "romeo house juliet"),
        ("romeo house", False, "romeo house juliet"),
        ("house juliet", True, "romeo house juliet"),
        ("house juliet", False, "house juliet romeo"),
        ("romeo juliet", False, "romeo juliet house"),
    ],
)
def test_a_shift_swaps_with_neighbours_and_stops_at_the_ends(
    verona, names, down, order
):
    edits.shift([named(name) for name in names.split()], EDITOR, down=down)

    children = verona.children.order_by("position")
    assert [child.name for child in children] == order.split()


@pytest.mark.django_db
def test_a_shift_separates_entries_with_the_same_position(verona):
    verona.children.update(position=7)

    edits.shift([named("juliet")], EDITOR, down=False)

    children = verona.children.order_by("position")
    assert [child.name for child in children] == ["romeo", "juliet", "house"]
    assert len({child.position for child in children}) == 3


@pytest.mark.django_db
def test_a_shift_uses_the_stored_positions(verona):
    stale = [named("romeo")]
    edits.move([named("romeo")], "mario", named("house"), "first")

    edits.shift(stale, EDITOR, down=True)

    children = named("house").children.order_by("position")
    assert [child.name for child in children] == ["tybalt", "romeo", "nurse"]
