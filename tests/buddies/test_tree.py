"""Structural writes: what each does, what it refuses, and races between them."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ValidationError
from django.db import connections, transaction

from buddies import document, tree
from buddies.models import MOST_LEVELS, Buddy, Tree
from tests.buddies.conftest import EDITOR, INITDB, channel, group, outline


@pytest.fixture
def verona(db) -> Buddy:
    """verona (romeo, house (tybalt, nurse), juliet) and, beside it, mario."""
    verona = group("verona")
    channel("romeo", verona)
    house = group("house", verona)
    channel("juliet", verona)
    for name in ("tybalt", "nurse"):
        channel(name, house, server_address="bots", mobile_is_published=True)
    channel("mario")
    return verona


VERONA = """\
verona
  romeo
  house
    tybalt
    nurse
  juliet
mario""".splitlines()


def named(name: str) -> Buddy:
    return Buddy.objects.get(name=name)


def gone(name: str) -> Buddy:
    """An entry as somebody read it before somebody else deleted it."""
    buddy = named(name)
    tree.remove([named(name)], EDITOR)
    return buddy


def positions(*names: str) -> list[int]:
    return [named(name).position for name in names]


# --- Lock row -----------------------------------------------------------------


@pytest.mark.django_db
def test_each_write_moves_the_version_on_and_notes_its_editor():
    romeo = tree.add(Buddy(name="Romeo"), "juliet")
    before = Tree.objects.get().version

    tree.change(romeo, "mario")
    tree.move(romeo, "juliet", parent=None, place=0)

    now = Tree.objects.get()
    assert now.version == before + 2
    assert now.editors == {"mario": before + 1, "juliet": before + 2}


@pytest.mark.django_db
def test_a_refused_write_leaves_the_version_alone(verona):
    before = Tree.objects.values().get()

    with pytest.raises(ValidationError):
        tree.add(Buddy(name=""), "mario")
    with pytest.raises(ValidationError):
        tree.move(verona, "mario", parent=named("house"), place=0)

    assert Tree.objects.values().get() == before
    assert outline() == VERONA


# --- Add and change -----------------------------------------------------------


@pytest.mark.django_db
def test_a_new_entry_is_the_last_of_its_parent(verona):
    tree.add(Buddy(name="benvolio", parent=named("house")), EDITOR)
    tree.add(Buddy(name="mantua"), EDITOR)

    assert outline() == [*VERONA[:5], "    benvolio", *VERONA[5:], "mantua"]


@pytest.mark.django_db
def test_the_last_place_is_free_again_after_a_deletion_in_the_middle(verona):
    tree.remove([named("house")], EDITOR)
    channel("benvolio", verona)
    assert positions("romeo", "juliet", "benvolio") == [0, 2, 3]


@pytest.mark.django_db
def test_a_new_entry_below_a_deleted_group_is_refused_in_words(verona):
    house = gone("house")

    with pytest.raises(tree.TreeError, match="Somebody deleted this entry"):
        tree.add(Buddy(name="benvolio", parent=house), EDITOR)


@pytest.mark.django_db
def test_a_change_below_a_deleted_group_is_refused_in_words(verona):
    chosen = gone("house")

    with pytest.raises(tree.TreeError, match="Somebody deleted this entry"):
        tree.change(named("mario"), EDITOR, parent=chosen)


@pytest.mark.django_db
def test_a_circle_closed_meanwhile_is_refused_in_words(verona):
    top = tree.add(Buddy(type="group", name="top"), EDITOR)
    below = tree.add(Buddy(type="group", name="below"), EDITOR)
    chosen = Buddy.objects.with_tree_fields().get(pk=below.pk)  # by the admin's form
    tree.move(below, "mario", parent=top, place=0)  # by somebody else

    with pytest.raises(ValidationError, match="cannot stand below itself"):
        tree.change(top, EDITOR, parent=chosen)


@pytest.mark.django_db
def test_a_tree_has_a_bounded_number_of_levels():
    above = None
    for level in range(MOST_LEVELS):
        above = tree.add(Buddy(type="group", name=f"{level}", parent=above), EDITOR)

    with pytest.raises(ValidationError, match=f"{MOST_LEVELS} levels at most"):
        tree.add(Buddy(name="too deep", parent=above), EDITOR)


@pytest.mark.django_db
def test_a_change_keeps_the_place(verona):
    tree.change(named("romeo"), EDITOR, name="Romeo")

    assert outline() == [line.replace("romeo", "Romeo") for line in VERONA]


@pytest.mark.django_db
def test_a_change_of_parent_moves_to_its_end(verona):
    tree.change(named("romeo"), EDITOR, parent=named("house"))

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
def test_a_change_checks_what_the_model_forbids(verona):
    with pytest.raises(ValidationError, match="cannot stand below itself"):
        tree.change(verona, EDITOR, parent=named("house"))


@pytest.mark.django_db
def test_a_change_keeps_what_others_wrote_in_the_meantime(verona):
    stale = named("romeo")
    tree.change(named("romeo"), EDITOR, status="banished")

    tree.change(stale, EDITOR, name="Romeo")

    romeo = named("Romeo")
    assert (romeo.name, romeo.status) == ("Romeo", "banished")


# --- Move and shift -----------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("place", "order"),
    [
        (-1, "juliet romeo house"),
        (0, "juliet romeo house"),
        (1, "romeo juliet house"),
        (2, "romeo house juliet"),
        (99, "romeo house juliet"),
    ],
)
def test_a_move_puts_an_entry_in_its_place_among_its_siblings(verona, place, order):
    tree.move(named("juliet"), EDITOR, parent=verona, place=place)

    children = verona.children.order_by("position")
    assert [child.name for child in children] == order.split()
    assert positions(*order.split()) == [0, 1, 2]


@pytest.mark.django_db
def test_a_move_takes_the_whole_branch_along(verona):
    tree.move(named("house"), EDITOR, parent=None, place=1)

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
    ("name", "parent", "reason"),
    [
        ("verona", "verona", "An entry cannot stand below itself."),
        ("verona", "house", "An entry cannot stand below itself."),
        ("house", "mario", "Only a group can hold entries."),
    ],
)
def test_a_move_to_where_nothing_can_stand_is_refused(verona, name, parent, reason):
    with pytest.raises(ValidationError) as caught:
        tree.move(named(name), EDITOR, parent=named(parent), place=0)

    assert caught.value.messages == [reason]
    assert outline() == VERONA


@pytest.mark.django_db
def test_a_move_goes_by_what_is_stored_now_and_keeps_what_others_wrote(verona):
    stale = named("romeo")
    tree.change(named("romeo"), EDITOR, status="banished")

    tree.move(stale, EDITOR, parent=None, place=0)

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
    tree.shift([named(name) for name in names.split()], EDITOR, down=down)

    children = verona.children.order_by("position")
    assert [child.name for child in children] == order.split()


@pytest.mark.django_db
def test_a_shift_goes_by_where_entries_stand_now(verona):
    stale = [named("romeo"), gone("mario")]
    tree.move(named("romeo"), "mario", parent=named("house"), place=0)

    tree.shift(stale, EDITOR, down=True)

    children = named("house").children.order_by("position")
    assert [child.name for child in children] == ["tybalt", "romeo", "nurse"]


# --- Duplicate and remove -----------------------------------------------------


@pytest.mark.django_db
def test_a_duplicate_is_the_branch_again_at_the_end_as_drafts(verona):
    before = {row["id"]: row for row in Buddy.objects.values()}

    copy = tree.duplicate(named("house"), EDITOR)

    assert outline() == [*VERONA[:6], "  house", "    tybalt", "    nurse", "mario"]
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
def test_a_removal_takes_all_below_and_counts_it(verona):
    count = tree.remove([named("house"), named("tybalt"), named("mario")], EDITOR)

    assert count == 4
    assert outline() == ["verona", "  romeo", "  juliet"]


@pytest.mark.django_db
def test_removing_what_is_gone_removes_nothing(verona):
    assert tree.remove([gone("mario")], EDITOR) == 0


@pytest.mark.django_db
@pytest.mark.parametrize(
    "write",
    [
        lambda entry: tree.change(entry, EDITOR),
        lambda entry: tree.move(entry, EDITOR, parent=None, place=0),
        lambda entry: tree.move(named("mario"), EDITOR, parent=entry, place=0),
        lambda entry: tree.duplicate(entry, EDITOR),
    ],
    ids=["change", "move", "move below", "duplicate"],
)
def test_an_entry_that_is_gone_is_said_to_be_gone(verona, write):
    house = gone("house")

    with pytest.raises(tree.TreeError, match="Somebody deleted this entry"):
        write(house)


# --- Load ---------------------------------------------------------------------


def item(address: str, *below: dict, **more: object) -> dict:
    return {
        "address": address,
        "type": "group" if below else "channel",
        "mobileIsPublished": True,
        "webIsPublished": True,
        "info": {"name": address},
        **({"items": list(below)} if below else {}),
        **more,
    }


def nodes(*items: dict) -> list[document.Node]:
    return list(document.read({"items": list(items)}))


@pytest.mark.django_db
def test_documents_are_added_at_the_end_in_their_order(verona):
    first = nodes(item("a", item("b"), item("c", item("d"))), item("e"))

    count = tree.load([("1", first), ("2", nodes(item("f")))], EDITOR, False)

    assert count == 6
    assert outline() == [*VERONA, "a", "  b", "  c", "    d", "e", "f"]


@pytest.mark.django_db
def test_replace_empties_the_tree_before_so_its_addresses_are_free(verona):
    assert tree.load([("1", nodes(item("mario")))], EDITOR, True) == 1
    assert outline() == ["mario"]


@pytest.mark.django_db
@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize(
    ("bad", "place", "reason"),
    [
        (item("twice", item("twice")), "items[1].items[0]", "Another entry has this"),
        (
            item("a", info={"name": ""}),
            "items[1]",
            "This field cannot be blank. (name)",
        ),
        (item("a" * 256), "items[1]", "at most 255 characters (it has 256). (address)"),
        (item("bell\x07"), "items[1]", "character U+0007, which XMPP cannot carry."),
    ],
)
def test_one_bad_entry_changes_nothing(verona, bad, place, reason, replace):
    documents = [("good", nodes(item("g"))), ("bad", nodes(item("h"), bad))]
    before = Tree.objects.values().get()

    with pytest.raises(document.DocumentError) as caught:
        tree.load(documents, EDITOR, replace)

    assert caught.value.path == f"bad: {place}"
    assert reason in caught.value.reason
    assert outline() == VERONA
    assert Tree.objects.values().get() == before


# --- Races --------------------------------------------------------------------


class Pair:
    """Two threads, each with a database connection of its own."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2, timeout=60)
        self._threads = ThreadPoolExecutor(2)

    def race(self, *moves: Callable[[], object]) -> list[object]:
        """Run both at once; what each returned, or why it was refused."""
        futures = [self._threads.submit(self._run, move) for move in moves]
        return [future.result() for future in futures]

    def _run(self, move: Callable[[], object]) -> object:
        self._barrier.wait()
        try:
            return move()
        except (ValidationError, tree.TreeError) as error:
            return error

    def close(self) -> None:
        self.race(connections.close_all, connections.close_all)
        self._threads.shutdown()


@pytest.fixture
def pair(transactional_db) -> Iterator[Pair]:
    pair = Pair()
    yield pair
    pair.close()


def refused(results: list[object]) -> list[object]:
    return [result for result in results if isinstance(result, Exception)]


def test_a_race_of_two_moves_into_each_other_closes_no_circle(pair):
    for number in range(30):
        with transaction.atomic():
            left, right = group(f"left {number}"), group(f"right {number}")
            channel(f"romeo {number}", left)
            channel(f"juliet {number}", right)

        results = pair.race(
            lambda left=left, right=right: tree.move(
                left, "romeo", parent=right, place=0
            ),
            lambda left=left, right=right: tree.move(
                right, "juliet", parent=left, place=0
            ),
        )

        assert [type(error) for error in refused(results)] == [ValidationError]
    # Everything is reached from the top, so no branch was lost either.
    assert len(outline()) == Buddy.objects.count() == 120


def test_a_race_of_an_addition_and_a_deletion_leaves_no_orphan(pair):
    for number in range(25):
        house = group(f"house {number}")
        romeo = Buddy(name=f"romeo {number}", parent=house)

        pair.race(
            lambda romeo=romeo: tree.add(romeo, "romeo"),
            lambda house=house: tree.remove([house], "juliet"),
        )

        assert not Buddy.objects.exists()


def test_a_race_of_a_move_and_a_deletion_leaves_no_orphan(pair):
    for number in range(25):
        with transaction.atomic():
            house, romeo = group(f"house {number}"), group(f"romeo {number}")
            channel(f"mario {number}", romeo)

        moved, _ = pair.race(
            lambda house=house, romeo=romeo: tree.move(
                romeo, "romeo", parent=house, place=0
            ),
            lambda house=house: tree.remove([house], "juliet"),
        )

        # Either the branch was below the house and went with it, or it stayed.
        stayed = [f"romeo {number}", f"  mario {number}"]
        assert outline() == (stayed if isinstance(moved, tree.TreeError) else [])
        Buddy.objects.all().delete()


def test_a_race_of_additions_gives_each_a_place_of_its_own(pair):
    house = group("house")
    for number in range(20):
        pair.race(
            *(
                lambda name=f"{name} {number}": tree.add(
                    Buddy(name=name, parent=house), name
                )
                for name in ("romeo", "juliet")
            )
        )

    places = house.children.values_list("position", flat=True)
    assert sorted(places) == list(range(40))


if INITDB:  # and where there is none, the line at the end of the report says so

    def test_the_same_on_postgresql(postgresql):
        command = [sys.executable, "-m", "pytest", __file__, "-q", "-k", "race"]

        done = subprocess.run(
            [*command, "--no-cov", "-p", "no:randomly", "-p", "no:cacheprovider"],
            env={**os.environ, **postgresql},
            capture_output=True,
            text=True,
        )

        assert done.returncode == 0, done.stdout + done.stderr
        assert "4 passed" in done.stdout
