"""The workspace's page, and what its script asks and sends as JSON."""

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from buddies.document.shape import EMPTY
from buddies.migrations import _roles
from buddies.models import Buddy, HistoricalBuddy, PlannedRelease, Release, Tree
from buddies.pages.status import SLOW_SECONDS
from buddies.pages.workspace import EDITING, MAX_CHANGES, READING
from buddies.publishing import draft, live, releases, review
from buddies.tree import edits
from tests.buddies.conftest import (
    EDITOR,
    built,
    channel,
    group,
    named,
    outline,
    rows,
)
from xmppservice.connection import gateway
from xmppservice.connection.models import StreamStatus

pytestmark = pytest.mark.django_db

CHANNELS = "/admin/buddies/buddy/channels/"
VERONA = ["verona", "  juliet", "  house", "    romeo", "mario"]


def person(name: str, role: str = "", *permissions: str) -> Client:
    """Somebody of the staff with the role and the permissions."""
    # A test with transactions of its own empties what the migration made.
    _roles.create(apps, None)
    user = User.objects.create_user(name, is_staff=True)
    user.groups.set(Group.objects.filter(name=role))
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def looker(name: str = "nurse") -> Client:
    """Who may look at everything, and change nothing."""
    return person(name, "", "view_buddy", "view_release")


@pytest.fixture
def editor() -> Client:
    return person("tybalt", "Editor")


@pytest.fixture
def publisher() -> Client:
    return person("prince", "Publisher")


@pytest.fixture
def verona() -> Buddy:
    """verona (juliet, house (romeo)), and behind it mario."""
    verona = group("verona")
    channel("juliet", verona)
    channel("romeo", group("house", verona))
    channel("mario")
    return verona


@pytest.fixture
def stream() -> Iterator[None]:
    """A stream of this process that is up, and is never asked."""

    async def ask(requests, deadline):
        raise AssertionError("nobody asks")

    async def attach():
        gateway.attach(ask, lambda: gateway.State(ready=True, privileged=True))

    asyncio.run(attach())
    yield
    gateway.detach()


def version() -> int:
    return Tree.objects.get().version


def key(name: str) -> int:
    return named(name).pk


def ask(client: Client, view: str, **query: object) -> dict:
    response = client.get(f"{CHANNELS}{view}/", query)
    assert response.status_code == 200
    return response.json()


def send(client: Client, view: str, **body: object):
    """What the script sends; ``raw`` instead of JSON when it is given."""
    raw = body.pop("raw", None)
    text = json.dumps(body) if raw is None else raw
    return client.post(f"{CHANNELS}{view}/", text, content_type="application/json")


def change(one: str, by: str = "mercutio", **fields: object) -> None:
    edits.change([named(one)], by, **fields)


def go_live() -> Release:
    release = releases.sync()
    assert release is not None
    live.mark_live(release.number)
    return release


# --- The page -------------------------------------------------------------------


def test_the_page_brings_the_state_and_all_addresses(editor: Client, verona):
    response = editor.get(CHANNELS)

    context = response.context
    assert context["state"] == ask(editor, "state")
    urls = context["workspace"]["urls"]
    assert {*urls} == {
        *READING,
        *EDITING,
        "add",
        "edit",
        "history",
    }
    assert urls["edit"] == "/admin/buddies/buddy/0/change/"
    assert context["may"] == {
        "add": True,
        "change": True,
        "delete": True,
        "publish": False,
    }


@pytest.mark.parametrize(
    ("role", "shown", "hidden"),
    [
        (
            "",
            ["You may look at everything here, but not change it."],
            ["Hold changes", "Retry", 'id="undo"', "buddy/add/?from"],
        ),
        ("Editor", ['id="undo"', "Retry", "buddy/add/?from"], ["Hold changes"]),
        ("Publisher", ['id="undo"', "Retry", "buddy/add/?from", "Hold changes"], []),
    ],
)
def test_a_role_sees_the_buttons_of_what_it_may(role, shown, hidden):
    client = person("prince", role) if role else looker()

    html = client.get(CHANNELS).content.decode()

    assert [text for text in shown if text not in html] == []
    assert [text for text in hidden if text in html] == []


def test_names_are_no_markup_in_the_page(editor: Client):
    channel("</script><script>alert(1)")
    send(editor, "switch", ids=[Buddy.objects.get().pk], web=False, seen=version())
    html = editor.get(CHANNELS).content.decode()
    assert "alert(1)" in html
    assert "<script>alert" not in html


def test_on_hold_a_publisher_gets_to_the_review(publisher: Client, verona):
    def hidden() -> dict[str, bool]:
        html = publisher.get(CHANNELS).content.decode()
        found = re.findall(r'data-held="(yes|no)"[^>]*?( hidden)?>', html)
        assert len(found) == 3
        return {which: bool(is_hidden) for which, is_hidden in found}

    assert hidden() == {"yes": True, "no": False}
    review.hold("prince")
    assert hidden() == {"yes": False, "no": True}


# --- Reading --------------------------------------------------------------------


def test_the_tree_is_nested_in_its_order_and_says_its_version(editor, verona):
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
            "title": "romeo",
            "type": "channel",
            "text": "in love",
            "mobile": False,
            "web": False,
            "remark": "draft: shown nowhere",
        }
    ]
    assert answer["entries"][2]["remark"] == "empty group: not shown"


def test_before_the_first_entry_everything_is_empty(editor: Client):
    assert ask(editor, "tree") == {"version": 1, "entries": []}
    assert ask(editor, "document")["document"] == json.loads(EMPTY)
    assert ask(editor, "changes") == {"changes": [], "count": 0}
    assert ask(editor, "state")["undo"] is None


def test_the_document_is_the_one_that_clients_would_read(editor: Client, verona):
    change("house", web_is_published=False)

    answer = ask(editor, "document")

    assert answer == {"version": version(), "document": built()}
    assert "romeo" not in json.dumps(answer)


def test_changes_are_told_in_words(editor: Client, verona):
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


def test_of_very_many_changes_the_first_are_listed(editor: Client):
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
        ("romeo", ["Clients see it now, and lose it."]),
        ("draft", ["Clients see nothing of it now."]),
        (
            "house",
            [
                "It holds 1 entry, which goes with it.",
                "Clients see 2 of all these now, and lose them.",
            ],
        ),
        (
            "verona",
            [
                "It holds 4 entries, which go with it.",
                "Clients see 4 of all these now, and lose them.",
            ],
        ),
        (
            "drafts",
            [
                "It holds 1 entry, which goes with it.",
                "Clients see nothing of it now.",
            ],
        ),
    ],
)
def test_what_a_deletion_takes_along_is_said_before(editor, verona, name, words):
    channel("draft", verona, web_is_published=False)
    channel("draft inside", group("drafts", web_is_published=False))
    go_live()

    told = {"version": version(), "words": words}
    assert ask(editor, "fate", id=key(name)) == told


def test_what_came_since_it_was_said_is_not_deleted(editor: Client, verona):
    seen = ask(editor, "fate", id=key("house"))["version"]
    change("mario", parent=named("house"))

    answer = send(editor, "remove", ids=[key("house")], seen=seen)

    assert answer.status_code == 409
    assert "“mario”" in answer.json()["error"]
    assert named("mario").parent == named("house")


STRANGE = ["", "abc", "-1", "1.0", "0", "²", 2**63 - 1, 2**63, 10**30, "9" * 5_000]


def test_the_fate_of_what_is_not_there_is_told_in_words(editor, verona):
    gone = {"error": "Somebody deleted this entry in the meantime."}
    for query in ({}, *({"id": word} for word in STRANGE)):
        response = editor.get(f"{CHANNELS}fate/", query)
        assert (response.status_code, response.json()) == (409, gone), query


# --- The state ------------------------------------------------------------------


def nothing_is_live() -> None:
    pass


def taken() -> None:
    channel("romeo")
    go_live()


def not_taken() -> None:
    channel("romeo")
    releases.sync()


def edited() -> None:
    taken()
    change("romeo", name="Romeo")


def hidden_edit() -> None:
    taken()
    channel("draft", web_is_published=False)


def held() -> None:
    taken()
    review.hold("prince")


def held_and_edited() -> None:
    held()
    change("romeo", name="Romeo")


def held_and_edited_twice() -> None:
    held_and_edited()
    channel("juliet")


def held_before_the_first() -> None:
    review.hold("prince")


def not_taken_for_long() -> None:
    not_taken()
    long_ago = timezone.now() - timedelta(seconds=SLOW_SECONDS + 1)
    Release.objects.update(created_at=long_ago)


def edited_long_ago() -> None:
    edited()
    long_ago = timezone.now() - timedelta(seconds=SLOW_SECONDS + 1)
    HistoricalBuddy.objects.update(history_date=long_ago)


def too_large() -> None:
    taken()
    change("romeo", status="x" * 900)


def held_and_too_large() -> None:
    held()
    change("romeo", status="x" * 900)


ATTENTION = "Something needs your attention"
ON_ITS_WAY = "On its way to the XMPP server"


@pytest.mark.usefixtures("stream")
@pytest.mark.parametrize(
    ("arrange", "tone", "headline", "problem"),
    [
        (nothing_is_live, "busy", "Nothing is live yet", ""),
        (taken, "ok", "Everything is live", ""),
        (not_taken, "busy", ON_ITS_WAY, ""),
        (edited, "busy", ON_ITS_WAY, ""),
        (hidden_edit, "ok", "Everything is live", ""),
        (held, "held", "On hold: no unpublished changes", ""),
        (held_before_the_first, "held", "On hold: no unpublished changes", ""),
        (held_and_edited, "held", "On hold: 1 unpublished change", ""),
        (held_and_edited_twice, "held", "On hold: 2 unpublished changes", ""),
        (
            not_taken_for_long,
            "error",
            ATTENTION,
            "The XMPP server has not taken this version yet.",
        ),
        (edited_long_ago, "error", ATTENTION, "The last edits are not live yet."),
        (too_large, "error", ATTENTION, "bytes as a stanza, and 900 are allowed"),
        (
            held_and_too_large,
            "error",
            "On hold: 1 unpublished change",
            "bytes as a stanza, and 900 are allowed",
        ),
    ],
)
def test_the_state_is_told_in_words(
    settings, editor, arrange: Callable[[], None], tone, headline, problem
):
    settings.XMPP_STANZA_LIMIT = 900
    arrange()

    said = ask(editor, "state")

    assert (said["tone"], said["headline"]) == (tone, headline)
    assert problem in said["problem"]
    assert bool(problem) == bool(said["problem"])


def test_without_a_stream_in_this_process_it_says_so(editor: Client):
    taken()
    said = ask(editor, "state")
    assert said["tone"] == "error"
    assert "not connected to the XMPP server" in said["problem"]


def test_a_stream_that_is_down_is_said_to_be(editor: Client):
    async def attach():
        gateway.attach(None, lambda: gateway.State(ready=False, privileged=False))

    asyncio.run(attach())
    try:
        assert "not connected" in ask(editor, "state")["problem"]
    finally:
        gateway.detach()


@pytest.mark.parametrize(
    ("row", "is_up"),
    [
        ({"ready": True}, True),
        ({"ready": False}, False),
        ({"ready": True, "jid": "other.localhost"}, False),
        ({"ready": True, "seen_at": timezone.now() - timedelta(minutes=1)}, False),
    ],
)
def test_the_stream_of_another_process_is_known_by_its_row(
    editor: Client, settings, row, is_up
):
    taken()
    StreamStatus.objects.create(**{"jid": settings.XMPP_JID, **row})

    assert ("not connected" in ask(editor, "state")["problem"]) == (not is_up)


def test_what_is_live_is_told_with_when_by_whom_and_since(editor: Client):
    at = "[0-9]+ [A-Z][a-z]+ [0-9]{4}, [0-9]{2}:[0-9]{2}"

    assert ask(editor, "state")["live"] == ""
    channel("romeo")
    number = releases.sync().number
    said = ask(editor, "state")["live"]
    assert re.fullmatch(f"Live: version {number}, {at}, by {EDITOR}", said)

    live.mark_live(number)
    since = ask(editor, "state")["live"]
    assert since.startswith(f"{said} · on the XMPP server since ")

    Release.objects.update(author="")
    assert "by the service" in ask(editor, "state")["live"]


def test_a_hold_is_told_with_who_and_what_waits(editor: Client):
    channel("romeo")
    assert ask(editor, "state")["held"] == ""

    review.hold("prince")
    said = ask(editor, "state")["held"]
    assert said.startswith("Held since ")
    assert said.endswith(" by prince: edits stay a draft until published.")

    change("romeo", visible_from=timezone.now())
    assert ask(editor, "state")["held"] == f"{said} Schedules of entries wait, too."


def plan(at=None, by: str = "prince", note: str = "") -> PlannedRelease:
    at = at or timezone.now() + timedelta(days=1)
    made = review.publish(by, note, review.review_draft().digest, at)
    assert isinstance(made, PlannedRelease)
    return made


def test_plans_are_told_in_their_order(editor: Client, verona):
    day = timezone.now().replace(year=2099, month=3, day=2, hour=9, minute=5)
    plan(day)
    channel("benvolio")
    plan(day - timedelta(days=1), by="mercutio")

    assert ask(editor, "state")["planned"] == [
        "Goes live on 1 Mar 2099, 09:05, planned by mercutio",
        "Goes live on 2 Mar 2099, 09:05, planned by prince",
    ]


@pytest.mark.parametrize(
    ("more", "level"), [(0.25, "amber"), (0.27, "fine"), (0, "amber"), (-0.01, "over")]
)
def test_the_size_turns_amber_at_four_fifths_of_the_limit(
    settings, editor, verona, more, level
):
    size = ask(editor, "state")["size"]["bytes"]
    assert size == draft.current_draft().size

    settings.XMPP_STANZA_LIMIT = int(size * (1 + more))

    said = ask(editor, "state")["size"]
    assert (said["level"], said["bytes"]) == (level, size)
    assert said["limit"] == settings.XMPP_STANZA_LIMIT
    assert f"({round(100 / (1 + more))} %)" in said["words"]


def test_the_size_is_the_draft_s_before_it_is_released(editor: Client, verona):
    before = ask(editor, "state")["size"]["bytes"]
    change("romeo", status="x" * 500)
    assert ask(editor, "state")["size"]["bytes"] == before + 500


def test_one_s_own_last_edit_is_offered_to_be_taken_back(editor: Client, verona):
    assert ask(editor, "state")["undo"] is None

    send(editor, "switch", ids=[key("romeo")], web=False, seen=version())
    mine = version()
    change("juliet", status="fair")
    offered = ask(editor, "state")["undo"]
    assert offered == {"version": mine, "words": "Undo: Switched “romeo”"}

    assert send(editor, "undo", seen=mine).status_code == 200
    offered = ask(editor, "state")["undo"]
    assert offered == {"version": version(), "words": "Redo: Switched “romeo”"}


def test_a_state_that_is_known_is_answered_with_304(editor: Client, verona):
    first = editor.get(f"{CHANNELS}state/")
    known = {"If-None-Match": first["ETag"]}

    again = editor.get(f"{CHANNELS}state/", headers=known)
    change("romeo", name="Romeo")
    newer = editor.get(f"{CHANNELS}state/", headers=known)

    assert (again.status_code, again.content) == (304, b"")
    assert newer.status_code == 200
    assert newer.json()["version"] == version()
    assert newer["ETag"] != first["ETag"]


@pytest.mark.usefixtures("stream")
def test_a_hold_and_what_the_server_took_are_no_304(editor: Client, verona):
    number = releases.sync().number

    def newer() -> int:
        response = editor.get(
            f"{CHANNELS}state/", headers={"If-None-Match": newer.known}
        )
        newer.known = response.get("ETag", newer.known)
        return response.status_code

    newer.known = '"nothing"'
    assert newer() == 200
    for write in (
        lambda: live.mark_live(number),
        lambda: review.hold("prince"),
        lambda: change("juliet", status="fair"),
        lambda: plan(),
        lambda: PlannedRelease.objects.all().delete(),
        lambda: review.end_hold("juliet"),
    ):
        write()
        assert (newer(), newer()) == (200, 304)


def questions(client: Client) -> int:
    """How many questions to the database a known state takes."""
    ask(client, "state")
    with CaptureQueriesContext(connection) as asked:
        ask(client, "state")
    return len(asked)


@pytest.mark.usefixtures("stream")
@pytest.mark.parametrize("is_held", [False, True])
def test_the_state_asks_no_more_of_many_entries(editor: Client, verona, is_held):
    if is_held:
        review.hold("prince")
    send(editor, "switch", ids=[key("romeo")], mobile=True, seen=version())
    few = questions(editor)

    for parent in (verona, named("house")):
        Buddy.objects.bulk_create(
            Buddy(name=name, address=name, parent=parent, web_is_published=True)
            for name in (f"{parent} {number}" for number in range(200))
        )
    change("romeo", name="Romeo")

    assert questions(editor) == few
    assert few <= 14


# --- Edits ----------------------------------------------------------------------


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
        ("verona", "house", "last", "An entry cannot stand below itself."),
        ("verona", "verona", "first", "An entry cannot stand below itself."),
        ("mario", "romeo", "first", "Only a group can hold entries."),
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

    assert said == ["Changed 2 entries", "Switched “romeo”"]
    flags = ("mobile_is_published", "web_is_published")
    of = {name: flags for name, *flags in Buddy.objects.values_list("name", *flags)}
    assert of["romeo"] == [False, False]
    assert of["juliet"] == [True, True]
    assert of["mario"] == [False, True]


def test_an_edit_answers_with_the_entries_as_they_are_now(editor: Client, verona):
    response = send(editor, "switch", ids=[verona.pk], web=False, seen=version())

    assert response.json() == {
        "version": version(),
        "said": "Switched “verona”",
        "entries": [
            {
                "key": str(verona.pk),
                "title": "verona",
                "type": "group",
                "text": "",
                "mobile": False,
                "web": False,
                "remark": "draft: shown nowhere",
            }
        ],
    }


def test_a_branch_is_duplicated_as_drafts(editor: Client, verona):
    response = send(editor, "duplicate", ids=[key("house")])

    assert response.json()["said"] == "Added 2 entries"
    assert outline()[2:6] == ["  house", "    romeo", "  house", "    romeo"]
    assert Buddy.objects.filter(name="romeo", web_is_published=False).count() == 1


def test_a_branch_is_removed(editor: Client, verona):
    response = send(editor, "remove", ids=[verona.pk], seen=version())

    assert (response.status_code, outline()) == (200, ["mario"])
    assert response.json()["said"] == "Deleted 4 entries"
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
    assert back.json()["said"].startswith("Took back: ")
    assert rows() == before

    send(editor, "undo", seen=version())
    assert rows() == after


def test_nobody_takes_back_the_edit_of_somebody_else(editor: Client, verona):
    change("romeo", status="banished")
    before = rows()

    for seen in (version(), version() + 1, 2**63 - 1):
        response = send(editor, "undo", seen=seen)
        assert response.status_code == 409
        assert response.json() == {"error": "There is nothing to take back."}

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


def bodies() -> dict[str, dict]:
    """Each edit of romeo, as the script would send it."""
    one = {"ids": [key("romeo")]}
    return {
        "move": {**one, "target": key("mario"), "where": "after", "seen": version()},
        "switch": {**one, "web": False, "seen": version()},
        "duplicate": one,
        "remove": {**one, "seen": version()},
        "undo": {"seen": version()},
    }


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

    assert response.json()["said"] == "Switched “romeo”"
    assert HistoricalBuddy.objects.filter(version=version()).count() == 1


# --- What the workspace does not send -------------------------------------------

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
            {"error": "This is not what the workspace sends."},
        ), flaw
    assert (rows(), version()) == (before, seen)


def test_a_place_is_one_of_four_words(editor, verona):
    for where in (
        *("", "inside", "Before", "before ", "\ud800"),
        *(None, 1, True, [], {}, ["first"]),
    ):
        response = send(editor, "move", **{**bodies()["move"], "where": where})
        assert response.status_code == 400, where
        assert response.json() == {"error": "There is no such place."}
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
    assert response.json() == {"error": "Somebody deleted this entry in the meantime."}


def test_a_target_that_is_gone_is_said_to_be(editor, verona):
    body = bodies()["move"]
    edits.remove([named("mario")], "mercutio")

    response = send(editor, "move", **body)

    assert response.status_code == 409
    assert "mercutio deleted “mario”" in response.json()["error"]


# --- Who, and by which method ---------------------------------------------------


@pytest.mark.parametrize("view", READING)
def test_who_asks_only_reads(editor, verona, view):
    assert send(editor, view).status_code == 405


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "HEAD"])
def test_who_writes_posts(publisher, verona, method):
    before = (rows(), version())
    for view in (*EDITING, "hold", "retry"):
        response = publisher.generic(method, f"{CHANNELS}{view}/")
        assert response.status_code == 405, view
    assert (rows(), version()) == before


@pytest.mark.parametrize("view", [*EDITING, "hold", "retry"])
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


@pytest.mark.parametrize("view", EDITING)
def test_who_may_only_look_is_told_so(verona, view):
    before = (rows(), version())

    response = send(looker(), view, **bodies()[view])

    assert response.status_code == 403
    assert response.json() == {"error": "You may look at this, but not change it."}
    assert (rows(), version()) == before


@pytest.mark.parametrize(
    ("permission", "allowed"),
    [
        ("change_buddy", {"move", "switch", "undo"}),
        ("add_buddy", {"duplicate"}),
        ("delete_buddy", {"remove"}),
    ],
)
def test_each_edit_takes_its_permission(verona, permission, allowed):
    client = person("nurse", "", "view_buddy", permission)

    answers = {view: send(client, view, raw="{}") for view in EDITING}

    status = {view: answer.status_code for view, answer in answers.items()}
    assert {view for view, code in status.items() if code == 400} == allowed
    assert {code for view, code in status.items() if view not in allowed} == {403}


# --- Hold and retry -------------------------------------------------------------


def test_changes_are_held_and_let_go(publisher: Client, verona):
    held = publisher.post(f"{CHANNELS}hold/", {"on": "1"})
    assert (held.status_code, held.url) == (302, CHANNELS)
    assert Tree.objects.get().held_by == "prince"
    assert releases.sync() is None

    publisher.post(f"{CHANNELS}hold/", end(publisher))
    assert Tree.objects.get().held_at is None
    assert releases.sync() is not None
    # Ended already: nothing happens, and nothing goes wrong.
    assert publisher.post(f"{CHANNELS}hold/", end(publisher)).url == CHANNELS
    assert publisher.post(f"{CHANNELS}hold/").url == CHANNELS


def end(client: Client) -> dict[str, str]:
    """What the end of the hold that is seen now posts."""
    return {"held": ask(client, "state")["held_at"], "sure": "1"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], "Nothing changes for clients now."),
        (["romeo"], "1 change goes live now."),
        (["romeo", "juliet"], "2 changes go live now."),
    ],
)
def test_the_end_of_a_hold_is_asked_about_before(publisher, verona, names, said):
    go_live()
    publisher.post(f"{CHANNELS}hold/", {"on": "1"})
    for name in names:
        change(name, status="new")
    held = ask(publisher, "state")["held_at"]
    assert ask(publisher, "state")["going"] == said

    page = publisher.post(f"{CHANNELS}hold/", {"held": held})

    html = page.content.decode()
    assert said in html
    assert f'name="held" value="{held}"' in html
    assert 'name="sure"' in html
    assert Tree.objects.get().held_at is not None


def test_somebody_else_s_hold_is_not_ended_by_a_stale_page(publisher, verona):
    review.hold("mercutio")
    stale = end(publisher)
    review.end_hold("mercutio")
    review.hold("tybalt")

    for posted in (stale, {"sure": "1"}, {"sure": "1", "held": "\x00"}):
        page = publisher.post(f"{CHANNELS}hold/", posted, follow=True)
        said = [str(message) for message in page.context["messages"]]
        assert said == [
            "tybalt holds the changes since: look at them before you end it."
        ]
    assert Tree.objects.get().held_by == "tybalt"


def test_a_hold_is_not_let_go_while_a_version_is_planned(publisher: Client, verona):
    plan()

    response = publisher.post(f"{CHANNELS}hold/", end(publisher), follow=True)

    said = [str(message) for message in response.context["messages"]]
    assert said == ["A version is planned, and would be undone: cancel it first."]
    assert Tree.objects.get().held_at is not None


def test_a_retry_makes_the_release_and_rings_for_it(
    editor: Client, verona, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as rung:
        response = editor.post(f"{CHANNELS}retry/")

    assert (response.status_code, response.url) == (302, CHANNELS)
    assert live.live_release().body == draft.current_draft().body
    assert len(rung) == 2  # of the release, and of the retry

    with django_capture_on_commit_callbacks() as rung:
        editor.post(f"{CHANNELS}retry/")
    assert len(rung) == 1
    assert Release.objects.count() == 1


def test_who_is_not_logged_in_is_sent_to_the_login(client: Client, verona):
    names = ("", *(f"_{view}" for view in (*READING, *EDITING)))
    before = rows()
    for name in (*names, "_hold", "_retry"):
        url = reverse(f"admin:buddies_workspace{name}")
        for response in (client.get(url), client.post(url)):
            assert response.status_code == 302
            assert response.url.startswith("/admin/login/")
    assert rows() == before


def test_an_entry_of_a_hidden_group_says_why_it_is_not_seen(editor: Client):
    house = group("house", web_is_published=False)
    inner = group("inner", house)
    channel("romeo", inner)
    channel("hidden", inner, web_is_published=False)

    (top,) = ask(editor, "tree")["entries"]

    (below,) = top["children"]
    told = {row["title"]: row["remark"] for row in (top, below, *below["children"])}
    assert told == {
        "house": "draft: shown nowhere",
        "inner": "its group is hidden",
        "romeo": "its group is hidden",
        "hidden": "draft: shown nowhere",
    }
