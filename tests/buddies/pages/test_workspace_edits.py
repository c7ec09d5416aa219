"""What the workspace's script sends."""

import pytest
from django.test import Client

from buddies.models import Buddy, HistoricalBuddy, Tree
from buddies.pages.workspace import EDITING
from buddies.tree import edits
from tests.buddies.conftest import channel, named, outline, rows
from tests.buddies.pages.workspace_client import (
    VERONA,
    bodies,
    change,
    key,
    send,
    version,
)

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("names", "target", "where", "order"),
    [
        ("mario", "verona", "before", ["mario", *VERONA[:4]]),
        (
            "mario",
            "house",
            "after",
            ["verona", "  juliet", "  house", "    romeo", "  mario"],
        ),
        (
            "mario juliet",
            "house",
            "first",
            ["verona", "  house", "    mario", "    juliet", "    romeo"],
        ),
        (
            "mario",
            "house",
            "last",
            ["verona", "  juliet", "  house", "    romeo", "    mario"],
        ),
        ("romeo", None, "first", ["romeo", *VERONA[:3], "mario"]),
        ("romeo", None, "last", [*VERONA[:3], "mario", "romeo"]),
    ],
)
def test_entries_are_moved(editor, verona, names, target, where, order):
    ids = [key(name) for name in names.split()]
    target = target and key(target)

    response = send(editor, "move", ids=ids, target=target, where=where, seen=version())

    assert response.status_code == 200
    assert outline() == order
    assert response.json()["version"] == version()
    assert {entry["key"] for entry in response.json()["entries"]} == {*map(str, ids)}
    assert Tree.objects.get().editors["tybalt"] == version()


@pytest.mark.parametrize(
    ("name", "target", "where", "reason"),
    [
        ("verona", "house", "last", "You can't move a group into itself."),
        ("verona", "verona", "first", "You can't move a group into itself."),
        ("mario", "romeo", "first", "Only a group can contain channels and groups."),
    ],
)
def test_a_move_to_where_nothing_can_stand_is_refused(
    editor, verona, name, target, where, reason
):
    response = send(
        editor, "move", ids=[key(name)], target=key(target), where=where, seen=version()
    )

    assert (response.status_code, response.json()) == (400, {"error": reason})
    assert outline() == VERONA


def test_switches_are_switched_one_or_both_of_one_or_several(editor, verona):
    both = [key("romeo"), key("juliet")]

    said = [
        send(editor, "switch", ids=both, mobile=True, seen=version()).json()["said"],
        send(
            editor, "switch", ids=both[:1], mobile=False, web=False, seen=version()
        ).json()["said"],
    ]

    assert said == ["Changed 2 items", "Changed the visibility of “romeo”"]
    flags = ("mobile_is_published", "web_is_published")
    of = {name: flags for name, *flags in Buddy.objects.values_list("name", *flags)}
    assert of["romeo"] == [False, False]
    assert of["juliet"] == [True, True]
    assert of["mario"] == [False, True]


def test_an_edit_answers_with_the_entries_as_they_are_now(editor: Client, verona):
    response = send(editor, "switch", ids=[verona.pk], web=False, seen=version())

    assert response.json() == {
        "version": version(),
        "said": "Changed the visibility of “verona”",
        "entries": [
            {
                "key": str(verona.pk),
                "title": "verona",
                "type": "group",
                "text": "",
                "mobile": False,
                "web": False,
                "remark": "draft: not published anywhere",
            }
        ],
    }


def test_a_branch_is_duplicated_as_drafts(editor: Client, verona):
    response = send(editor, "duplicate", ids=[key("house")])

    assert response.json()["said"] == "Added 2 items"
    assert outline()[2:6] == ["  house", "    romeo", "  house", "    romeo"]
    assert Buddy.objects.filter(name="romeo", web_is_published=False).count() == 1


def test_a_branch_is_removed(editor: Client, verona):
    response = send(editor, "remove", ids=[verona.pk], seen=version())

    assert (response.status_code, outline()) == (200, ["mario"])
    assert response.json()["said"] == "Deleted 4 items"
    assert response.json()["entries"] == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda: ("move", {"ids": [key("mario")], "where": "first"}),
        lambda: ("switch", {"ids": [key("verona"), key("romeo")], "mobile": True}),
        lambda: ("duplicate", {"ids": [key("verona")]}),
        lambda: ("remove", {"ids": [key("verona")]}),
    ],
    ids=["move", "switch", "duplicate", "remove"],
)
def test_each_edit_is_taken_back_and_done_again(editor: Client, verona, edit):
    view, body = edit()
    before = rows()
    send(editor, view, **body, seen=version())
    after = rows()
    assert after != before

    back = send(editor, "undo", seen=version())
    assert back.json()["said"].startswith("Undone: ")
    assert rows() == before

    send(editor, "undo", seen=version())
    assert rows() == after


def test_nobody_takes_back_the_edit_of_somebody_else(editor: Client, verona):
    change("romeo", status="banished")
    before = rows()

    for seen in (version(), version() + 1, 2**63 - 1):
        response = send(editor, "undo", seen=seen)
        assert response.status_code == 409
        assert response.json() == {"error": "There is nothing to undo."}

    assert rows() == before


def test_what_somebody_edited_since_is_not_taken_back(editor: Client, verona):
    send(editor, "switch", ids=[key("romeo")], web=False, seen=version())
    mine = version()
    change("romeo", status="banished")

    response = send(editor, "undo", seen=mine)

    assert response.status_code == 409
    said = response.json()["error"].replace("\xa0", " ")
    assert said == "mercutio changed “romeo” just now: status text."
    assert not named("romeo").web_is_published


@pytest.mark.parametrize("view", ["move", "switch", "remove"])
def test_a_stale_edit_is_refused_with_who_what_and_when(editor, verona, view):
    body = bodies()[view]
    change("romeo", name="Romeo", status="banished")
    before = rows()

    response = send(editor, view, **body)

    assert response.status_code == 409
    said = response.json()["error"].replace("\xa0", " ")
    assert said == "mercutio changed “Romeo” just now: name and status text."
    assert rows() == before


@pytest.mark.parametrize("view", ["move", "switch", "remove", "duplicate"])
def test_an_edit_of_what_is_gone_is_refused_with_who_deleted_it(editor, verona, view):
    body = bodies()[view]
    edits.remove([named("romeo")], "mercutio")
    before = rows()

    response = send(editor, view, **body)

    assert response.status_code == 409
    said = response.json()["error"].replace("\xa0", " ")
    assert said == "mercutio deleted “romeo” just now."
    assert rows() == before


def test_a_removal_spares_what_somebody_added_below_in_the_meantime(editor, verona):
    seen = version()
    channel("benvolio", named("house"))

    response = send(editor, "remove", ids=[verona.pk], seen=seen)

    assert response.status_code == 409
    said = response.json()["error"].replace("\xa0", " ")
    assert said == "juliet added “benvolio” just now."
    assert "    benvolio" in outline()


def test_of_several_entries_one_that_is_stale_refuses_all(editor, verona):
    seen, ids = version(), [key("juliet"), key("romeo")]
    change("romeo", status="banished")

    response = send(editor, "switch", ids=ids, web=False, seen=seen)

    assert response.status_code == 409
    assert named("juliet").web_is_published


def test_an_edit_of_something_else_in_the_meantime_is_no_matter(editor, verona):
    body = bodies()["switch"]
    change("juliet", status="fair")
    assert send(editor, "switch", **body).status_code == 200


@pytest.mark.parametrize(
    "edit",
    [
        lambda: ("switch", {"ids": [key("romeo")], "web": True}),
        lambda: ("switch", {"ids": [], "web": False}),
        lambda: ("move", {"ids": [], "where": "first"}),
        lambda: ("move", {"ids": [key("mario")], "where": "last"}),
        lambda: (
            "move",
            {"ids": [key("mario")], "target": key("verona"), "where": "after"},
        ),
        lambda: (
            "move",
            {"ids": [key("mario")], "target": key("mario"), "where": "before"},
        ),
        lambda: (
            "move",
            {"ids": [key("mario"), key("mario")], "where": "last"},
        ),
        lambda: ("remove", {"ids": []}),
    ],
)
def test_an_edit_that_changes_nothing_makes_no_version(editor, verona, edit):
    view, body = edit()
    before, seen = rows(), version()

    response = send(editor, view, **body, seen=seen)

    assert response.status_code == 200
    assert response.json() == {"version": seen, "said": "", "entries": []}
    assert (rows(), version()) == (before, seen)


def test_an_entry_that_is_named_twice_is_edited_once(editor: Client, verona):
    romeo = key("romeo")

    response = send(editor, "switch", ids=[romeo, romeo], web=False, seen=version())

    assert response.json()["said"] == "Changed the visibility of “romeo”"
    assert HistoricalBuddy.objects.filter(version=version()).count() == 1


BODIES = {
    "nothing": b"",
    "a list": b"[]",
    "a list of one": b'[{"ids": [1], "seen": 1}]',
    "a string": b'"ids"',
    "a number": b"1",
    "a float": b"1e400",
    "a boolean": b"true",
    "null": b"null",
    "not a number": b"NaN",
    "half an object": b'{"ids": [1',
    "no JSON": b"ids=1&seen=1",
    "no UTF-8": b'{"ids": "\xff"}',
    "a lone surrogate": b'"\\ud800"',
    "a deep list": b"[" * 100_000,
    "a deep object": b'{"ids":' * 100_000,
    "a very large number": b'{"ids": [' + b"9" * 5_000 + b"]}",
    "an empty object": b"{}",
}


@pytest.mark.parametrize("view", EDITING)
def test_what_is_no_object_is_refused(editor: Client, verona, view):
    before, seen = rows(), version()

    answers = {what: send(editor, view, raw=raw) for what, raw in BODIES.items()}

    assert {what: answer.status_code for what, answer in answers.items()} == (
        dict.fromkeys(BODIES, 400)
    )
    assert all(answer.json()["error"] for answer in answers.values())
    assert (rows(), version()) == (before, seen)


NO_KEY = [
    "1",
    "",
    1.0,
    0.5,
    float("inf"),
    float("nan"),
    True,
    False,
    0,
    -1,
    2**63,
    10**30,
    [],
    [1],
    {},
    {"id": 1},
    "\ud800",
]
MISSING = object()
FLAWS = {
    "seen": [*NO_KEY, None, MISSING],
    "ids": [MISSING, None, 1, "1", True, {"1": 1}, *([one] for one in [*NO_KEY, None])],
    "target": NO_KEY,
    "mobile": [0, 1, 1.0, "true", "", None, [], {}],
    "web": [0, 1, 1.0, "true", "", None, [], {}],
}


@pytest.mark.parametrize(
    ("view", "name"),
    [
        *((view, "seen") for view in ("move", "switch", "remove", "undo")),
        *((view, "ids") for view in ("move", "switch", "remove", "duplicate")),
        ("move", "target"),
        ("switch", "mobile"),
        ("switch", "web"),
    ],
)
def test_what_the_script_does_not_send_is_refused(editor, verona, view, name):
    body = {**bodies()[view], **({"mobile": True} if view == "switch" else {})}
    before, seen = rows(), version()

    for flaw in FLAWS[name]:
        flawed = {k: v for k, v in {**body, name: flaw}.items() if v is not MISSING}
        response = send(editor, view, **flawed)

        assert (response.status_code, response.json()) == (
            400,
            {"error": "The request could not be understood. Reload the page."},
        ), flaw
    assert (rows(), version()) == (before, seen)


def test_a_place_is_one_of_four_words(editor, verona):
    for where in (
        *("", "inside", "Before", "before ", "\ud800"),
        *(None, 1, True, [], {}, ["first"]),
    ):
        response = send(editor, "move", **{**bodies()["move"], "where": where})
        assert response.status_code == 400, where
        assert response.json() == {"error": "Unknown position."}
    assert outline() == VERONA


def test_a_switch_of_nothing_is_refused(editor, verona):
    body = {"ids": [key("romeo")], "seen": version(), "name": "Tybalt"}
    assert send(editor, "switch", **body).status_code == 400
    assert named("romeo")


@pytest.mark.parametrize("ids", [[], ["romeo", "juliet"]])
def test_one_entry_at_a_time_is_duplicated(editor, verona, ids):
    response = send(editor, "duplicate", ids=[key(name) for name in ids])
    assert response.status_code == 400
    assert outline() == VERONA


@pytest.mark.parametrize("unknown", [10**9, 2**63 - 1])
@pytest.mark.parametrize("view", ["move", "switch", "duplicate", "remove"])
def test_entries_that_never_were_are_said_to_be_gone(editor, verona, view, unknown):
    body = {**bodies()[view], "ids": [unknown]}

    response = send(editor, view, **body)

    assert response.status_code == 409
    assert response.json() == {"error": "Someone deleted this in the meantime."}


def test_a_target_that_is_gone_is_said_to_be(editor, verona):
    body = bodies()["move"]
    edits.remove([named("mario")], "mercutio")

    response = send(editor, "move", **body)

    assert response.status_code == 409
    assert "mercutio deleted “mario”" in response.json()["error"]
