"""The schedules of entries: their dialog, and what a row says of them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from tests.buddies.conftest import named
from tests.buddies.pages.workspace_client import change, key, send, version

pytestmark = pytest.mark.django_db

BERN = ZoneInfo("Europe/Zurich")
BOTH = ("romeo", "juliet")


def schedule(client: Client, *names: str, **ends: object):
    return send(client, "schedule", ids=[key(n) for n in names], seen=version(), **ends)


def test_one_end_or_both_of_several_schedules_are_set(editor, verona, settings):
    settings.TIME_ZONE = "Europe/Zurich"
    change("juliet", visible_until=datetime(2031, 1, 6, tzinfo=BERN))

    response = schedule(editor, "romeo", "juliet", **{"from": "2030-12-24T09:00"})

    assert response.json()["said"] == "Changed 2 items"
    begin = datetime(2030, 12, 24, 9, tzinfo=BERN)
    ends = {n: (named(n).visible_from, named(n).visible_until) for n in BOTH}
    until = datetime(2031, 1, 6, tzinfo=BERN)
    assert ends == {"romeo": (begin, None), "juliet": (begin, until)}

    schedule(editor, "juliet", **{"from": "", "until": ""})
    assert (named("juliet").visible_from, named("juliet").visible_until) == (None, None)


def test_a_row_says_when_its_schedule_shows_or_hides_it(editor, verona, settings):
    settings.TIME_ZONE = "Europe/Zurich"
    ends = {"from": "2030-12-24T09:00", "until": "2031-01-06T20:30"}
    (row,) = schedule(editor, "romeo", **ends).json()["entries"]
    shown = {name: row[name] for name in ("isDue", "clock", *ends)}
    assert shown == {"isDue": False, "clock": "from 24 Dec 2030", **ends}

    past = {"from": "2020-12-24T09:00"}
    (row,) = schedule(editor, "romeo", **past).json()["entries"]
    assert (row["isDue"], row["clock"]) == (True, "until 6 Jan 2031")

    (row,) = schedule(editor, "romeo", until="").json()["entries"]
    assert (row["isDue"], row["clock"], row["until"]) == (True, "", None)

    (row,) = schedule(editor, "romeo", **{"from": ""}).json()["entries"]
    assert "isDue" not in row


@pytest.mark.parametrize(
    ("ends", "reason"),
    [
        ({"from": "tomorrow"}, "Enter a valid date/time."),
        ({"from": 5}, "The request could not be understood. Reload the page."),
        ({}, "The request could not be understood. Reload the page."),
        (
            {"from": "2031-01-06T09:00", "until": "2030-12-24T09:00"},
            "“Visible until” must be later than “Visible from”.",
        ),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(editor, verona, ends, reason):
    response = schedule(editor, "romeo", **ends)
    assert (response.status_code, response.json()) == (400, {"error": reason})
    assert named("romeo").visible_from is None


def test_a_time_that_occurs_twice_needs_its_offset(editor, verona, settings):
    settings.TIME_ZONE = "Europe/Zurich"
    twice = "2030-10-27T02:30"
    response = schedule(editor, "romeo", **{"from": twice})
    assert response.status_code == 400
    assert "+02:00" in response.json()["error"]

    assert schedule(editor, "romeo", **{"from": f"{twice}+01:00"}).status_code == 200
    assert named("romeo").visible_from == datetime(2030, 10, 27, 1, 30, tzinfo=UTC)
