"""Loading a tree, and rebuilding it from a document."""

import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies.document import build, parse, shape
from buddies.document.shape import DocumentError, Node
from buddies.models import Buddy, HistoricalBuddy, Tree
from buddies.tree import edits, whole_tree
from buddies.tree.undo import undo
from tests.buddies.conftest import (
    EDITOR,
    STORED,
    built,
    named,
    outline,
    rows,
)
from tests.buddies.tree.verona import VERONA


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
def test_replace_frees_the_addresses_of_the_old_tree(verona):
    assert whole_tree.load([("1", nodes(item("mario")))], EDITOR, True) == 1
    assert outline() == ["mario"]


@pytest.mark.django_db
@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize(
    ("bad", "place", "reason"),
    [
        (item("twice", item("twice")), "items[1].items[0]", "This address is already"),
        (
            item("a", info={"name": ""}),
            "items[1]",
            "This field cannot be blank. (name)",
        ),
        (item("a" * 256), "items[1]", "at most 255 characters (it has 256). (address)"),
        (item("bell\x07"), "items[1]", "character U+0007, which XMPP can't transmit."),
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


def rebuild(*items: dict) -> None:
    whole_tree.rebuild("text", nodes(*items), EDITOR)


def text() -> str:
    return build.dumps(built())


@pytest.mark.django_db
def test_a_rebuild_applies_the_order_and_hides_other_entries(verona):
    before = {row["id"] for row in rows()}

    rebuild(item("mario"), item("verona", item("juliet"), item("house", item("nurse"))))

    seen = [entry["address"] for entry in shape.items(built())]
    assert seen == ["mario", "verona", "juliet", "house", "nurse"]
    assert {row["id"] for row in rows()} == before
    assert not named("romeo").is_published
    assert named("romeo").parent == verona


@pytest.mark.django_db
def test_a_rebuild_restores_the_fields_of_the_document(verona):
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
def test_a_rebuild_can_swap_a_group_with_its_child(verona):
    rebuild(item("house", item("verona", item("mario"), item("nurse"))))

    seen = [entry["address"] for entry in shape.items(built())]
    assert seen == ["house", "verona", "mario", "nurse"]
    assert named("verona").parent == named("house")
    assert not named("tybalt").is_published


@pytest.mark.django_db
def test_a_group_rebuilt_as_a_channel_leaves_its_entries_hidden_at_the_top(verona):
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
def test_a_group_is_rebuilt_as_a_channel_beside_its_child(verona, order):
    rebuild(*(item(name) for name in order.split()))

    assert [one["address"] for one in shape.items(built())] == order.split()
    assert named("nurse").parent is None


@pytest.mark.django_db
def test_a_channel_rebuilt_as_a_group_loses_its_channel_fields(verona):
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
def test_a_rebuild_writes_only_the_topmost_entry_that_it_hides(verona):
    rebuild(item("mario"))

    assert not named("verona").is_published
    assert all(named(name).is_published for name in ("romeo", "house", "tybalt"))


@pytest.mark.django_db
def test_a_rebuild_clears_schedules_that_hide_its_entries(verona):
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
def test_a_rebuild_takes_the_schedules_of_a_whole_tree(verona):
    begin = timezone.now() + timedelta(days=1)
    edits.change([named("romeo")], EDITOR, visible_from=begin)
    whole = build.whole(Buddy.objects.all())
    edits.change([named("romeo")], EDITOR, visible_from=None, visible_until=begin)

    rebuild(*whole["items"])

    romeo = named("romeo")
    assert (romeo.visible_from, romeo.visible_until) == (begin, None)


@pytest.mark.django_db
def test_a_rebuilt_entry_without_an_address_gets_one(verona):
    rebuild(item("", info={"name": "new"}), item("mario"))

    assert [uuid.UUID(built()["items"][0]["address"]).version] == [4]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("bad", "place", "reason"),
    [
        (item("g", item("mario")), "items[1].items[0]", "This address is already"),
        (item("a", info={"name": ""}), "items[1]", "This field cannot be blank."),
        (item("a\x07"), "items[1]", "character U+0007, which XMPP can't transmit."),
    ],
)
def test_an_invalid_document_rebuilds_nothing(verona, bad, place, reason):
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
    """Draw entries of a tree, groups before their children; addresses are few."""
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


def save_forest(forest: list[Buddy]) -> None:
    """Store entries as an editor would; the database assigns their keys."""
    stored: dict[int | None, Buddy | None] = {None: None}
    for buddy in forest:
        old, above = buddy.pk, stored[buddy.parent_id]
        buddy.pk, buddy.parent = None, above
        stored[old] = edits.add(buddy, EDITOR)


def rebuild_test(count: int) -> Callable[..., None]:
    """Return a test that rebuilds ``count`` trees from documents, and undoes it."""

    @pytest.mark.django_db
    @settings(STORED, max_examples=count)
    @given(old=forests(), new=forests())
    def check(old, new):
        wanted = build.dumps(build.published(old, timezone.now()))
        with transaction.atomic():
            save_forest(new)
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


# tests/slow runs more examples.
test_any_tree_can_be_rebuilt_from_any_document_and_undone = rebuild_test(20)
