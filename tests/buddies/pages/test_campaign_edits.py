"""The edits of a campaign's workspace, and who may make them."""

import pytest
from django.test import Client

from buddies.pages.workspace import EDIT_VIEWS
from tests.buddies.conftest import named, rows
from tests.buddies.pages.campaign_client import CHANNELS, Natale
from tests.buddies.pages.test_workspace import viewer
from tests.buddies.pages.workspace_client import (
    NEW,
    change,
    key,
    person,
    send,
    version,
)

pytestmark = pytest.mark.django_db


def seen(natale: Natale) -> dict[str, int]:
    return {"seen": natale.version}


# --- Edits ----------------------------------------------------------------------


def moved(natale: Natale) -> tuple[str, dict]:
    return "move", {"ids": [key("mario")], "target": key("house"), "where": "last"}


def switched(natale: Natale) -> tuple[str, dict]:
    return "switch", {"ids": [key("romeo"), key("juliet")], "mobile": True}


def duplicated(natale: Natale) -> tuple[str, dict]:
    return "duplicate", {"ids": [key("house")]}


def removed(natale: Natale) -> tuple[str, dict]:
    return "remove", {"ids": [key("house")]}


@pytest.mark.parametrize(
    ("edit", "said", "names"),
    [
        (moved, "Moved “mario”", ["house", "juliet", "mario", "romeo", "verona"]),
        (switched, "Changed 2 items", ["house", "juliet", "mario", "romeo", "verona"]),
        (
            duplicated,
            "Added 2 items",
            ["house", "house", "juliet", "mario", "romeo", "romeo", "verona"],
        ),
        (removed, "Deleted 2 items", ["juliet", "mario", "verona"]),
    ],
)
def test_an_edit_is_in_the_campaign_and_not_live(editor, natale, edit, said, names):
    before = (rows(), version())
    view, body = edit(natale)

    answer = natale.send(editor, view, **body, **seen(natale)).json()

    assert answer["said"] == f"{said}, in “Natale”: not live"
    assert natale.names() == names
    assert (rows(), version()) == before
    assert answer["version"] == natale.version == 1
    assert answer["stamp"] == natale.ask(editor, "tree")["stamp"]
    marks = {row["mark"] for row in answer["entries"]}
    assert marks <= {"changed", "added"}

    undone = natale.send(editor, "undo", **seen(natale)).json()
    assert undone["said"].startswith("Undone: ")
    assert (natale.campaign.differences.count(), natale.version) == (0, 2)
    natale.send(editor, "undo", **seen(natale))
    assert natale.names() == names


def test_another_order_is_named_by_its_group(editor: Client, natale):
    for name, target, words in (
        ("juliet", "house", "Changed the order in “verona”"),
        ("verona", "mario", "Changed the order at the top level"),
    ):
        body = {"ids": [key(name)], "target": key(target), "where": "after"}
        answer = natale.send(editor, "move", **body, **seen(natale)).json()
        assert answer["said"] == f"{words}, in “Natale”: not live"
        assert answer["entries"] == []
        undo = natale.ask(editor, "state")["undo"]
        assert undo["words"] == f"Undo: {words}"
        assert natale.send(editor, "undo", **seen(natale)).status_code == 200
    assert natale.campaign.arrangements.count() == 0


def test_what_only_a_campaign_has_is_edited_by_its_negative_number(editor, natale):
    new = natale.add("nurse", "house")
    assert new.pk < 0

    for view, body in (
        ("switch", {"mobile": True}),
        ("move", {"target": key("mario"), "where": "before"}),
    ):
        answer = natale.send(editor, view, ids=[new.pk], **body, **seen(natale))
        assert answer.status_code == 200
    assert natale.named("nurse").mobile_is_published
    assert natale.named("nurse").parent_id is None

    natale.send(editor, "remove", ids=[new.pk], **seen(natale))
    assert "nurse" not in natale.names()
    gone = natale.send(editor, "switch", ids=[new.pk], web=True, **seen(natale))
    assert gone.status_code == 409


@pytest.mark.parametrize("view", EDIT_VIEWS)
@pytest.mark.parametrize("body", ["", "[]", "{}", '{"ids": [0], "seen": -1}'])
def test_what_the_script_never_sends_is_refused(editor, natale, view, body):
    url = f"{CHANNELS}{view}/{natale.query}"
    answer = editor.post(url, body, content_type="application/json")
    assert answer.status_code == 400
    assert natale.version == 0


def test_an_edit_of_the_same_value_since_is_refused_with_who_did_it(editor, natale):
    stale = seen(natale)
    natale.change("romeo", web_is_published=False)
    before = natale.digest

    answer = natale.send(editor, "switch", ids=[key("romeo")], web=True, **stale)

    assert answer.status_code == 409
    words = answer.json()["error"].replace("\xa0", " ")
    assert words == "mercutio changed “romeo” just now: web."
    assert natale.digest == before


def test_an_edit_of_another_value_or_of_what_is_live_is_not_stale(editor, natale):
    stale = seen(natale)
    natale.change("romeo", name="Romeo")
    change("romeo", status="banished")

    answer = natale.send(editor, "switch", ids=[key("romeo")], web=False, **stale)

    assert answer.status_code == 200
    romeo = natale.named("Romeo")
    assert (romeo.status, romeo.web_is_published) == ("banished", False)


def change_of(natale: Natale, client: Client, **wanted: str) -> dict[str, object]:
    """Return the change that the workspace lists, as its script sends it."""
    for one in natale.ask(client, "changes")["changes"]:
        if wanted.items() <= one.items():
            return {"key": one["key"], "field": one["field"]}
    raise AssertionError(wanted)


def test_one_change_is_taken_back(editor: Client, natale):
    natale.change("romeo", name="Romeo", status="in love")
    natale.remove("mario")
    name = change_of(natale, editor, field="name")

    assert natale.send(editor, "take_back", **name).status_code == 200

    assert natale.named("romeo").status == "in love"
    again = natale.send(editor, "take_back", **name)
    assert (again.status_code, again.json()) == (
        409,
        {"error": "This was taken back already."},
    )
    removal = change_of(natale, editor, kind="removed")
    natale.send(editor, "take_back", **removal)
    assert "mario" in natale.names()


def test_a_change_that_others_need_is_not_taken_back(editor: Client, natale):
    natale.add("mantua", type="group")
    natale.move("romeo", "mantua")
    added = change_of(natale, editor, kind="added")

    answer = natale.send(editor, "take_back", **added)

    words = {"error": "Other changes need this one: take those back first."}
    assert (answer.status_code, answer.json()) == (409, words)
    assert "mantua" in natale.names()


def test_one_change_is_made_live_at_once(editor: Client, natale):
    natale.change("romeo", name="Romeo", status="in love")
    status = change_of(natale, editor, field="status")

    answer = natale.send(editor, "do_live", **status)

    assert answer.status_code == 200
    assert (named("romeo").status, natale.named("Romeo").status) == ("in love",) * 2
    said = "Edited “Romeo”, live and no longer in “Natale”"
    assert answer.json()["said"] == said
    left = [one["field"] for one in natale.ask(editor, "changes")["changes"]]
    assert left == ["name"]


def test_a_change_in_a_new_group_is_not_live_without_it(editor: Client, natale):
    natale.add("mantua", type="group")
    natale.move("romeo", "mantua")
    move = change_of(natale, editor, kind="moved")
    before = rows()

    answer = natale.send(editor, "do_live", **move)

    words = {"error": "This can't go live without the rest of the campaign."}
    assert (answer.status_code, answer.json()) == (409, words)
    assert rows() == before


@pytest.mark.parametrize("view", ["take_back", "do_live"])
def test_what_is_live_has_no_change_to_take_back(editor: Client, verona, view):
    assert send(editor, view, key=None, field="").status_code == 400


# --- Permissions ----------------------------------------------------------------------


@pytest.mark.parametrize("allowed", ["edit_live", "edit_campaign"])
def test_each_place_has_its_permission(natale, allowed):
    verbs = ("view_buddy", "add_buddy", "change_buddy", "delete_buddy")
    client = person("nurse", "", *verbs, allowed)
    natale.change("mario", name="Mario")
    before = (rows(), natale.digest)
    change_ = {"key": str(named("mario").key), "field": "name"}
    bodies = {
        "move": {**moved(natale)[1], "seen": 2**62},
        "switch": {**switched(natale)[1], "seen": 2**62},
        "schedule": {"ids": [key("romeo")], "from": "", "seen": 2**62},
        "duplicate": duplicated(natale)[1],
        "remove": {**removed(natale)[1], "seen": 2**62},
        "undo": {"seen": 1},
        "take_back": change_,
        "do_live": change_,
        "write": {"ids": [key("romeo")], "texts": {"name": "R"}, "seen": 2**62},
        "create": {**NEW, "name": "mantua"},
        "picture": {},
        "example": {},
    }

    in_live = {v: send(client, v, **body).status_code for v, body in bodies.items()}
    in_campaign = {
        v: natale.send(client, v, **b).status_code for v, b in bodies.items()
    }

    refused = dict.fromkeys(EDIT_VIEWS, 403)
    if allowed == "edit_live":
        assert in_campaign == refused
        assert natale.digest == before[1]
        assert 403 not in in_live.values()
    else:
        assert in_live == refused
        assert rows() == before[0]
        assert {v for v, code in in_campaign.items() if code == 403} == {"do_live"}


@pytest.mark.parametrize("view", EDIT_VIEWS)
def test_a_reader_edits_no_campaign(natale, view):
    answer = natale.send(viewer(), view, ids=[key("romeo")], web=False, seen=0)
    assert answer.status_code == 403
    assert natale.version == 0
