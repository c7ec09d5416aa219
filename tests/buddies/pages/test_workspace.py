"""The workspace: its page, and what its script reads."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from buddies.document.shape import EMPTY
from buddies.models import Buddy, Release
from buddies.pages.workspace import EDIT_VIEWS, MAX_CHANGES, READ_VIEWS
from buddies.publishing import draft, live
from tests.buddies.conftest import built, channel, group, named, outline, rows
from tests.buddies.pages.workspace_client import (
    CHANNELS,
    VERONA,
    ask,
    bodies,
    change,
    go_live,
    key,
    person,
    send,
    version,
)

pytestmark = pytest.mark.django_db


def viewer(name: str = "nurse") -> Client:
    """Return a client that may view everything and change nothing."""
    return person(name, "", "view_buddy", "view_release")


def test_the_page_contains_the_state_and_all_urls(editor: Client, verona):
    response = editor.get(CHANNELS)

    context = response.context
    assert context["state"] == ask(editor, "state")
    urls = context["workspace"]["urls"]
    assert {*urls} == {
        *READ_VIEWS,
        *EDIT_VIEWS,
        "fate",
        "edit",
        "history",
    }
    assert urls["edit"] == "/admin/buddies/buddy/0/change/"
    assert context["may"] == {
        "add": True,
        "change": True,
        "delete": True,
        "publish": False,
        "campaign": True,
        "live": True,
    }


@pytest.mark.parametrize(
    ("role", "shown", "hidden"),
    [
        (
            "",
            ["You can view everything here but not change it."],
            ['id="retry"', 'id="undo"', 'id="add-channel"', "New campaign"],
        ),
        (
            "Editor",
            ['id="undo"', 'id="retry"', 'id="add-channel"', "New campaign"],
            [],
        ),
    ],
)
def test_a_role_sees_only_the_buttons_that_it_may_use(role, shown, hidden):
    client = person("prince", role) if role else viewer()

    html = client.get(CHANNELS).content.decode()

    assert [text for text in shown if text not in html] == []
    assert [text for text in hidden if text in html] == []


def test_names_are_escaped_in_the_page(editor: Client):
    channel("</script><script>alert(1)")
    send(editor, "switch", ids=[Buddy.objects.get().pk], web=False, seen=version())
    html = editor.get(CHANNELS).content.decode()
    assert "alert(1)" in html
    assert "<script>alert" not in html


def test_the_tree_is_nested_in_order_and_has_its_version(editor, verona):
    group("hollow")
    change("romeo", status="in love", web_is_published=False)

    answer = ask(editor, "tree")

    def names(entries: list[dict], depth: int = 0) -> list[str]:
        found = []
        for entry in entries:
            found.append("  " * depth + entry["title"])
            found += names(entry.get("children", []), depth + 1)
        return found

    assert answer["version"] == version()
    assert names(answer["entries"]) == outline() == [*VERONA, "hollow"]
    assert answer["entries"][0]["children"][1]["children"] == [
        {
            "key": str(key("romeo")),
            "uuid": str(named("romeo").key),
            "title": "romeo",
            "type": "channel",
            "address": "romeo",
            "picture": "",
            "text": "in love",
            "mobile": False,
            "web": False,
            "remark": "",
            "version": named("romeo").version,
        }
    ]
    assert answer["entries"][2]["remark"] == "empty group: not shown to apps"


def test_before_the_first_entry_everything_is_empty(editor: Client):
    assert ask(editor, "tree") == {"version": 1, "stamp": "1", "entries": []}
    assert ask(editor, "document")["document"] == json.loads(EMPTY)
    assert ask(editor, "changes") == {"changes": [], "count": 0}
    assert ask(editor, "state")["undo"] is None


def test_the_document_is_the_one_that_clients_would_read(editor: Client, verona):
    change("house", web_is_published=False)

    answer = ask(editor, "document")

    assert answer == {"version": version(), "document": built()}
    assert "romeo" not in json.dumps(answer)


def test_changes_are_described(editor: Client, verona):
    go_live()
    change("romeo", name="Romeo")

    assert ask(editor, "changes") == {
        "changes": [
            {
                "kind": "edited",
                "label": "edited",
                "address": "romeo",
                "name": "Romeo",
                "words": "name: “romeo” → “Romeo”",
            }
        ],
        "count": 1,
    }


def test_a_long_list_of_changes_is_truncated(editor: Client):
    Buddy.objects.bulk_create(
        Buddy(name=f"{number}", address=f"{number}", web_is_published=True)
        for number in range(MAX_CHANGES + 5)
    )

    answer = ask(editor, "changes")

    assert len(answer["changes"]) == MAX_CHANGES
    assert answer["count"] == MAX_CHANGES + 5


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("romeo", ["Apps show it now; it will disappear."]),
        ("draft", ["Apps don't show it now."]),
        (
            "house",
            [
                "1 item inside will be deleted too.",
                "Apps show 2 of them now; they will disappear.",
            ],
        ),
        (
            "verona",
            [
                "4 items inside will be deleted too.",
                "Apps show 4 of them now; they will disappear.",
            ],
        ),
        (
            "drafts",
            [
                "1 item inside will be deleted too.",
                "Apps don't show it now.",
            ],
        ),
    ],
)
def test_the_effects_of_a_deletion_are_described_before_it(editor, verona, name, words):
    channel("draft", verona, web_is_published=False)
    channel("draft inside", group("drafts", web_is_published=False))
    go_live()

    fate = {"version": version(), "words": words}
    assert send(editor, "fate", ids=[key(name)]).json() == fate


def test_the_effects_of_deleting_many_are_described_together(editor, verona):
    go_live()
    romeo, house = key("romeo"), key("house")

    def words(*ids: int) -> list[str]:
        found: list[str] = send(editor, "fate", ids=ids).json()["words"]
        return found

    assert words(house, key("mario")) == [
        "1 item inside will be deleted too.",
        "Apps show 3 of them now; they will disappear.",
    ]
    # What is inside another one is not counted twice.
    assert words(house, romeo) == ["Apps show 2 of them now; they will disappear."]
    assert send(editor, "fate", ids=[house, 10**9]).status_code == 409
    assert send(editor, "fate", ids=list(range(1, 1002))).status_code == 400
    assert send(editor, "fate", raw="[]").status_code == 400


def test_a_group_that_got_an_entry_since_is_not_deleted(editor: Client, verona):
    seen = send(editor, "fate", ids=[key("house")]).json()["version"]
    change("mario", parent=named("house"))

    answer = send(editor, "remove", ids=[key("house")], seen=seen)

    assert answer.status_code == 409
    assert "“mario”" in answer.json()["error"]
    assert named("mario").parent == named("house")


def test_the_fate_of_an_unknown_entry_is_a_readable_error(editor, verona):
    gone = {"error": "Someone deleted this in the meantime."}
    for number in (-1, 10**9, 2**63 - 1):
        response = send(editor, "fate", ids=[number])
        assert (response.status_code, response.json()) == (409, gone), number
    for number in ("", "abc", 1.0, 0, 2**63, 10**30, None, [1]):
        assert send(editor, "fate", ids=[number]).status_code == 400, number


@pytest.mark.parametrize("view", READ_VIEWS)
def test_reading_views_refuse_post(editor, verona, view):
    assert send(editor, view).status_code == 405


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD"])
def test_writing_views_accept_only_post(publisher, verona, method):
    before = (rows(), version())
    for view in (*EDIT_VIEWS, "retry"):
        response = publisher.generic(method, f"{CHANNELS}{view}/")
        assert response.status_code == 405, view
    assert (rows(), version()) == before


@pytest.mark.parametrize("view", [*EDIT_VIEWS, "retry"])
def test_a_write_from_another_site_is_refused(verona, view):
    user = User.objects.create_superuser("prince")
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    before = (rows(), version())

    assert send(client, view, **bodies().get(view, {})).status_code == 403
    assert (rows(), version()) == before

    client.get(CHANNELS)
    token = {"X-CSRFToken": client.cookies["csrftoken"].value}
    answer = client.post(f"{CHANNELS}{view}/", headers=token)
    assert answer.status_code in (302, 400)


@pytest.mark.parametrize("view", EDIT_VIEWS)
def test_viewers_cannot_edit(verona, view):
    before = (rows(), version())

    response = send(viewer(), view, **bodies()[view])

    assert response.status_code == 403
    assert response.json() == {"error": "You can view this but not change it."}
    assert (rows(), version()) == before


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        (
            "change_buddy",
            {"move", "switch", "schedule", "undo", "take_back", "write", "picture"},
        ),
        ("add_buddy", {"duplicate", "create", "example"}),
        ("delete_buddy", {"remove"}),
    ],
)
def test_each_edit_needs_its_permission(verona, permission, allowed):
    client = person("nurse", "", "view_buddy", "edit_live", permission)

    answers = {view: send(client, view, raw="{}") for view in EDIT_VIEWS}

    status = {view: answer.status_code for view, answer in answers.items()}
    assert {view for view, code in status.items() if code == 400} == allowed
    assert {code for view, code in status.items() if view not in allowed} == {403}


def test_a_retry_makes_the_release_and_sends_wake_ups(
    editor: Client, verona, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as callbacks:
        response = editor.post(f"{CHANNELS}retry/")

    assert (response.status_code, response.url) == (302, CHANNELS)
    assert live.live_release().body == draft.current_draft().body
    assert len(callbacks) == 2  # of the release, and of the retry

    with django_capture_on_commit_callbacks() as callbacks:
        editor.post(f"{CHANNELS}retry/")
    assert len(callbacks) == 1
    assert Release.objects.count() == 1
