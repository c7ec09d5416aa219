"""Edits and their records, for the tests of history and undo."""

import pytest

from buddies.document import parse
from buddies.document.shape import Node
from buddies.models import Buddy, Tree
from buddies.tree import edits, whole_tree
from tests.buddies.conftest import channel, group, named

VERONA = """\
verona
  romeo
  house
    tybalt
    nurse
  juliet
mario""".splitlines()


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


def load(*items: dict, replace: bool = False) -> None:
    whole_tree.load([("text", nodes(*items))], "mario", replace)


def rebuild(*items: dict) -> None:
    whole_tree.rebuild("text", nodes(*items), "mario")


# Each edit by mario and its records: kind, then name.
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
        # A channel becomes a group that holds its old parent and a new entry.
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


def create_verona() -> Buddy:
    """Create verona (romeo, house (tybalt, nurse), juliet), then mario."""
    verona = group("verona")
    channel("romeo", verona)
    house = group("house", verona)
    channel("juliet", verona)
    for name in ("tybalt", "nurse"):
        channel(name, house, server_address="bots", mobile_is_published=True)
    channel("mario")
    return verona
