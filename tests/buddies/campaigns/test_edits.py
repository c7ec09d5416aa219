"""The edits of a campaign: as those of the tree, and the tree stays as it is."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies.models import Buddy, Campaign, DifferenceLog, Tree
from buddies.tree import edits
from buddies.tree.lock import Stale, TreeError
from tests.buddies.campaigns.conftest import Desk, outline_of
from tests.buddies.conftest import EDITOR, STORED, named, outline, rows
from tests.buddies.tree.records import VERONA, create_verona

pytestmark = pytest.mark.django_db

Outline = list[tuple[int, dict[str, Any]]]

# Each edit by mario, what the log says, and the tree after it.
EDITS: dict[str, tuple[Callable[[Desk], object], str, list[str]]] = {
    "add": (
        lambda desk: desk.edits.add(
            Buddy(name="benvolio", parent=desk.named("house")), "mario"
        ),
        "Added “benvolio”",
        [*VERONA[:5], "    benvolio", *VERONA[5:]],
    ),
    "edit": (
        lambda desk: desk.edits.change([desk.named("romeo")], "mario", name="Romeo"),
        "Edited “Romeo”",
        ["verona", "  Romeo", *VERONA[2:]],
    ),
    "switch": (
        lambda desk: desk.edits.change(
            desk.named_all("romeo nurse"), "mario", web_is_published=False
        ),
        "Changed 2 items",
        VERONA,
    ),
    "change of group": (
        lambda desk: desk.edits.change(
            [desk.named("romeo")], "mario", parent=desk.named("house")
        ),
        "Moved “romeo”",
        ["verona", "  house", "    tybalt", "    nurse", "    romeo", *VERONA[5:]],
    ),
    "move": (
        lambda desk: desk.edits.move([desk.named("house")], "mario", None, "first"),
        "Moved “house”",
        ["house", "  tybalt", "  nurse", "verona", "  romeo", "  juliet", "mario"],
    ),
    "move of several": (
        lambda desk: desk.edits.move(
            desk.named_all("nurse mario"), "mario", desk.named("romeo"), "before"
        ),
        "Changed 2 items",
        [
            "verona",
            "  nurse",
            "  mario",
            "  romeo",
            "  house",
            "    tybalt",
            "  juliet",
        ],
    ),
    "shift": (
        lambda desk: desk.edits.shift([desk.named("juliet")], "mario", down=False),
        "Moved “verona”",
        [
            "verona",
            "  romeo",
            "  juliet",
            "  house",
            "    tybalt",
            "    nurse",
            "mario",
        ],
    ),
    "duplicate": (
        lambda desk: desk.edits.duplicate([desk.named("house")], "mario"),
        "Added 3 items",
        [*VERONA[:5], "  house", "    tybalt", "    nurse", *VERONA[5:]],
    ),
    "remove": (
        lambda desk: desk.edits.remove(desk.named_all("house mario"), "mario"),
        "Deleted 4 items",
        ["verona", "  romeo", "  juliet"],
    ),
}
EACH_EDIT = pytest.mark.parametrize(
    ("edit", "words", "after"), EDITS.values(), ids=list(EDITS)
)


@EACH_EDIT
def test_an_edit_is_of_the_campaign_and_nothing_else(
    verona, natale, edit, words, after
):
    before = rows(), Tree.objects.values().get()

    edit(natale)

    assert natale.outline() == after
    assert (rows(), Tree.objects.values().get()) == before
    assert outline() == VERONA


@EACH_EDIT
def test_an_undo_restores_the_campaign(verona, natale, edit, words, after):
    natale.edits.change([natale.named("juliet")], EDITOR, status="Ay me")
    before = natale.view.stored.rows
    edit(natale)
    made = natale.view.stored.rows

    natale.edits.undo(natale.version, "mario")
    assert natale.view.stored.rows == before

    natale.edits.undo(natale.version, "mario")
    assert natale.view.stored.rows == made
    assert natale.outline() == after
    # One version an edit: the first, this, its undo, the undo of that.
    assert natale.version == 4


# --- As the tree's own edits ----------------------------------------------------------


def outline_of_values(buddies: list[Buddy]) -> Outline:
    """Return depth and values of entries in order, without what is generated."""
    by_id = {buddy.pk: buddy for buddy in buddies}
    below: dict[int | None, list[Buddy]] = {}
    for buddy in sorted(buddies, key=lambda one: (one.position, one.pk)):
        below.setdefault(buddy.parent_id, []).append(buddy)
    waiting = [(0, buddy) for buddy in reversed(below.get(None, []))]
    lines: Outline = []
    while waiting:
        depth, buddy = waiting.pop()
        names = ("name", "type", "status", "mobile_is_published", "visible_from")
        lines.append((depth, {name: getattr(buddy, name) for name in names}))
        waiting.extend((depth + 1, one) for one in reversed(below.get(buddy.pk, [])))
    assert len(lines) == len(by_id)
    return lines


class Live:
    """The tree itself, with the same words."""

    edits = edits

    @property
    def buddies(self) -> list[Buddy]:
        return list(Buddy.objects.all())


class Drawn:
    """A campaign of its own."""

    def __init__(self) -> None:
        self.desk = Desk("Natale")
        self.edits = self.desk.edits

    @property
    def buddies(self) -> list[Buddy]:
        return self.desk.view.buddies


def attempt(place: Live | Drawn, number: int, seed: int) -> object:
    """Do a random edit, possible or not; return what it says."""
    rng = random.Random(seed)
    # In the order of the tree, in which both have the same entries.
    ordered = in_order(place.buddies)
    some = rng.sample(ordered, min(len(ordered), rng.choice((1, 1, 1, 2, 3))))
    target = rng.choice([None, *ordered])
    kind = rng.choice(("add", "change", "change", "move", "move", "shift"))
    kind = rng.choice((kind, kind, "duplicate", "remove"))
    try:
        with transaction.atomic():
            return _do(place, kind, some, target, number, rng)
    except ValidationError as error:
        # Of two with one address, either may be named.
        return sorted(error.message_dict)
    except TreeError as error:
        return str(error)


def _do(
    place: Live | Drawn,
    kind: str,
    some: list[Buddy],
    target: Buddy | None,
    number: int,
    rng: random.Random,
) -> object:
    if kind == "add":
        fields = {"type": rng.choice(("group", "channel")), "address": f"new{number}"}
        new = Buddy(name=f"new {number}", parent=target, **fields)
        return place.edits.add(new, "mario").name
    if kind == "change":
        fields = rng.choice(
            (
                {"name": f"name {number}"},
                {"name": ""},
                {"mobile_is_published": rng.choice((True, False))},
                {"type": rng.choice(("group", "channel"))},
                {"parent": target},
                {"address": rng.choice(("romeo", "ROMEO"))},
                {"status": "  trimmed  ", "parent": target},
            )
        )
        changed = place.edits.change(some, "mario", **fields)
        return [one.name for one in changed]
    if kind == "move":
        where = rng.choice(("before", "after", "first", "last"))
        if target is None and where in ("before", "after"):
            where = "last"
        moved = place.edits.move(some, "mario", target, where)
        return [one.name for one in moved]
    if kind == "shift":
        return place.edits.shift(some, "mario", down=rng.choice((True, False)))
    if kind == "duplicate":
        return [one.name for one in place.edits.duplicate(some, "mario")]
    return place.edits.remove(some, "mario")


def in_order(buddies: list[Buddy]) -> list[Buddy]:
    below: dict[int | None, list[Buddy]] = {}
    for buddy in sorted(buddies, key=lambda one: (one.position, one.pk)):
        below.setdefault(buddy.parent_id, []).append(buddy)
    waiting, found = below.get(None, [])[::-1], []
    while waiting:
        found.append(waiting.pop())
        waiting += below.get(found[-1].pk, [])[::-1]
    return found


def equality_test(count: int) -> Callable[..., None]:
    """Return a test that edits ``count`` trees live, and in a campaign."""

    @settings(STORED, max_examples=count)
    @given(seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=8))
    def check(db, seeds):
        with transaction.atomic():
            create_verona()
            campaign, live = Drawn(), Live()
            drawn = []
            for number, seed in enumerate(seeds):
                said = attempt(campaign, number, seed)
                drawn.append((said, outline_of_values(campaign.buddies)))
            for number, seed in enumerate(seeds):
                said = attempt(live, number, seed)
                assert drawn[number] == (said, outline_of_values(live.buddies))
            transaction.set_rollback(True)

    return check


# tests/slow runs more examples.
test_the_same_edits_leave_the_same_tree_as_live = equality_test(25)


# --- What others did meanwhile --------------------------------------------------------


def test_an_edit_of_the_same_value_is_stale(verona, natale):
    seen = natale.version
    natale.edits.change([natale.named("romeo")], "nurse", seen, status="banished")

    with pytest.raises(Stale) as caught:
        natale.edits.change([natale.named("romeo")], "mario", seen, status="in love")

    assert str(caught.value) == "nurse changed “romeo” just now: status text."
    assert natale.named("romeo").status == "banished"


def test_an_edit_of_another_value_is_not(verona, natale):
    seen = natale.version
    natale.edits.change([natale.named("romeo")], "nurse", seen, status="banished")

    natale.edits.change([natale.named("romeo")], "mario", seen, name="Romeo")
    natale.edits.move([natale.named("Romeo")], "mario", None, "first", seen)

    assert natale.named("Romeo").status == "banished"
    assert natale.outline()[0] == "Romeo"


def test_a_move_of_what_was_moved_is_stale(verona, natale):
    seen, romeo = natale.version, natale.named("romeo")
    natale.edits.move([romeo], "nurse", None, "last", seen)

    with pytest.raises(Stale, match="nurse changed “romeo” just now: place"):
        natale.edits.move([romeo], "mario", natale.named("house"), "last", seen)


@pytest.mark.parametrize("who", ["the campaign", "live"])
def test_an_edit_of_what_was_deleted_says_by_whom(verona, natale, who):
    seen, romeo = natale.version, natale.named("romeo")
    remove = natale.edits.remove if who == "the campaign" else edits.remove
    remove([romeo], "nurse")

    with pytest.raises(TreeError, match="nurse deleted “romeo” just now"):
        natale.edits.change([romeo], "mario", seen, name="Romeo")


def test_a_deletion_is_stale_if_anything_below_was_edited(verona, natale):
    seen = natale.version
    natale.edits.change([natale.named("nurse")], "nurse", seen, status="tired")

    with pytest.raises(Stale, match="nurse changed “nurse” just now: status text"):
        natale.edits.remove([natale.named("verona")], "mario", seen)


def test_live_edits_are_in_the_campaign_at_once(verona, natale):
    natale.edits.change([natale.named("romeo")], "mario", name="Romeo")
    edits.change([named("romeo")], EDITOR, web_is_published=False)
    edits.remove([named("juliet")], EDITOR)

    assert natale.named("Romeo").web_is_published is False
    assert "  juliet" not in natale.outline()
    assert natale.view.conflicts == []


# --- What an undo refuses -------------------------------------------------------------


def test_an_undo_is_refused_if_somebody_edited_since(verona, natale):
    natale.edits.change([natale.named("romeo")], "mario", name="Romeo")
    made = natale.version
    natale.edits.change([natale.named("Romeo")], "nurse", status="banished")

    with pytest.raises(Stale, match="nurse changed “Romeo” just now"):
        natale.edits.undo(made, "mario")

    assert natale.named("Romeo").status == "banished"


def test_an_undo_of_a_move_keeps_later_moves_beside_it(verona, natale):
    natale.edits.move([natale.named("mario")], "mario", None, "first")
    made = natale.version
    natale.edits.add(Buddy(name="paris"), "nurse")

    natale.edits.undo(made, "mario")

    # It stays behind the same neighbour.
    assert natale.outline() == [*VERONA[:-1], "paris", "mario"]


def test_an_undo_needs_what_it_brings_back_to_have_a_group(verona, natale):
    natale.edits.move([natale.named("tybalt")], "mario", None, "last")
    made = natale.version
    natale.edits.remove([natale.named("house")], "nurse")

    with pytest.raises(Stale, match="the tree has changed since"):
        natale.edits.undo(made, "mario")


def test_nobody_undoes_the_edit_of_another(verona, natale):
    natale.edits.remove([natale.named("mario")], "nurse")

    with pytest.raises(TreeError, match="There is nothing to undo"):
        natale.edits.undo(natale.version, "mario")


def test_an_undo_keeps_an_open_conflict(verona, natale):
    natale.edits.change([natale.named("romeo")], "mario", name="Romeo")
    edits.change([named("romeo")], EDITOR, name="Montague")
    conflict = natale.view.conflicts

    natale.edits.remove([natale.named("Romeo")], "mario")
    natale.edits.undo(natale.version, "mario")

    assert natale.view.conflicts == conflict != []


# --- What may be edited ---------------------------------------------------------------


@pytest.mark.parametrize("state", ["discarded"])
def test_a_campaign_that_is_over_cannot_be_edited(verona, natale, state):
    Campaign.objects.update(state=state)

    with pytest.raises(TreeError, match="“Natale” can't be edited any more: it is"):
        natale.edits.remove([natale.named("mario")], "mario")


def test_what_changes_nothing_is_no_edit(verona, natale):
    natale.edits.change([natale.named("romeo")], "mario", name="romeo")
    natale.edits.move([natale.named("mario")], "mario", None, "last")

    assert natale.version == 0
    assert not DifferenceLog.objects.exists()


def test_an_entry_that_is_new_keeps_its_number(verona, natale):
    new = natale.edits.add(Buddy(name="paris"), "mario")
    natale.edits.change([new], "mario", name="Paris")

    assert new.pk < 0
    assert natale.named("Paris").pk == new.pk
    assert outline_of(natale.view.buddies)[-1] == "Paris"


def test_it_is_drawn_on_what_is_due_earlier(verona):
    natale = Desk("Natale", state="planned", due_at="2026-12-24T08:00:00Z")
    saldi = Desk("Saldi", state="planned", due_at="2027-01-02T08:00:00Z")
    open_one = Desk("Primavera")
    new = natale.edits.add(Buddy(name="paris"), "mario")

    saldi.edits.change([new], "mario", status="on sale")

    assert saldi.named("paris").status == "on sale"
    assert natale.named("paris").status == ""
    assert "paris" not in open_one.outline()
    assert natale.view.conflicts == saldi.view.conflicts == []


def test_it_is_not_drawn_on_what_has_ended_by_then(verona):
    end = {"ends_at": "2027-01-01T08:00:00Z"}
    natale = Desk("Natale", state="planned", due_at="2026-12-24T08:00:00Z", **end)
    saldi = Desk("Saldi", state="planned", due_at="2027-01-02T08:00:00Z")
    natale.edits.change([natale.named("romeo")], "mario", status="Xmas")

    saldi.edits.change([saldi.named("romeo")], "mario", status="on sale")

    (row,) = saldi.campaign.differences.all()
    assert row.fields["status"]["was"] == [""]
