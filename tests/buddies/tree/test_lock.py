"""The lock of the tree, and concurrent editors."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, transaction

from buddies.models import Buddy, Tree
from buddies.tree import edits
from buddies.tree.lock import Stale, TreeError, editing
from buddies.tree.positions import GAP
from tests.buddies.conftest import EDITOR, channel, group, named, outline
from tests.buddies.tree.verona import VERONA
from xmppservice.runtime import wakeups


def test_an_edit_wakes_the_worker(db, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks:
        channel("romeo")
    assert wakeups.SYNC_VCARD in str(callbacks)


def test_an_edit_that_writes_nothing_sends_no_wake_up(
    db, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as callbacks, editing(EDITOR):
        pass
    assert callbacks == []


@pytest.mark.django_db
def test_each_write_increments_the_version_and_records_its_editor():
    for name in ("Mercutio", "Romeo"):
        romeo = edits.add(Buddy(name=name), "juliet")
    before = Tree.objects.get().version

    edits.change([romeo], "mario", status="banished")
    edits.move([romeo], "juliet", None, "first")

    now = Tree.objects.get()
    assert now.version == before + 2
    assert now.editors == {"mario": before + 1, "juliet": before + 2}


@pytest.mark.django_db
def test_a_refused_write_leaves_the_version_unchanged(verona):
    before = Tree.objects.values().get()

    with pytest.raises(ValidationError):
        edits.add(Buddy(name=""), "mario")
    with pytest.raises(ValidationError):
        edits.move([verona], "mario", named("house"), "first")

    assert Tree.objects.values().get() == before
    assert outline() == VERONA


class Pair:
    """Two threads, each with a database connection of its own."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2, timeout=60)
        self._threads = ThreadPoolExecutor(2)

    def race(self, *moves: Callable[[], object]) -> list[object]:
        """Run both at once; return what each returned, or its error."""
        futures = [self._threads.submit(self._run, move) for move in moves]
        return [future.result() for future in futures]

    def _run(self, move: Callable[[], object]) -> object:
        self._barrier.wait()
        try:
            return move()
        except (ValidationError, IntegrityError, TreeError) as error:
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


def test_a_race_of_two_moves_into_each_other_creates_no_cycle(pair):
    for number in range(30):
        with transaction.atomic():
            left, right = group(f"left {number}"), group(f"right {number}")
            channel(f"romeo {number}", left)
            channel(f"juliet {number}", right)

        results = pair.race(
            lambda left=left, right=right: edits.move([left], "romeo", right, "first"),
            lambda left=left, right=right: edits.move([right], "juliet", left, "first"),
        )

        assert [type(error) for error in refused(results)] == [ValidationError]
    # Every entry is reached from the top, so no branch was lost either.
    assert len(outline()) == Buddy.objects.count() == 120


def test_a_race_of_writes_without_the_lock_creates_no_cycle(pair):
    """Triggers refuse the cycle when writers do not take the lock."""

    def put(name: str, below: str) -> None:
        Buddy.objects.filter(pk=named(name).pk).update(parent=named(below))

    for number in range(30):
        left, right = f"left {number}", f"right {number}"
        with transaction.atomic():
            group(left)
            group(right)

        results = pair.race(partial(put, left, right), partial(put, right, left))

        assert [type(error) for error in refused(results)] == [IntegrityError]
    assert len(outline()) == Buddy.objects.count() == 60


def test_a_race_of_an_addition_and_a_deletion_leaves_no_orphan(pair):
    for number in range(25):
        house = group(f"house {number}")
        romeo = Buddy(name=f"romeo {number}", parent=house)

        pair.race(
            lambda romeo=romeo: edits.add(romeo, "romeo"),
            lambda house=house: edits.remove([house], "juliet"),
        )

        assert not Buddy.objects.exists()


def test_a_race_of_a_move_and_a_deletion_leaves_no_orphan(pair):
    for number in range(25):
        with transaction.atomic():
            house, romeo = group(f"house {number}"), group(f"romeo {number}")
            channel(f"mario {number}", romeo)

        moved, _ = pair.race(
            lambda house=house, romeo=romeo: edits.move(
                [romeo], "romeo", house, "first"
            ),
            lambda house=house: edits.remove([house], "juliet"),
        )

        # The branch was either moved and deleted with the house, or it stayed.
        stayed = [f"romeo {number}", f"  mario {number}"]
        assert outline() == (stayed if isinstance(moved, TreeError) else [])
        Buddy.objects.all().delete()


def test_a_race_of_additions_gives_each_its_own_position(pair):
    house = group("house")
    for number in range(20):
        pair.race(
            *(
                lambda name=f"{name} {number}": edits.add(
                    Buddy(name=name, parent=house), name
                )
                for name in ("romeo", "juliet")
            )
        )

    places = house.children.values_list("position", flat=True)
    assert sorted(places) == [GAP * (nth + 1) for nth in range(40)]


def test_a_race_for_one_field_has_one_winner(pair):
    channel("mario")
    for number in range(20):
        romeo = channel(f"romeo {number}")
        seen = Tree.objects.get().version

        results = pair.race(
            *(
                lambda romeo=romeo, seen=seen, name=name: edits.change(
                    [romeo], name, seen, status=f"banished by {name}"
                )
                for name in ("romeo", "juliet")
            )
        )

        assert [type(error) for error in refused(results)] == [Stale]
