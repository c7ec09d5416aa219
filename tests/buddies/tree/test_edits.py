"""Structural writes: what each does, what it refuses, and races between them."""

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies.document import build, parse, shape
from buddies.document.shape import DocumentError, Node
from buddies.models import MAX_LEVELS, Buddy, HistoricalBuddy, Tree
from buddies.tree import edits, whole_tree
from buddies.tree.editing import Stale, TreeError, editing
from buddies.tree.positions import GAP
from buddies.tree.undo import undo
from tests.buddies.conftest import (
    EDITOR,
    STORED,
    built,
    channel,
    group,
    named,
    outline,
    rows,
)
from xmppservice.runtime import wakeups


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
TOP = ["verona", "mario"]


def gone(name: str) -> Buddy:
    """An entry as somebody read it before somebody else deleted it."""
    buddy = named(name)
    edits.remove([named(name)], EDITOR)
    return buddy


def positions(*names: str) -> list[int]:
    return [named(name).position for name in names]


# --- Lock row -----------------------------------------------------------------


def test_an_edit_rings_for_the_worker(db, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as rung:
        channel("romeo")
    assert wakeups.SYNC_VCARD in str(rung)


def test_an_edit_that_writes_nothing_rings_for_nobody(
    db, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as rung, editing(EDITOR):
        pass
    assert rung == []


@pytest.mark.django_db
def test_each_write_moves_the_version_on_and_notes_its_editor():
    for name in ("Mercutio", "Romeo"):
        romeo = edits.add(Buddy(name=name), "juliet")
    before = Tree.objects.get().version

    edits.change([romeo], "mario", status="banished")
    edits.move([romeo], "juliet", None, "first")

    now = Tree.objects.get()
    assert now.version == before + 2
    assert now.editors == {"mario": before + 1, "juliet": before + 2}


@pytest.mark.django_db
def test_a_refused_write_leaves_the_version_alone(verona):
    before = Tree.objects.values().get()

    with pytest.raises(ValidationError):
        edits.add(Buddy(name=""), "mario")
    with pytest.raises(ValidationError):
        edits.move([verona], "mario", named("house"), "first")

    assert Tree.objects.values().get() == before
    assert outline() == VERONA


# --- Add and change -----------------------------------------------------------


@pytest.mark.django_db
def test_a_new_entry_is_the_last_of_its_parent(verona):
    edits.add(Buddy(name="benvolio", parent=named("house")), EDITOR)
    edits.add(Buddy(name="mantua"), EDITOR)

    assert outline() == [*VERONA[:5], "    benvolio", *VERONA[5:], "mantua"]


@pytest.mark.django_db
def test_the_last_place_is_free_again_after_a_deletion_in_the_middle(verona):
    edits.remove([named("house")], EDITOR)
    channel("benvolio", verona)
    gaps = [place / GAP for place in positions("romeo", "juliet", "benvolio")]
    assert gaps == [1, 3, 4]


@pytest.mark.django_db
def test_a_new_entry_below_a_deleted_group_is_refused_in_words(verona):
    house = gone("house")

    with pytest.raises(TreeError, match="juliet deleted “house”"):
        edits.add(Buddy(name="benvolio", parent=house), EDITOR)


@pytest.mark.django_db
def test_a_change_below_a_deleted_group_is_refused_in_words(verona):
    chosen = gone("house")

    with pytest.raises(TreeError, match="juliet deleted “house”"):
        edits.change([named("mario")], EDITOR, parent=chosen)


@pytest.mark.django_db
def test_a_circle_closed_meanwhile_is_refused_in_words(verona):
    top = edits.add(Buddy(type="group", name="top"), EDITOR)
    below = edits.add(Buddy(type="group", name="below"), EDITOR)
    chosen = Buddy.objects.with_tree_fields().get(pk=below.pk)  # by the admin's form
    edits.move([below], "mario", top, "first")  # by somebody else

    with pytest.raises(ValidationError, match="cannot stand below itself"):
        edits.change([top], EDITOR, parent=chosen)


@pytest.mark.django_db
def test_a_tree_has_a_bounded_number_of_levels():
    above = None
    for level in range(MAX_LEVELS):
        above = edits.add(Buddy(type="group", name=f"{level}", parent=above), EDITOR)

    with pytest.raises(ValidationError, match=f"{MAX_LEVELS} levels at most"):
        edits.add(Buddy(name="too deep", parent=above), EDITOR)


@pytest.mark.django_db
def test_a_change_keeps_the_place(verona):
    edits.change([named("romeo")], EDITOR, name="Romeo")

    assert outline() == [line.replace("romeo", "Romeo") for line in VERONA]


@pytest.mark.django_db
def test_a_change_of_parent_moves_to_its_end(verona):
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
def test_several_entries_change_together_and_come_back_as_they_are_stored(verona):
    chosen = [named("nurse"), named("romeo")]

    changed = edits.change(chosen, EDITOR, parent=None, status="banished")

    assert changed == chosen
    assert [(one.status, one.parent) for one in changed] == [("banished", None)] * 2
    assert outline()[-3:] == ["mario", "nurse", "romeo"]
    assert {one.version for one in changed} == {Tree.objects.get().version}


@pytest.mark.django_db
def test_one_change_that_is_refused_changes_none_of_several(verona):
    before = rows()

    with pytest.raises(ValidationError, match="must stay a group"):
        edits.change([named("mario"), verona], EDITOR, type="channel", status="s")

    assert rows() == before


@pytest.mark.django_db
def test_a_change_checks_what_the_model_forbids(verona):
    with pytest.raises(ValidationError, match="cannot stand below itself"):
        edits.change([verona], EDITOR, parent=named("house"))


@pytest.mark.django_db
def test_a_change_keeps_what_others_wrote_in_the_meantime(verona):
    stale = named("romeo")
    edits.change([named("romeo")], EDITOR, status="banished")

    edits.change([stale], EDITOR, name="Romeo")

    romeo = named("Romeo")
    assert (romeo.name, romeo.status) == ("Romeo", "banished")


# --- Move and shift -----------------------------------------------------------


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
    # Places of their own: no two entries are only told apart by their age.
    assert len(set(positions(*order.split()))) == len(order.split())


@pytest.mark.django_db
@pytest.mark.parametrize("where", ["first", "last"])
def test_without_a_target_a_move_goes_to_an_end_of_the_top(verona, where):
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
def test_a_move_to_where_entries_stand_already_is_no_edit(verona, names, where, target):
    before = Tree.objects.values().get()

    edits.move([named(name) for name in names.split()], EDITOR, named(target), where)

    assert outline() == VERONA
    assert Tree.objects.values().get() == before


@pytest.mark.django_db
def test_a_move_writes_the_moved_entry_alone(verona):
    others = Buddy.objects.exclude(name="juliet").order_by("pk")
    before = list(others.values())

    edits.move([named("juliet")], EDITOR, named("romeo"), "after")

    assert list(others.values()) == before


@pytest.mark.django_db
@pytest.mark.parametrize(("where", "target"), [("before", "last"), ("after", "first")])
def test_where_the_room_between_two_neighbours_ends_all_get_new_room(where, target):
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
def test_entries_with_the_same_position_are_told_apart_by_a_move(where):
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
        ("verona", "first", "verona", "An entry cannot stand below itself."),
        ("verona", "first", "house", "An entry cannot stand below itself."),
        ("verona", "after", "tybalt", "An entry cannot stand below itself."),
        ("mario verona", "last", "house", "An entry cannot stand below itself."),
        ("house", "first", "mario", "Only a group can hold entries."),
        ("romeo house", "last", "mario", "Only a group can hold entries."),
    ],
)
def test_a_move_to_where_nothing_can_stand_is_refused(
    verona, names, where, target, reason
):
    before = rows()

    with pytest.raises(ValidationError) as caught:
        edits.move([named(n) for n in names.split()], EDITOR, named(target), where)

    assert caught.value.messages == [reason]
    assert rows() == before


@pytest.mark.django_db
def test_a_move_goes_by_what_is_stored_now_and_keeps_what_others_wrote(verona):
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
def test_a_shift_among_entries_of_one_position_gives_each_its_own(verona):
    verona.children.update(position=7)

    edits.shift([named("juliet")], EDITOR, down=False)

    children = verona.children.order_by("position")
    assert [child.name for child in children] == ["romeo", "juliet", "house"]
    assert len({child.position for child in children}) == 3


@pytest.mark.django_db
def test_a_shift_goes_by_where_entries_stand_now(verona):
    stale = [named("romeo")]
    edits.move([named("romeo")], "mario", named("house"), "first")

    edits.shift(stale, EDITOR, down=True)

    children = named("house").children.order_by("position")
    assert [child.name for child in children] == ["tybalt", "romeo", "nurse"]


# --- Duplicate and remove -----------------------------------------------------


@pytest.mark.django_db
def test_what_lies_below_another_chosen_one_is_copied_once(verona):
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
def test_a_duplicate_is_the_branch_again_behind_the_original_as_drafts(verona):
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
def test_a_duplicate_has_room_made_behind_the_original(verona):
    for position, name in enumerate(("romeo", "house", "juliet")):
        Buddy.objects.filter(name=name).update(position=position)

    (copy,) = edits.duplicate([named("romeo")], EDITOR)

    assert outline() == [*VERONA[:2], "  romeo", *VERONA[2:]]
    assert copy.position < named("house").position < named("juliet").position


@pytest.mark.django_db
def test_a_removal_takes_all_below_and_counts_it(verona):
    count = edits.remove([named("house"), named("tybalt"), named("mario")], EDITOR)

    assert count == 4
    assert outline() == ["verona", "  romeo", "  juliet"]


@pytest.mark.django_db
def test_removing_what_is_gone_removes_nothing(verona):
    chosen = [named("romeo"), gone("mario")]

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
def test_an_entry_that_is_gone_is_said_to_be_gone(verona, write):
    house = gone("house")

    with pytest.raises(TreeError, match="juliet deleted “house”"):
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


def nodes(*items: dict) -> list[Node]:
    return list(parse.read({"items": list(items)}))


@pytest.mark.django_db
def test_documents_are_added_at_the_end_in_their_order(verona):
    first = nodes(item("a", item("b"), item("c", item("d"))), item("e"))

    count = whole_tree.load([("1", first), ("2", nodes(item("f")))], EDITOR, False)

    assert count == 6
    assert outline() == [*VERONA, "a", "  b", "  c", "    d", "e", "f"]


@pytest.mark.django_db
def test_replace_empties_the_tree_before_so_its_addresses_are_free(verona):
    assert whole_tree.load([("1", nodes(item("mario")))], EDITOR, True) == 1
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

    with pytest.raises(DocumentError) as caught:
        whole_tree.load(documents, EDITOR, replace)

    assert caught.value.path == f"bad: {place}"
    assert reason in caught.value.reason
    assert outline() == VERONA
    assert Tree.objects.values().get() == before


# --- Rebuild --------------------------------------------------------------------


def rebuild(*items: dict) -> None:
    whole_tree.rebuild("text", nodes(*items), EDITOR)


def text() -> str:
    return build.dumps(built())


@pytest.mark.django_db
def test_a_rebuilt_document_has_its_order_and_what_it_does_not_name_is_hidden(verona):
    before = {row["id"] for row in rows()}

    rebuild(item("mario"), item("verona", item("juliet"), item("house", item("nurse"))))

    seen = [entry["address"] for entry in shape.items(built())]
    assert seen == ["mario", "verona", "juliet", "house", "nurse"]
    assert {row["id"] for row in rows()} == before
    assert not named("romeo").is_published
    assert named("romeo").parent == verona


@pytest.mark.django_db
def test_a_rebuilt_document_has_the_fields_that_it_had(verona):
    edits.change([named("tybalt")], EDITOR, server_address="", status="fierce")
    old = text()
    nodes = parse.loads(old)
    edits.change([named("tybalt")], EDITOR, server_address="s", name="t", status="")
    edits.change([named("house")], EDITOR, image_url="/media/a.webp")
    edits.change([verona, named("romeo")], EDITOR, web_is_published=False)

    whole_tree.rebuild("text", nodes, EDITOR)

    assert text() == old
    assert named("tybalt").status == "fierce"


@pytest.mark.django_db
def test_a_rebuilding_can_swap_a_group_with_what_it_holds(verona):
    rebuild(item("house", item("verona", item("mario"), item("nurse"))))

    seen = [entry["address"] for entry in shape.items(built())]
    assert seen == ["house", "verona", "mario", "nurse"]
    assert named("verona").parent == named("house")
    assert not named("tybalt").is_published


@pytest.mark.django_db
def test_a_group_rebuilt_as_a_channel_leaves_what_it_holds_hidden_at_the_top(verona):
    rebuild(item("verona", item("romeo")), item("house"))

    assert named("house").type == "channel"
    for name in ("tybalt", "nurse"):
        assert named(name).parent is None
        assert not named(name).is_published
        version = Tree.objects.get().version
        assert HistoricalBuddy.objects.filter(name=name, version=version).count() == 1
    assert len(outline()) == len(VERONA)


@pytest.mark.django_db
@pytest.mark.parametrize("order", ["house nurse", "nurse house"])
def test_a_group_is_rebuilt_as_a_channel_beside_what_it_held(verona, order):
    rebuild(*(item(name) for name in order.split()))

    assert [one["address"] for one in shape.items(built())] == order.split()
    assert named("nurse").parent is None


@pytest.mark.django_db
def test_a_channel_rebuilt_as_a_group_loses_what_only_a_channel_has(verona):
    edits.change([named("mario")], EDITOR, server_address="s", default_message="m")

    rebuild(item("mario", item("romeo")))

    mario = named("mario")
    assert (mario.type, mario.server_address, mario.default_message) == (
        "group",
        "",
        "",
    )
    assert named("romeo").parent == mario


@pytest.mark.django_db
def test_of_what_a_rebuilding_hides_the_topmost_entry_is_written_alone(verona):
    rebuild(item("mario"))

    assert not named("verona").is_published
    assert all(named(name).is_published for name in ("romeo", "house", "tybalt"))


@pytest.mark.django_db
def test_what_a_rebuilt_document_names_is_hidden_by_no_schedule(verona):
    old, day = nodes(*built()["items"]), timedelta(days=1)
    now = timezone.now()
    edits.change([named("romeo")], EDITOR, visible_from=now + day)
    edits.change([named("house")], EDITOR, visible_until=now - day)
    kept = {"visible_from": now - day, "visible_until": now + day}
    edits.change([named("mario")], EDITOR, **kept)

    whole_tree.rebuild("text", old, EDITOR)

    assert [named(n).visible_from for n in ("romeo", "house")] == [None, None]
    assert [named(n).visible_until for n in ("romeo", "house")] == [None, None]
    assert {name: getattr(named("mario"), name) for name in kept} == kept


@pytest.mark.django_db
def test_a_rebuilt_entry_without_an_address_gets_one(verona):
    rebuild(item("", info={"name": "new"}), item("mario"))

    assert [uuid.UUID(built()["items"][0]["address"]).version] == [4]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("bad", "place", "reason"),
    [
        (item("g", item("mario")), "items[1].items[0]", "Another entry has this"),
        (item("a", info={"name": ""}), "items[1]", "This field cannot be blank."),
        (item("a\x07"), "items[1]", "character U+0007, which XMPP cannot carry."),
    ],
)
def test_a_document_that_the_tree_cannot_take_rebuilds_nothing(
    verona, bad, place, reason
):
    before = rows(), Tree.objects.values().get()

    with pytest.raises(DocumentError) as caught:
        rebuild(item("mario"), bad)

    assert caught.value.path == f"text: {place}"
    assert reason in caught.value.reason
    assert (rows(), Tree.objects.values().get()) == before


DAY = timedelta(days=1)
# Most entries are shown, or there would be little to rebuild.
MOMENTS = st.sampled_from([None] * 12 + [-2 * DAY, -DAY, DAY, 2 * DAY])
SHOWN = st.sampled_from([True] * 5 + [False])


@st.composite
def forests(draw: st.DrawFn) -> list[Buddy]:
    """Entries of a tree, groups before what they hold; addresses are few."""
    now, forest = timezone.now(), []
    addresses = draw(st.permutations("abcdefg"))[: draw(st.integers(4, 7))]
    for key, address in enumerate(addresses, 1):
        groups = [buddy.pk for buddy in forest if buddy.type == "group"]
        begin, end = draw(MOMENTS), draw(MOMENTS)
        if begin is not None and end is not None and begin >= end:
            end = None
        forest.append(
            Buddy(
                pk=key,
                position=key,
                address=address,
                parent_id=draw(st.sampled_from([None, *groups, *groups])),
                type=draw(st.sampled_from(["group", "channel"])),
                mobile_is_published=draw(SHOWN),
                web_is_published=draw(SHOWN),
                visible_from=begin and now + begin,
                visible_until=end and now + end,
                name=draw(st.sampled_from(["Romeo", "Juliet"])),
                thumb_url=draw(st.sampled_from(["", "/media/t.webp", "http://t"])),
            )
        )
        if forest[-1].type == "channel":
            forest[-1].server_address = draw(st.sampled_from(["", "bots"]))
            forest[-1].default_message = draw(st.sampled_from(["", "Soft!"]))
    return forest


def plant(forest: list[Buddy]) -> None:
    """Store entries as an editor would; their keys are the database's to give."""
    stored: dict[int | None, Buddy | None] = {None: None}
    for buddy in forest:
        old, above = buddy.pk, stored[buddy.parent_id]
        buddy.pk, buddy.parent = None, above
        stored[old] = edits.add(buddy, EDITOR)


def rebuilding(count: int) -> Callable[..., None]:
    """Any tree is made to show any document, and back: so many of them."""

    @pytest.mark.django_db
    @settings(STORED, max_examples=count)
    @given(old=forests(), new=forests())
    def check(old, new):
        wanted = build.dumps(build.published(old, timezone.now()))
        with transaction.atomic():
            plant(new)
            before = rows()

            whole_tree.rebuild("text", parse.loads(wanted), EDITOR)
            after = rows()
            assert text() == wanted
            assert {row["id"] for row in before} <= {row["id"] for row in after}
            assert {row["address"] for row in before} <= {
                row["address"] for row in after
            }
            for stored in Buddy.objects.values():
                newest = HistoricalBuddy.objects.filter(id=stored["id"]).latest(
                    "history_id"
                )
                assert {name: getattr(newest, name) for name in stored} == stored

            version = Tree.locked().version
            whole_tree.rebuild("text", parse.loads(wanted), EDITOR)
            assert Tree.locked().version == version
            if after != before:
                undo(version, EDITOR)
                assert rows() == before
                undo(version + 1, EDITOR)
                assert rows() == after
            transaction.set_rollback(True)

    return check


# As many more in tests/slow as there is time for.
test_a_rebuilding_makes_any_tree_show_any_document_and_can_be_taken_back = rebuilding(
    20
)


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


def test_a_race_of_two_moves_into_each_other_closes_no_circle(pair):
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
    # Everything is reached from the top, so no branch was lost either.
    assert len(outline()) == Buddy.objects.count() == 120


def test_a_race_of_writes_past_the_lock_closes_no_circle(pair):
    """The triggers take it, for who writes without it (0002_triggers)."""

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

        # Either the branch was below the house and went with it, or it stayed.
        stayed = [f"romeo {number}", f"  mario {number}"]
        assert outline() == (stayed if isinstance(moved, TreeError) else [])
        Buddy.objects.all().delete()


def test_a_race_of_additions_gives_each_a_place_of_its_own(pair):
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


def test_a_race_of_two_who_saw_the_same_has_one_winner(pair):
    channel("mario")
    for number in range(20):
        romeo = channel(f"romeo {number}")
        seen = Tree.objects.get().version

        results = pair.race(
            lambda romeo=romeo, seen=seen: edits.change(
                [romeo], "romeo", seen, status="banished"
            ),
            lambda romeo=romeo, seen=seen: edits.move(
                [romeo], "juliet", None, "first", seen=seen
            ),
        )

        assert [type(error) for error in refused(results)] == [Stale]
