"""Making campaigns, the list of them, and what becomes of one."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from buddies.campaigns import making
from buddies.models import Campaign
from buddies.publishing import applying
from tests.buddies.conftest import named, outline, rows
from tests.buddies.pages.campaign_client import CAMPAIGNS, CHANNELS, Natale, due_now
from tests.buddies.pages.test_workspace import viewer
from tests.buddies.pages.versions_client import messages, page_text
from tests.buddies.pages.workspace_client import VERONA, change

pytestmark = pytest.mark.django_db

NEW = f"{CAMPAIGNS}new/"
TOMORROW = timedelta(days=1)


def plan(natale: Natale, ends_at=None) -> None:
    at = timezone.now() + TOMORROW
    applying.plan(natale.pk, "prince", natale.digest, at, ends_at)


# --- Making and describing --------------------------------------------------------


def test_a_new_campaign_opens_in_the_workspace(editor: Client, verona):
    form = {"name": " Natale ", "colour": "3", "note": "with Anna"}

    response = editor.post(NEW, form, follow=True)

    made = Campaign.objects.get()
    assert response.redirect_chain == [(f"{CHANNELS}?campaign={made.pk}", 302)]
    assert messages(response) == [
        "What you edit here is not live until the campaign goes live."
    ]
    assert (made.name, made.colour, made.note) == ("Natale", 3, "with Anna")
    assert (made.created_by, made.state, made.version) == ("tybalt", "open", 0)
    assert response.context["state"]["headline"] == "You are editing “Natale”"


def test_the_form_proposes_a_colour_that_no_other_has(editor: Client, natale):
    page = editor.get(NEW)
    assert natale.campaign.colour == 1
    assert page.context["form"]["colour"].value() == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "This field is required."),
        ({"name": "  "}, "This field is required."),
        ({"name": "x" * 81}, "at most 80 characters"),
        ({"name": "NATALE"}, "Another campaign has this name."),
        ({"colour": "9"}, "less than or equal to 8"),
        ({"note": "x" * 1001}, "at most 1000 characters"),
    ],
)
@pytest.mark.parametrize("page", ["new", "edit"])
def test_a_campaign_with_a_fault_is_refused_in_words(
    editor: Client, natale, page, fields, words
):
    other = Natale("Saldi") if page == "edit" else None
    url = other.url() if other else NEW
    before = list(Campaign.objects.values())

    answer = editor.post(url, {"name": "Pasqua", "colour": "1", **fields})

    assert answer.status_code == 200
    assert words in page_text(answer)
    assert list(Campaign.objects.values()) == before


def test_a_name_is_free_again_when_its_campaign_is_over(editor: Client, natale):
    making.discard(natale.pk)
    assert editor.post(NEW, {"name": "Natale", "colour": "1"}).status_code == 302


def test_name_colour_and_note_are_changed(editor: Client, natale):
    form = {"name": "Natale 2026", "colour": "8", "note": "again"}

    response = editor.post(natale.url(), form)

    assert response.url == natale.workspace
    made = natale.campaign
    assert (made.name, made.colour, made.note) == ("Natale 2026", 8, "again")
    assert made.version == 0


# --- The list -----------------------------------------------------------------------


def test_the_list_shows_those_in_preparation_and_those_that_are_over(
    publisher: Client, natale
):
    over, gone = Natale("Saldi"), Natale("Pasqua")
    over.change("mario", status="sold")
    over.publish()
    making.discard(gone.pk)
    natale.change("romeo", name="Romeo")
    change("romeo", name="Montague")
    plan(natale)

    page = publisher.get(CAMPAIGNS)

    text = page_text(page)
    assert [card["campaign"].name for card in page.context["current"]] == ["Natale"]
    past = [card["campaign"].name for card in page.context["past"]]
    assert past == ["Pasqua", "Saldi"]
    assert "Natale Goes live on" in text
    assert "1 decision is missing." in text
    assert "Saldi Live · went live on" in text
    assert "Pasqua Discarded" in text
    assert text.count("Take it back") == 1


def test_a_blocked_campaign_says_so_to_everybody(editor: Client, natale):
    natale.change("romeo", name="Romeo")
    change("romeo", name="Montague")
    plan(natale)
    due_now(natale.pk)
    applying.publish_due()

    words = "did not go live on"
    assert words in page_text(editor.get(CAMPAIGNS))
    assert words in page_text(editor.get(CHANNELS))
    shown = page_text(editor.get(natale.workspace))
    assert "1 decision is missing. Customers see what they saw before." in shown
    assert "Natale blocked" in shown


def test_a_reader_sees_the_list_without_its_buttons(natale):
    Natale("Saldi").publish()
    text = page_text(viewer().get(CAMPAIGNS))
    assert "Natale" in text
    for words in ("New campaign", "Take it back", "Again as a new campaign"):
        assert words not in text


@pytest.mark.parametrize("number", [0, 2**63 - 1, 10**30])
@pytest.mark.parametrize("page", ["", "unplan", "review", "decisions", "end"])
def test_an_unknown_campaign_is_not_found(publisher: Client, natale, number, page):
    path = f"{CAMPAIGNS}{number}/{page and page + '/'}"
    ask = publisher.post if page in ("unplan", "end") else publisher.get
    assert ask(path).status_code == 404


# --- What becomes of one -----------------------------------------------------------


def test_a_discarded_campaign_changes_nothing_and_is_kept(editor: Client, natale):
    natale.change("romeo", name="Romeo")
    before = rows()

    response = editor.post(natale.url("discard"), follow=True)

    assert messages(response) == [
        "“Natale” was discarded. What is live stays as it is."
    ]
    assert natale.campaign.state == "discarded"
    assert natale.campaign.differences.count() == 1
    assert rows() == before


def test_a_campaign_that_is_over_is_not_discarded_or_described(editor, natale):
    natale.change("romeo", name="Romeo")
    natale.publish()

    response = editor.post(natale.url("discard"), follow=True)

    (words,) = messages(response)
    assert words == "“Natale” can't be edited any more: it is live."
    response = editor.post(natale.url(), {"name": "x", "colour": "1"}, follow=True)
    assert messages(response) == ["This campaign can't be edited: it is over, or gone."]
    assert (natale.campaign.name, natale.campaign.state) == ("Natale", "published")


def test_what_was_done_once_is_done_again(editor: Client, natale):
    natale.change("romeo", name="Romeo")
    making.discard(natale.pk)

    response = editor.post(natale.url("again"))

    new = Campaign.objects.last()
    assert response.url == f"{CHANNELS}?campaign={new.pk}"
    assert (new.name, new.created_by, new.state) == ("Natale", "tybalt", "open")
    assert new.differences.get().fields == natale.campaign.differences.get().fields


def test_a_plan_is_taken_back(publisher: Client, natale):
    natale.change("romeo", name="Romeo")
    plan(natale)

    response = publisher.post(natale.url("unplan"), follow=True)

    assert messages(response) == ["It is not planned any more."]
    assert (natale.campaign.state, natale.campaign.due_at) == ("open", None)
    assert natale.campaign.planned_by == ""


def test_what_a_campaign_did_is_taken_back(publisher: Client, natale):
    before = rows()
    natale.change("romeo", name="Romeo")
    natale.remove("house")
    natale.add("nurse", "verona")
    natale.move("mario", "verona", "before")
    natale.publish()
    change("juliet", status="fair")

    response = publisher.post(natale.url("end"), follow=True)

    assert messages(response) == ["“Natale” was taken back."]
    assert natale.campaign.state == "ended"
    assert outline() == VERONA
    assert named("juliet").status == "fair"
    # Deleted entries get new numbers, but they are the same ones.
    assert {row["key"] for row in rows()} == {row["key"] for row in before}


def test_what_others_edited_since_is_decided_before_it_is_taken_back(
    publisher: Client, natale
):
    natale.change("romeo", name="Romeo", status="in love")
    natale.publish()
    change("Romeo", name="Montague")
    before = rows()

    response = publisher.post(natale.url("end"), follow=True)

    back = Campaign.objects.last()
    assert response.redirect_chain == [(f"{CAMPAIGNS}{back.pk}/decisions/", 302)]
    assert messages(response) == [
        "Others edited the same since. This new campaign takes back the rest: "
        "decide, then publish it."
    ]
    assert back.name == "Take back Natale"
    assert len(response.context["cards"]) == 1
    assert (natale.campaign.state, rows()) == ("published", before)


def test_only_a_campaign_that_is_live_is_taken_back(publisher: Client, natale):
    response = publisher.post(natale.url("end"), follow=True)
    assert messages(response) == ["Only a campaign that is live can be taken back."]
