"""The workspace of a campaign: what it shows."""

import json
from datetime import UTC, datetime

import pytest
from django.test import Client

from buddies.campaigns import making
from buddies.models import Campaign
from buddies.pages.workspace import EDIT_VIEWS, READ_VIEWS
from buddies.publishing import applying
from tests.buddies.conftest import channel, outline
from tests.buddies.pages.campaign_client import CHANNELS, Natale, row_of
from tests.buddies.pages.versions_client import messages
from tests.buddies.pages.workspace_client import (
    VERONA,
    ask,
    change,
    go_live,
    key,
    send,
    version,
)

pytestmark = pytest.mark.django_db


# --- What is shown ------------------------------------------------------------------


def test_rows_are_marked_with_what_the_campaign_does(editor: Client, natale):
    natale.change("juliet", status="fair")
    natale.change("mario", name="Mario")
    natale.remove("house")
    natale.add("nurse", "verona")
    change("mario", name="Super Mario")

    tree = natale.ask(editor, "tree")

    marks = {
        name: row_of(tree, name).get("mark")
        for name in ("verona", "juliet", "Mario", "house", "romeo", "nurse")
    }
    assert marks == {
        "verona": None,
        "juliet": "changed",
        "Mario": "decision",
        "house": "removed",
        "romeo": "removed",
        "nurse": "added",
    }
    # What is deleted is still at its place, with what it held.
    below = [row["title"] for row in row_of(tree, "verona")["children"]]
    assert below == ["juliet", "house", "nurse"]
    assert [row["title"] for row in row_of(tree, "house")["children"]] == ["romeo"]
    assert row_of(tree, "juliet")["note"] == "changed in this campaign"
    assert row_of(tree, "romeo")["note"] == "deleted in this campaign"


def test_live_rows_have_the_pennants_of_the_campaigns(editor: Client, natale):
    saldi = Natale("Saldi")
    natale.change("romeo", name="Romeo")
    saldi.remove("house")
    natale.add("nurse")
    making.discard(Natale("Pasqua").pk)

    tree = ask(editor, "tree")
    answer = send(editor, "switch", ids=[key("romeo")], web=False, seen=version())

    colours = [natale.campaign.colour, saldi.campaign.colour]
    for row in (row_of(tree, "romeo"), answer.json()["entries"][0]):
        assert row["pennants"] == colours
        assert "changed in the campaign “Natale”" in row["note"]
        assert "changed in the campaign “Saldi”" in row["note"]
    assert row_of(tree, "house")["pennants"] == colours[1:]
    assert "pennants" not in row_of(tree, "mario")


def test_a_live_editor_is_told_what_a_campaign_has_to_decide(editor, natale):
    natale.change("romeo", web_is_published=False, name="Romeo")
    change("romeo", name="Montague")

    body = {"ids": [key("Montague")], "mobile": True, "seen": version()}
    said = send(editor, "switch", **body).json()["said"]

    assert said == (
        "Changed the visibility of “Montague”. The campaign “Natale” changes this, "
        "too: somebody must decide there."
    )


def test_the_state_says_what_is_edited_and_when_it_is_seen(editor, natale, settings):
    settings.TIME_ZONE = "Europe/Rome"
    state = natale.ask(editor, "state")
    assert state["headline"] == "You are editing “Natale”"
    assert state["live"] == "Nobody sees it before you publish it. 0 changes."
    assert (state["tone"], state["problem"], state["changes"]) == ("campaign", "", 0)

    natale.change("romeo", name="Romeo", status="in love")
    moments = datetime(2027, 12, 24, 8, tzinfo=UTC), datetime(2027, 12, 27, tzinfo=UTC)
    applying.plan(natale.pk, "prince", natale.digest, *moments)
    change("romeo", name="Montague")
    state = natale.ask(editor, "state")
    assert state["live"] == (
        "Nobody sees it before 24 Dec 2027, 09:00 (Europe/Rome); it ends on 27 Dec "
        "2027, 01:00 (Europe/Rome). 2 changes, 1 decision."
    )
    assert (state["tone"], state["problem"]) == ("campaign", "")
    assert (state["changes"], state["decisions"]) == (2, 1)


def test_the_stamp_follows_the_campaign_and_what_is_live(editor: Client, natale):
    stamps = [natale.ask(editor, "state")["stamp"]]
    for edit in (lambda: natale.change("romeo", name="R"), lambda: channel("nurse")):
        edit()
        stamps.append(natale.ask(editor, "state")["stamp"])
    assert len({*stamps}) == 3
    assert "nurse" in natale.names()


def test_the_preview_shows_the_campaign(editor: Client, natale):
    natale.remove("verona")
    shown = natale.ask(editor, "document")["document"]["items"]
    assert [item["info"]["name"] for item in shown] == ["mario"]


def test_the_fate_says_that_it_stays_live_for_now(editor: Client, natale):
    go_live()
    fate = natale.send(editor, "fate", ids=[key("house")])
    assert fate.json() == {
        "version": 0,
        "words": [
            "1 item inside will be deleted too.",
            "It stays live until “Natale” goes live.",
        ],
    }


def test_all_addresses_of_the_page_name_the_campaign(editor: Client, natale):
    context = editor.get(natale.workspace).context
    urls = context["workspace"]["urls"].values()
    assert [url for url in urls if not url.endswith(natale.query)] == []
    assert context["workspace"]["inCampaign"]
    assert [desk.name for desk in context["desks"]] == ["Live", "Natale"]


# --- A campaign that is over ----------------------------------------------------


@pytest.mark.parametrize("number", ["{}", "0", "x", str(10**30), ""])
def test_a_campaign_that_is_over_is_not_shown(editor: Client, natale, number):
    making.discard(natale.pk)
    query = f"?campaign={number.format(natale.pk)}"
    words = "This campaign can't be edited: it is over, or gone."

    for view in (*READ_VIEWS[:4], *EDIT_VIEWS):
        headers = {"Accept": "application/json"}
        path = f"{CHANNELS}{view}/{query}"
        if view in EDIT_VIEWS:
            answer = editor.post(path, "{}", content_type="application/json")
        else:
            answer = editor.get(path, headers=headers)
        assert (answer.status_code, answer.json()) == (409, {"error": words}), view

    page = editor.get(CHANNELS + query, follow=True)
    assert page.redirect_chain == [(CHANNELS, 302)]
    assert messages(page) == [words]
    assert page.context["campaign"] is None


def test_a_campaign_does_not_disturb_what_is_live(editor: Client, natale):
    natale.remove("verona")
    assert outline() == VERONA
    assert ask(editor, "changes")["count"] == 2  # before the first release
    assert json.dumps(ask(editor, "document")).count('"romeo"') == 2
    assert Campaign.objects.get().version == 1
