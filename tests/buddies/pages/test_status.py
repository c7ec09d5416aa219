"""What the banner says."""

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from buddies.models import Buddy, HistoricalBuddy, PlannedRelease, Release
from buddies.pages.status import SLOW_SECONDS
from buddies.pages.workspace import EDITING, READING
from buddies.publishing import draft, live, releases, review
from tests.buddies.conftest import EDITOR, channel, group, named, rows
from tests.buddies.pages.workspace_client import (
    CHANNELS,
    ask,
    change,
    edited,
    key,
    plan,
    send,
    taken,
    version,
)
from xmppservice.connection import gateway
from xmppservice.connection.models import StreamStatus

pytestmark = pytest.mark.django_db


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


def nothing_is_live() -> None:
    pass


def not_taken() -> None:
    channel("romeo")
    releases.sync()


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
ON_ITS_WAY = "Being sent to the XMPP server"


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
            "The XMPP server has not received this version yet.",
        ),
        (edited_long_ago, "error", ATTENTION, "Your latest edits are not live yet."),
        (too_large, "error", ATTENTION, "bytes; the limit is 900"),
        (
            held_and_too_large,
            "error",
            "On hold: 1 unpublished change",
            "bytes; the limit is 900",
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
    assert offered == {
        "version": mine,
        "words": "Undo: Changed the visibility of “romeo”",
    }

    assert send(editor, "undo", seen=mine).status_code == 200
    offered = ask(editor, "state")["undo"]
    assert offered == {
        "version": version(),
        "words": "Redo: Changed the visibility of “romeo”",
    }


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
        "house": "draft: not published anywhere",
        "inner": "its group is hidden",
        "romeo": "its group is hidden",
        "hidden": "draft: not published anywhere",
    }
