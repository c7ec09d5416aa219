"""The log of the tree: who did what, what others missed, and taking it back."""

import pytest
from django.core.exceptions import ValidationError

from buddies.document import build, parse
from buddies.document.shape import Node
from buddies.models import Buddy, HistoricalBuddy, Tree
from buddies.tree import edits, history, whole_tree
from buddies.tree.editing import Stale, TreeError
from buddies.tree.positions import GAP
from buddies.tree.undo import undo
from tests.buddies.conftest import EDITOR, channel, group, named, outline, rows

pytestmark = pytest.mark.django_db

VERONA = """\
verona
  romeo
  house
    tybalt
    nurse
  juliet
mario""".splitlines()


@pytest.fixture(autouse=True)
def _verona(db) -> None:
    verona = group("verona")
    channel("romeo", verona)
    house = group("house", verona)
    channel("juliet", verona)
    for name in ("tybalt", "nurse"):
        channel(name, house, server_address="bots", mobile_is_published=True)
    channel("mario")


def version() -> int:
    return Tree.objects.get().version


def entries(names: str) -> list[Buddy]:
    return [named(name) for name in names.split()]


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


def new_in(parent: str, name: str = "benvolio") -> Buddy:
    return Buddy(name=name, address=name, parent=named(parent))


# --- Records --------------------------------------------------------------------


def load(*items: dict, replace: bool = False) -> None:
    whole_tree.load([("text", nodes(*items))], "mario", replace)


def rebuild(*items: dict) -> None:
    whole_tree.rebuild("text", nodes(*items), "mario")


# What mario does, and the records of it: kind, then name.
EDITS = {
    "add": (lambda: edits.add(new_in("house"), "mario"), "+benvolio"),
    "edit": (
        lambda: edits.change(entries("romeo"), "mario", status="banished"),
        "~romeo",
    ),
    "switch": (
        lambda: edits.change(entries("romeo nurse"), "mario", web_is_published=False),
        "~nurse ~romeo",
    ),
    "switch one of two": (
        lambda: edits.change(entries("romeo nurse"), "mario", mobile_is_published=True),
        "~romeo",
    ),
    "change of parent": (
        lambda: edits.change(entries("romeo"), "mario", parent=named("house")),
        "~romeo",
    ),
    "change of type": (
        lambda: edits.change(entries("romeo"), "mario", type="group"),
        "~romeo",
    ),
    "move": (
        lambda: edits.move(entries("house"), "mario", None, "first"),
        "~house",
    ),
    "move of several": (
        lambda: edits.move(entries("nurse mario"), "mario", named("romeo"), "before"),
        "~mario ~nurse",
    ),
    "shift": (
        lambda: edits.shift(entries("juliet"), "mario", down=False),
        "~house ~juliet",
    ),
    "duplicate": (
        lambda: edits.duplicate([named("house")], "mario"),
        "+house +nurse +tybalt",
    ),
    "remove": (
        lambda: edits.remove(entries("house mario"), "mario"),
        "-house -mario -nurse -tybalt",
    ),
    "load": (lambda: load(item("a", item("b"))), "+a +b"),
    "load instead": (
        lambda: load(item("romeo", item("b")), replace=True),
        "+b +romeo -house -juliet -mario -nurse -romeo -tybalt -verona",
    ),
    "rebuild": (
        # A channel becomes a group, with a new entry and the group it stood in.
        lambda: rebuild(
            item("romeo", item("verona", item("a"), item("nurse")), item("b"))
        ),
        "+a +b ~house ~juliet ~mario ~nurse ~romeo ~verona",
    ),
    "rebuild below a new group": (
        lambda: rebuild(item("a", item("mario"), item("b", item("verona")))),
        "+a +b ~house ~juliet ~mario ~romeo ~verona",
    ),
}
EACH_EDIT = pytest.mark.parametrize(
    ("edit", "logged"), EDITS.values(), ids=[name.replace(" ", "-") for name in EDITS]
)


@EACH_EDIT
def test_an_edit_leaves_a_record_of_each_entry_with_its_editor_and_version(
    edit, logged
):
    before = version()

    edit()

    records = HistoricalBuddy.objects.filter(version__gt=before)
    assert " ".join(sorted(r.history_type + r.name for r in records)) == logged
    assert {r.history_user_id for r in records} == {"mario"}
    assert {r.version for r in records} == {before + 1} == {version()}
    assert len({r.history_date for r in records}) == 1
    assert {r.history_change_reason for r in records} == {""}


@EACH_EDIT
def test_the_newest_record_of_an_entry_is_what_is_stored(edit, logged):
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
def test_an_edit_that_changes_nothing_is_none(edit):
    # Places as several moves leave them.
    Buddy.objects.filter(name="house").update(position=GAP + 7)
    before = Tree.objects.values().get(), HistoricalBuddy.objects.count(), rows()

    edit()

    assert (
        Tree.objects.values().get(),
        HistoricalBuddy.objects.count(),
        rows(),
    ) == before


def test_a_shift_writes_none_but_those_that_change_places():
    Buddy.objects.filter(name="romeo").update(position=5)
    before = version()

    edits.shift(entries("juliet"), EDITOR, down=False)

    records = HistoricalBuddy.objects.filter(version__gt=before)
    assert {record.name for record in records} == {"juliet", "house"}


# --- Stale ----------------------------------------------------------------------

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
def test_a_stale_write_is_refused_with_who_did_what_and_when(write):
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
def test_what_others_did_elsewhere_makes_no_write_stale(write):
    seen = version()
    edits.change(entries("verona juliet"), "mario", status="fair")

    write(seen)

    assert version() == seen + 2


@EACH_WRITE
def test_whoever_has_seen_the_newest_edit_may_write(write):
    edits.change(entries("romeo"), "mario", status="banished")

    write(version())

    assert Tree.objects.get().editors[EDITOR] == version()


def test_a_write_to_what_somebody_deleted_says_so():
    romeo, seen = named("romeo"), version()
    edits.remove(entries("verona"), "mario")

    with pytest.raises(TreeError) as caught:
        edits.change([romeo], EDITOR, seen, status="banished")

    assert str(caught.value) == "mario deleted “romeo” just now."


def test_a_stale_write_says_no_more_when_the_other_took_it_back():
    seen = version()
    edits.change(entries("romeo"), "mario", status="banished")
    undo(version(), "mario")

    with pytest.raises(Stale) as caught:
        edits.change(entries("romeo"), EDITOR, seen, status="fair")

    assert str(caught.value) == "mario changed “romeo” just now."


def test_a_branch_is_not_deleted_when_somebody_edited_inside_it():
    seen = version()
    edits.add(new_in("house"), "mario")

    with pytest.raises(Stale, match="mario added “benvolio” just now"):
        edits.remove(entries("verona"), EDITOR, seen)

    assert len(outline()) == len(VERONA) + 1


# --- Taking back ----------------------------------------------------------------


@EACH_EDIT
def test_an_edit_taken_back_leaves_everything_as_it_was(edit, logged):
    before = rows()
    edit()
    assert rows() != before

    undo(version(), "mario")

    assert rows() == before
    assert outline() == VERONA


@EACH_EDIT
def test_taking_back_the_taking_back_does_it_again(edit, logged):
    before = rows()
    edit()
    after = rows()
    undo(version(), "mario")

    undo(version(), "mario")
    assert rows() == after

    undo(version(), "mario")
    assert rows() == before


@EACH_EDIT
def test_taking_back_is_an_edit_of_its_own_with_its_records(edit, logged):
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


def test_a_move_that_made_new_room_is_taken_back_with_all_it_pushed():
    for position, name in enumerate(("romeo", "house", "juliet")):
        Buddy.objects.filter(name=name).update(position=position)
        HistoricalBuddy.objects.filter(name=name).update(position=position)
    before = rows()
    edits.move(entries("mario"), "mario", named("romeo"), "after")
    assert HistoricalBuddy.objects.filter(version=version()).count() == 4

    undo(version(), "mario")

    assert rows() == before


def test_an_edit_before_ones_last_is_not_taken_back_where_both_meet():
    edits.change(entries("romeo"), "mario", status="banished")
    first = version()
    edits.change(entries("romeo"), "mario", name="Romeo")

    with pytest.raises(Stale, match="mario changed “Romeo”"):
        undo(first, "mario")


REFUSALS = {
    "an entry edited since": (
        lambda: edits.change(entries("romeo"), "mario", name="Romeo"),
        lambda: edits.change(entries("Romeo"), "nurse", status="banished"),
        "nurse changed “Romeo” just now: status text.",
    ),
    "one of several edited since": (
        lambda: edits.change(entries("romeo nurse"), "mario", status="s"),
        lambda: edits.move(entries("nurse"), "juliet", None, "last"),
        "juliet changed “nurse” just now: place.",
    ),
    "an entry deleted since": (
        lambda: edits.add(new_in("house"), "mario"),
        lambda: edits.remove(entries("house"), "nurse"),
        "nurse deleted “benvolio” just now.",
    ),
    "its group deleted since": (
        lambda: edits.remove(entries("tybalt"), "mario"),
        lambda: edits.remove(entries("house"), "nurse"),
        "The group it stood in is gone: it cannot be taken back.",
    ),
    "the group it left deleted since": (
        lambda: edits.move(entries("tybalt"), "mario", None, "last"),
        lambda: edits.remove(entries("house"), "nurse"),
        "The group it stood in is gone: it cannot be taken back.",
    ),
    "its group a channel by now": (
        lambda: edits.move(entries("tybalt nurse"), "mario", None, "last"),
        lambda: edits.change(entries("house"), "nurse", type="channel"),
        "The tree around it has changed since: it cannot be taken back.",
    ),
    "its group below it by now": (
        lambda: edits.move(entries("house"), "mario", None, "last"),
        lambda: edits.move(entries("verona"), "nurse", named("house"), "last"),
        "The tree around it has changed since: it cannot be taken back.",
    ),
    "its address taken": (
        lambda: edits.change(entries("romeo"), "mario", address="montague"),
        lambda: edits.add(Buddy(name="other", address="romeo"), "nurse"),
        "The tree around it has changed since: it cannot be taken back.",
    ),
    "the address of what was deleted taken": (
        lambda: edits.remove(entries("romeo"), "mario"),
        lambda: edits.add(Buddy(name="other", address="romeo"), "nurse"),
        "The tree around it has changed since: it cannot be taken back.",
    ),
    "entries in it by now": (
        lambda: edits.add(Buddy(name="mantua", type="group"), "mario"),
        lambda: edits.add(new_in("mantua"), "nurse"),
        "It holds entries by now: it cannot be taken back.",
    ),
    "entries moved into a copy": (
        lambda: edits.duplicate([named("house")], "mario"),
        lambda: edits.move(
            entries("mario"),
            "nurse",
            Buddy.objects.filter(name="house").latest("pk"),
            "last",
        ),
        "It holds entries by now: it cannot be taken back.",
    ),
    "a group that became one holding entries": (
        lambda: edits.change(entries("romeo"), "mario", type="group"),
        lambda: edits.add(new_in("romeo"), "nurse"),
        "The tree around it has changed since: it cannot be taken back.",
    ),
    "taken back already": (
        lambda: edits.change(entries("romeo"), "mario", name="Romeo"),
        lambda: undo(version(), "mario"),
        "mario changed “romeo” just now: name.",
    ),
    "taken back already and there again": (
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
def test_an_edit_is_not_taken_back_over_what_others_did(edit, meanwhile, reason):
    edit()
    mine = version()
    meanwhile()
    before = Tree.objects.values().get(), HistoricalBuddy.objects.count(), rows()

    with pytest.raises(Stale) as caught:
        undo(mine, "mario")

    assert str(caught.value) == reason
    assert (
        Tree.objects.values().get(),
        HistoricalBuddy.objects.count(),
        rows(),
    ) == before


def test_what_others_did_elsewhere_stays_when_an_edit_is_taken_back():
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
def test_nobody_takes_back_what_somebody_else_did(editor):
    edits.change(entries("romeo"), "juliet", status="banished")

    with pytest.raises(TreeError, match="There is nothing to take back"):
        undo(version(), editor)

    assert named("romeo").status == "banished"


def test_an_edit_that_never_was_is_not_taken_back():
    with pytest.raises(TreeError, match="There is nothing to take back"):
        undo(version() + 1, EDITOR)


def test_a_refused_edit_leaves_nothing_to_take_back():
    with pytest.raises(ValidationError):
        edits.change(entries("romeo house"), "mario", type="channel")

    assert history.newest("mario") is None


# --- One's own last edit --------------------------------------------------------


def test_whoever_never_edited_has_no_last_edit():
    assert history.newest("mario") is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("add", "Added “benvolio”"),
        ("edit", "Edited “romeo”"),
        ("switch one of two", "Switched “romeo”"),
        ("switch", "Changed 2 entries"),
        ("change of parent", "Moved “romeo”"),
        ("move", "Moved “house”"),
        ("shift", "Changed 2 entries"),
        ("duplicate", "Added 3 entries"),
        ("remove", "Deleted 4 entries"),
        ("load", "Added 2 entries"),
        ("rebuild", "Changed 8 entries"),
    ],
)
def test_ones_last_edit_is_called_what_it_was(name, words):
    edit, _logged = EDITS[name]
    edit()
    mine = version()
    edits.change(entries("juliet"), "nurse", status="fair")

    assert history.newest("mario") == history.LastEdit(mine, words, False)


def test_a_deletion_of_one_entry_names_it():
    edits.remove(entries("romeo"), "mario")
    newest = history.newest("mario")
    assert newest is not None
    assert newest.words == "Deleted “romeo”"


def test_the_last_edit_says_whether_it_took_one_back():
    edits.change(entries("romeo"), "mario", name="Romeo")
    undo(version(), "mario")

    undone = history.newest("mario")
    undo(version(), "mario")
    done = history.newest("mario")

    assert undone == history.LastEdit(version() - 1, "Edited “romeo”", True)
    assert done == history.LastEdit(version(), "Edited “Romeo”", True)
