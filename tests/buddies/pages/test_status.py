"""The status banner."""

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from buddies.models import Buddy, HistoricalBuddy, Release, Tree
from buddies.pages.status import SLOW_SECONDS
from buddies.pages.workspace import EDIT_VIEWS, READ_VIEWS
from buddies.publishing import draft, live, releases
from tests.buddies.conftest import EDITOR, channel, named, rows
from tests.buddies.pages.workspace_client import (
    CHANNELS,
    ask,
    change,
    delivered,
    edited,
    key,
    send,
    version,
)
from xmppservice.connection import gateway
from xmppservice.connection.models import StreamStatus

pytestmark = pytest.mark.django_db


@pytest.fixture
def stream() -> Iterator[None]:
    """A connected stream of this process that gets no requests."""

    async def ask(requests, deadline):
        raise AssertionError("nobody asks")

    async def attach():
        gateway.attach(ask, lambda: gateway.State(ready=True, privileged=True))

    asyncio.run(attach())
    yield
    gateway.detach()


def nothing_is_live() -> None:
    pass


def undelivered() -> None:
    channel("romeo")
    releases.sync()


def hidden_edit() -> None:
    delivered()
    channel("draft", web_is_published=False)
    releases.sync()


def undelivered_for_long() -> None:
    undelivered()
    long_ago = timezone.now() - timedelta(seconds=SLOW_SECONDS + 1)
    Release.objects.update(created_at=long_ago)


def edited_long_ago() -> None:
    edited()
    some_time_passes()


def some_time_passes() -> None:
    long_ago = timezone.now() - timedelta(seconds=SLOW_SECONDS + 1)
    HistoricalBuddy.objects.update(history_date=long_ago)


def too_large() -> None:
    delivered()
    change("romeo", status="x" * 900)
    releases.sync()


def too_large_for_long() -> None:
    delivered()
    change("romeo", status="x" * 900)
    some_time_passes()


def without_a_record() -> None:
    delivered()
    Buddy.objects.update(name="by hand")
    Tree.objects.update(version=F("version") + 1)


def above_a_new_limit() -> None:
    channel("romeo", status="x" * 900)
    releases.sync()
    Tree.objects.update(refused="")


ATTENTION = "Something needs your attention"
ON_ITS_WAY = "Being sent to the XMPP server"


@pytest.mark.usefixtures("stream")
@pytest.mark.parametrize(
    ("arrange", "tone", "headline", "problem"),
    [
        (nothing_is_live, "busy", "Nothing is live yet", ""),
        (delivered, "ok", "Everything is live", ""),
        (undelivered, "busy", ON_ITS_WAY, ""),
        (edited, "busy", ON_ITS_WAY, ""),
        (hidden_edit, "ok", "Everything is live", ""),
        (
            undelivered_for_long,
            "error",
            ATTENTION,
            "The XMPP server has not received this version yet.",
        ),
        (without_a_record, "error", ATTENTION, "Your latest edits are not live yet."),
        (above_a_new_limit, "error", ATTENTION, "bytes; the limit is 900"),
        (edited_long_ago, "error", ATTENTION, "Your latest edits are not live yet."),
        (too_large, "error", ATTENTION, "bytes; the limit is 900"),
        (too_large_for_long, "error", ATTENTION, "bytes; the limit is 900"),
    ],
)
def test_the_banner_describes_the_state(
    settings, editor, arrange: Callable[[], None], tone, headline, problem
):
    settings.XMPP_STANZA_LIMIT = 900
    arrange()

    state = ask(editor, "state")

    assert (state["tone"], state["headline"]) == (tone, headline)
    assert problem in state["problem"]
    assert bool(problem) == bool(state["problem"])


def test_a_missing_stream_is_reported(editor: Client):
    delivered()
    state = ask(editor, "state")
    assert state["tone"] == "error"
    assert "not connected to the XMPP server" in state["problem"]


def test_a_stream_that_is_down_is_reported(editor: Client):
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
    delivered()
    StreamStatus.objects.create(**{"jid": settings.XMPP_JID, **row})

    assert ("not connected" in ask(editor, "state")["problem"]) == (not is_up)


def test_the_live_version_is_shown_with_its_author_and_times(editor: Client):
    at = "[0-9]+ [A-Z][a-z]+ [0-9]{4}, [0-9]{2}:[0-9]{2}"

    assert ask(editor, "state")["live"] == ""
    channel("romeo")
    number = releases.sync().number
    text = ask(editor, "state")["live"]
    assert re.fullmatch(f"Live: version {number}, {at}, by {EDITOR}", text)

    live.mark_live(number)
    since = ask(editor, "state")["live"]
    assert since.startswith(f"{text} · on the XMPP server since ")

    Release.objects.update(author="")
    assert "by the service" in ask(editor, "state")["live"]


@pytest.mark.parametrize(
    ("more", "level"), [(0.25, "amber"), (0.27, "fine"), (0, "amber"), (-0.01, "over")]
)
def test_the_size_turns_amber_at_four_fifths_of_the_limit(
    settings, editor, verona, more, level
):
    size = ask(editor, "state")["size"]["bytes"]
    assert size == draft.current_draft().size

    settings.XMPP_STANZA_LIMIT = int(size * (1 + more))

    shown = ask(editor, "state")["size"]
    assert (shown["level"], shown["bytes"]) == (level, size)
    assert shown["limit"] == settings.XMPP_STANZA_LIMIT
    assert f"({round(100 / (1 + more))} %)" in shown["words"]


def test_the_size_is_that_of_the_unreleased_draft(editor: Client, verona):
    before = ask(editor, "state")["size"]["bytes"]
    change("romeo", status="x" * 500)
    assert ask(editor, "state")["size"]["bytes"] == before + 500


def test_undo_is_offered_for_ones_own_last_edit(editor: Client, verona):
    assert ask(editor, "state")["undo"] is None

    send(editor, "switch", ids=[key("romeo")], web=False, seen=version())
    mine = version()
    change("juliet", status="fair")
    offered = ask(editor, "state")["undo"]
    assert offered == {
        "version": mine,
        "words": "Undo: Changed the visibility of “romeo”",
        "deletes": "",
    }

    assert send(editor, "undo", seen=mine).status_code == 200
    offered = ask(editor, "state")["undo"]
    assert offered == {
        "version": version(),
        "words": "Redo: Changed the visibility of “romeo”",
        "deletes": "",
    }


def test_an_undo_that_cannot_work_any_more_is_gone(editor: Client, verona):
    send(editor, "switch", ids=[key("romeo")], web=False, seen=version())
    change("romeo", status="banished")
    assert ask(editor, "state")["undo"]

    change("romeo", web_is_published=True)

    assert ask(editor, "state")["undo"] is None


def test_a_redo_of_a_deletion_says_what_it_deletes(editor: Client, verona):
    send(editor, "remove", ids=[key("house")], seen=version())
    assert ask(editor, "state")["undo"]["deletes"] == ""

    send(editor, "undo", seen=version())

    offered = ask(editor, "state")["undo"]
    assert offered["words"] == "Redo: Deleted 2 items"
    assert offered["deletes"] == "2 items will be deleted again."


def test_an_unchanged_state_is_answered_with_304(editor: Client, verona):
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
def test_a_changed_state_is_not_answered_with_304(editor: Client, verona):
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
        lambda: change("juliet", status="fair"),
    ):
        write()
        assert (newer(), newer()) == (200, 304)


def count_queries(client: Client) -> int:
    """Return the number of database queries for a repeated request."""
    ask(client, "state")
    with CaptureQueriesContext(connection) as asked:
        ask(client, "state")
    return len(asked)


@pytest.mark.usefixtures("stream")
def test_the_state_takes_no_more_queries_for_many_entries(editor: Client, verona):
    send(editor, "switch", ids=[key("romeo")], mobile=True, seen=version())
    few = count_queries(editor)

    for parent in (verona, named("house")):
        Buddy.objects.bulk_create(
            Buddy(name=name, address=name, parent=parent, web_is_published=True)
            for name in (f"{parent} {number}" for number in range(200))
        )
    change("romeo", name="Romeo")

    assert count_queries(editor) == few
    assert few <= 14


def test_anonymous_users_are_redirected_to_the_login(client: Client, verona):
    names = ("", *(f"_{view}" for view in (*READ_VIEWS, *EDIT_VIEWS)))
    before = rows()
    for name in (*names, "_retry"):
        url = reverse(f"admin:buddies_workspace{name}")
        for response in (client.get(url), client.post(url)):
            assert response.status_code == 302
            assert response.url.startswith("/admin/login/")
    assert rows() == before


def test_the_state_says_which_version_apps_have(editor: Client, stream):
    delivered()
    assert ask(editor, "state")["liveVersion"] == version()

    reached = version()
    change("romeo", name="Romeo")
    releases.sync()  # not delivered yet
    assert ask(editor, "state")["liveVersion"] == reached < version()

    live.mark_live(Release.objects.first().number)
    assert ask(editor, "state")["liveVersion"] == version()
