"""The edits that the workspace's script sends."""

import pytest
from django.test import Client

from buddies.models import Buddy, HistoricalBuddy, Tree
from buddies.pages.workspace import EDIT_VIEWS
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
def test_a_move_to_an_invalid_place_is_refused(
    editor, verona, name, target, where, reason
):
    response = send(
        editor, "move", ids=[key(name)], target=key(target), where=where, seen=version()
    )

    assert (response.status_code, response.json()) == (400, {"error": reason})
    assert outline() == VERONA


def test_one_or_both_flags_of_one_or_several_entries_are_switched(editor, verona):
    both = [key("romeo"), key("juliet")]

    messages = [
        send(editor, "switch", ids=both, mobile=True, seen=version()).json()["said"],
        send(
            editor, "switch", ids=both[:1], mobile=False, web=False, seen=version()
        ).json()["said"],
    ]

    assert messages == ["Changed 2 items", "Changed the visibility of “romeo”"]
    flags = ("mobile_is_published", "web_is_published")
    of = {name: flags for name, *flags in Buddy.objects.values_list("name", *flags)}
    assert of["romeo"] == [False, False]
    assert of["juliet"] == [True, True]
    assert of["mario"] == [False, True]


def test_an_edit_answers_with_the_entries_as_they_are_now(editor: Client, verona):
    response = send(editor, "switch", ids=[verona.pk], web=False, seen=version())

    assert response.json() == {
        "version": version(),
        "stamp": str(version()),
        "said": "Changed the visibility of “verona”",
        "entries": [
            {
                "key": str(verona.pk),
                "uuid": str(verona.key),
                "title": "verona",
                "type": "group",
                "address": "verona",
                "picture": "",
                "text": "",
                "mobile": False,
                "web": False,
                "remark": "",
                "version": version(),
            }
        ],
        "place": {
            "tone": "gone",
            "words": "No longer on the web",
            "until": "Being removed from the web …",
        },
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
def test_each_edit_is_undone_and_redone(editor: Client, verona, edit):
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


def test_an_edit_of_another_user_cannot_be_undone(editor: Client, verona):
    change("romeo", status="banished")
    before = rows()

    for seen in (version(), version() + 1, 2**63 - 1):
        response = send(editor, "undo", seen=seen)
        assert response.status_code == 409
        assert response.json() == {"error": "There is nothing to undo."}

    assert rows() == before


def test_an_entry_edited_since_is_not_undone(editor: Client, verona):
    send(editor, "switch", ids=[key("romeo")], web=False, seen=version())
    mine = version()
    change("romeo", mobile_is_published=True, web_is_published=True)

    response = send(editor, "undo", seen=mine)

    assert response.status_code == 409
    message = response.json()["error"].replace("\xa0", " ")
    assert message == "mercutio changed “romeo” just now: mobile and web."
    assert named("romeo").web_is_published


@pytest.mark.parametrize("view", ["move", "switch", "remove"])
def test_a_stale_edit_is_refused_with_who_did_what(editor, verona, view):
    body = bodies()[view]
    change("romeo", web_is_published=False, parent=None)
    before = rows()

    response = send(editor, view, **body)

    assert response.status_code == 409
    message = response.json()["error"].replace("\xa0", " ")
    assert message == "mercutio changed “romeo” just now: place and web."
    assert rows() == before


@pytest.mark.parametrize("view", ["move", "switch", "remove", "duplicate"])
def test_an_edit_of_a_deleted_entry_says_who_deleted_it(editor, verona, view):
    body = bodies()[view]
    edits.remove([named("romeo")], "mercutio")
    before = rows()

    response = send(editor, view, **body)

    assert response.status_code == 409
    message = response.json()["error"].replace("\xa0", " ")
    assert message == "mercutio deleted “romeo” just now."
    assert rows() == before


def test_a_removal_is_refused_if_an_entry_was_added_below(editor, verona):
    seen = version()
    channel("benvolio", named("house"))

    response = send(editor, "remove", ids=[verona.pk], seen=seen)

    assert response.status_code == 409
    message = response.json()["error"].replace("\xa0", " ")
    assert message == "juliet added “benvolio” just now."
    assert "    benvolio" in outline()


def test_one_stale_entry_refuses_the_whole_edit(editor, verona):
    seen, ids = version(), [key("juliet"), key("romeo")]
    change("romeo", web_is_published=False)

    response = send(editor, "switch", ids=ids, web=False, seen=seen)

    assert response.status_code == 409
    assert named("juliet").web_is_published


def test_an_edit_of_another_entry_does_not_conflict(editor, verona):
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
    assert response.json() == {
        "version": seen,
        "stamp": str(seen),
        "said": "",
        "entries": [],
        "place": None,
    }
    assert (rows(), version()) == (before, seen)


def test_an_entry_named_twice_is_edited_once(editor: Client, verona):
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


@pytest.mark.parametrize("view", EDIT_VIEWS)
def test_a_body_that_is_not_an_object_is_refused(editor: Client, verona, view):
    before, seen = rows(), version()

    answers = {what: send(editor, view, raw=raw) for what, raw in BODIES.items()}

    assert {what: answer.status_code for what, answer in answers.items()} == (
        dict.fromkeys(BODIES, 400)
    )
    assert all(answer.json()["error"] for answer in answers.values())
    assert (rows(), version()) == (before, seen)


NO_TEXT = [None, 1, True, []]
NO_NUMBER = [
    "1",
    "",
    1.0,
    0.5,
    float("inf"),
    float("nan"),
    True,
    False,
    2**63,
    10**30,
    [],
    [1],
    {},
    {"id": 1},
    "\ud800",
]
# What only a campaign has is named by a negative number.
NO_KEY = [*NO_NUMBER, 0, -(2**63)]
MISSING = object()
FLAWS = {
    "seen": [*NO_NUMBER, -1, None, MISSING],
    "ids": [MISSING, None, 1, "1", True, {"1": 1}, *([one] for one in [*NO_KEY, None])],
    "target": NO_KEY,
    "group": NO_KEY,
    "texts": [*NO_TEXT, {}, {"name": None}, {"address": "a"}, {"name": "a", 1: "b"}],
    "type": [*NO_TEXT, "", "Group", "channels"],
    "name": NO_TEXT,
    "was": [*NO_TEXT, {"name": None}, {"address": "a"}],
    "key": [*NO_TEXT, "", "x", "0b5f7d0e"],
    "mobile": [0, 1, 1.0, "true", "", None, [], {}],
    "web": [0, 1, 1.0, "true", "", None, [], {}],
}


@pytest.mark.parametrize(
    ("view", "name"),
    [
        *((v, "seen") for v in ("move", "switch", "remove", "undo", "write")),
        *((v, "ids") for v in ("move", "switch", "remove", "duplicate", "write")),
        ("write", "texts"),
        ("write", "was"),
        *(("create", name) for name in ("type", "name", "group", "key")),
        ("move", "target"),
        ("switch", "mobile"),
        ("switch", "web"),
    ],
)
def test_values_that_the_script_never_sends_are_refused(editor, verona, view, name):
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


def test_an_unknown_position_is_refused(editor, verona):
    for where in (
        *("", "inside", "Before", "before ", "\ud800"),
        *(None, 1, True, [], {}, ["first"]),
    ):
        response = send(editor, "move", **{**bodies()["move"], "where": where})
        assert response.status_code == 400, where
        assert response.json() == {"error": "Unknown position."}
    assert outline() == VERONA


def test_a_switch_without_a_flag_is_refused(editor, verona):
    body = {"ids": [key("romeo")], "seen": version(), "name": "Tybalt"}
    assert send(editor, "switch", **body).status_code == 400
    assert named("romeo")


def test_several_entries_are_duplicated_each_once(editor, verona):
    chosen = [key(name) for name in ("house", "romeo", "mario")]
    response = send(editor, "duplicate", ids=chosen)

    # romeo is copied with its house.
    assert response.json()["said"] == "Added 3 items"
    assert sorted(outline()) == sorted([*VERONA, "  house", "    romeo", "mario"])


def test_too_many_entries_at_once_are_refused_in_words(editor, verona):
    response = send(editor, "duplicate", ids=list(range(1, 1002)))
    assert response.status_code == 400
    words = "At most 1,000 items can be changed at once: select fewer."
    assert response.json() == {"error": words}


@pytest.mark.parametrize("unknown", [10**9, 2**63 - 1])
@pytest.mark.parametrize("view", ["move", "switch", "duplicate", "remove"])
def test_unknown_entries_are_reported_as_deleted(editor, verona, view, unknown):
    body = {**bodies()[view], "ids": [unknown]}

    response = send(editor, view, **body)

    assert response.status_code == 409
    assert response.json() == {"error": "Someone deleted this in the meantime."}


def test_a_deleted_target_is_reported(editor, verona):
    body = bodies()["move"]
    edits.remove([named("mario")], "mercutio")

    response = send(editor, "move", **body)

    assert response.status_code == 409
    assert "mercutio deleted “mario”" in response.json()["error"]


def test_an_empty_tree_is_begun_with_an_example_of_drafts(editor: Client):
    response = send(editor, "example")

    assert response.json()["said"] == "Added 4 items"
    assert outline() == ["Shop", "  Orders", "  Opening hours", "News"]
    assert not any(buddy.is_published for buddy in Buddy.objects.all())
    send(editor, "undo", seen=version())
    assert outline() == []


def test_an_example_is_not_put_among_channels(editor: Client, verona):
    response = send(editor, "example")
    assert (response.status_code, outline()) == (400, VERONA)
    assert response.json() == {"error": "There are channels already."}
