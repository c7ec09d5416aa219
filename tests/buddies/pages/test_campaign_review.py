"""The review of a campaign: what it shows; publishing it now, or planning it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from buddies.models import Release, Tree
from buddies.publishing.live import live_release
from buddies.tree import edits
from tests.buddies.conftest import named, rows
from tests.buddies.pages.campaign_client import CHANNELS, Natale
from tests.buddies.pages.test_workspace import viewer
from tests.buddies.pages.versions_client import messages, page_text
from tests.buddies.pages.workspace_client import change, go_live, person

pytestmark = pytest.mark.django_db

NEXT_YEAR = timezone.now().year + 1
SOON, LATE = f"{NEXT_YEAR}-03-01T09:05", f"{NEXT_YEAR}-03-09T00:00"


def form(client: Client, natale: Natale, **changed: str) -> dict[str, str]:
    """Return what a browser posts for the review that it shows now."""
    digest = client.get(natale.url("review")).context["review"].digest
    return {"when": "now", "at": "", "ends_at": "", "digest": digest, **changed}


def post(client: Client, natale: Natale, **changed: str):
    sent = form(client, natale, **changed)
    return client.post(natale.url("review"), sent, follow=True)


@pytest.fixture
def before(natale) -> tuple:
    go_live()
    return stored()


def stored() -> tuple:
    return rows(), Release.objects.count(), Tree.objects.get().version


# --- What it shows -------------------------------------------------------------------


def test_a_review_shows_changes_and_warnings(publisher: Client, natale):
    go_live()
    natale.change("juliet", status="one\\ntwo")
    natale.add("nurse", "verona", thumb_url="https://example.org/n.webp")
    natale.add("hollow", type="group")
    natale.remove("mario")

    page = publisher.get(natale.url("review"))

    text = page_text(page)
    assert "4 changes" in text
    assert "3 changes for apps" in text
    assert "edited juliet status text: “” → “one\\ntwo”" in text
    assert "added nurse inside “verona”" in text
    assert "removed mario at the top" in text
    assert "No picture: “juliet”." in text
    assert "Contains escaped text such as &amp;: “juliet”." in text
    assert "Empty groups, not shown to apps: “hollow”." in text
    assert "errornote" not in page.content.decode()


def test_an_urgent_switch_off_is_a_warning(publisher: Client, natale):
    natale.change("romeo", mobile_is_published=True)
    change("romeo", "paolo", web_is_published=False)
    change("romeo", "paolo", mobile_is_published=True)
    change("romeo", "paolo", mobile_is_published=False)

    text = page_text(publisher.get(natale.url("review"))).replace("\xa0", " ")

    assert "“romeo” was switched off live by paolo on" in text
    assert "it stays off." in text
    assert "; Natale switches it on." in text


@pytest.mark.parametrize("error", ["conflict", "too large", "fault"])
def test_errors_prevent_publishing(publisher: Client, natale, settings, error):
    natale.change("romeo", name="Romeo")
    words = "1 decision is missing."
    if error == "conflict":
        change("romeo", name="Montague")
    elif error == "too large":
        settings.XMPP_STANZA_LIMIT = 100
        words = "the limit is 100. Hide or delete some channels."
    else:
        # As an older version could store it.
        type(named("romeo")).objects.filter(name="romeo").update(status="bell\x07")
        words = "Contains the control character U+0007"
    before = stored()

    shown = page_text(publisher.get(natale.url("review")))
    answer = post(publisher, natale)

    assert words in shown
    assert [words in message for message in messages(answer)] == [True]
    assert stored() == before
    assert natale.campaign.state == "open"


def test_an_empty_campaign_is_not_offered(publisher: Client, natale):
    html = publisher.get(natale.url("review")).content.decode()
    assert "No differences." in html
    for when in ("now", "later"):
        assert f'name="when" value="{when}" disabled>' in html


def test_the_review_is_of_the_moment_it_is_planned_for(publisher: Client, natale):
    natale.change("romeo", visible_until=datetime(NEXT_YEAR, 2, 1, tzinfo=UTC))
    go_live()
    now = publisher.get(natale.url("review")).context["review"]
    assert now.changes == []

    post(publisher, natale, when="later", at=SOON)

    page = publisher.get(natale.url("review"))
    assert [one.name for one in page.context["review"].changes] == ["house"]
    assert f"As it would be on 1 Mar {NEXT_YEAR}, 09:05 (UTC)." in page_text(page)


@pytest.mark.parametrize("role", ["", "Editor"])
def test_who_may_not_publish_sees_the_review_only(natale, role):
    natale.change("romeo", name="Romeo")
    client = person("tybalt", role) if role else viewer()
    before = stored()

    page = client.get(natale.url("review"))

    text = page_text(page)
    assert "1 change" in text
    for words in ("Publish or plan", "Approve", "Publish without approval"):
        assert words not in text
    sent = {"when": "now", "digest": page.context["review"].digest}
    assert client.post(natale.url("review"), sent).status_code == 200
    assert client.post(natale.url("approve"), sent).status_code == 403
    assert (stored(), natale.campaign.state) == (before, "open")


# --- Publish now ------------------------------------------------------------------


def test_a_campaign_goes_live_as_one_edit_and_one_release(publisher, natale, before):
    natale.change("romeo", name="Romeo")
    natale.add("nurse", "house")

    response = post(publisher, natale)

    release = live_release()
    assert response.redirect_chain == [(CHANNELS, 302)]
    assert messages(response) == [f"“Natale” is live, as version {release.number}."]
    assert (release.author, release.note, release.automatic) == (
        "prince",
        "Natale",
        False,
    )
    campaign = natale.campaign
    assert (campaign.state, campaign.release) == ("published", release)
    assert stored()[1:] == (before[1] + 1, before[2] + 1)
    assert named("nurse").parent == named("house")
    undo = response.context["state"]["undo"]
    assert undo["words"] == "Undo: Changed 2 items"


def test_an_edit_since_the_review_makes_it_outdated(publisher: Client, natale, before):
    natale.change("romeo", name="Romeo")
    sent = form(publisher, natale)
    natale.change("Romeo", name="Montague")

    for more in ({}, {"when": "later", "at": SOON}):
        page = publisher.post(natale.url("review"), {**sent, **more})
        assert messages(page) == [
            "Someone changed the campaign in the meantime. Review it again."
        ]
        assert "name: “romeo” → “Montague”" in page_text(page)
    assert (stored(), natale.campaign.state) == (before, "open")

    again = {**sent, "digest": page.context["review"].digest}
    assert publisher.post(natale.url("review"), again).url == CHANNELS


def test_an_edit_of_what_is_live_does_not(publisher: Client, natale, before):
    natale.change("romeo", name="Romeo")
    sent = form(publisher, natale)
    edits.change([named("juliet")], "paolo", status="fair")
    assert publisher.post(natale.url("review"), sent).url == CHANNELS
    assert (named("Romeo").name, named("juliet").status) == ("Romeo", "fair")


@pytest.mark.parametrize("digest", ["", "x", "\x00"])
def test_without_a_digest_nothing_is_published(publisher, natale, before, digest):
    natale.change("romeo", name="Romeo")
    answer = publisher.post(
        natale.url("review"), form(publisher, natale, digest=digest)
    )
    assert answer.status_code == 200
    assert stored() == before


def test_what_is_live_is_not_published_again(publisher: Client, natale, before):
    natale.change("romeo", name="Romeo")
    sent = form(publisher, natale)
    publisher.post(natale.url("review"), sent)
    assert publisher.post(natale.url("review"), sent).status_code == 404
    assert stored()[1] == before[1] + 1


# --- At a moment ------------------------------------------------------------------


def test_a_campaign_is_planned_and_ends(publisher: Client, natale, before):
    natale.change("romeo", name="Romeo")

    response = post(publisher, natale, when="later", at=SOON, ends_at=LATE)

    campaign = natale.campaign
    assert response.redirect_chain == [(natale.workspace, 302)]
    assert messages(response) == ["Planned: it goes live by itself."]
    assert (campaign.state, campaign.planned_by) == ("planned", "prince")
    assert f"{campaign.due_at:%Y-%m-%dT%H:%M %z}" == f"{SOON} +0000"
    assert f"{campaign.ends_at:%Y-%m-%dT%H:%M %z}" == f"{LATE} +0000"
    assert stored() == before
    page = publisher.get(natale.url("review"))
    assert f"Planned for 1 Mar {NEXT_YEAR}, 09:05 (UTC)." in page_text(page)
    for value in (SOON, LATE):
        assert f'value="{value}"' in page.content.decode()


def test_an_end_that_was_emptied_is_forgotten(publisher: Client, natale, before):
    natale.change("romeo", name="Romeo")
    post(publisher, natale, when="later", at=SOON, ends_at=LATE)

    post(publisher, natale, when="now")

    campaign = natale.campaign
    assert (campaign.state, campaign.ends_at) == ("published", None)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"when": "later"}, "Choose a date and time."),
        ({"when": "later", "at": "tomorrow"}, "Enter a valid date/time."),
        ({"when": "later", "at": "2000-01-01T00:00"}, "That time has passed."),
        ({"when": "later", "at": "0001-01-01T00:00+05:00"}, "between 2000 and 2100."),
        (
            {"when": "later", "at": SOON, "ends_at": SOON},
            "must end after it goes live.",
        ),
        (
            {"when": "later", "at": LATE, "ends_at": SOON},
            "must end after it goes live.",
        ),
        ({"ends_at": "2000-01-01T00:00"}, "must end after it goes live."),
        ({"at": SOON}, "Empty the date to publish now."),
        ({"when": "never"}, "Select a valid choice."),
        ({"when": "later", "at": f"{NEXT_YEAR + 6}-01-01T00:00"}, "within five years."),
    ],
)
def test_the_review_says_what_is_wrong(publisher, natale, before, fields, words):
    natale.change("romeo", name="Romeo")
    page = publisher.post(natale.url("review"), form(publisher, natale, **fields))
    assert page.status_code == 200
    assert words in page_text(page)
    assert (stored(), natale.campaign.state) == (before, "open")


@pytest.mark.parametrize("pass_", [0, 1])
def test_a_time_that_occurs_twice_needs_its_offset(publisher, natale, settings, pass_):
    settings.TIME_ZONE = "Europe/Rome"
    sunday = datetime(NEXT_YEAR, 10, 31)
    sunday -= timedelta(days=(sunday.weekday() + 1) % 7)
    first = sunday.replace(hour=0, minute=30, tzinfo=UTC)
    typed = f"{sunday:%Y-%m-%d}T02:30"
    natale.change("romeo", name="Romeo")

    page = post(publisher, natale, when="later", at=typed)
    assert "occurs twice in Europe/Rome" in page_text(page)
    assert f'<input type="text" name="at" value="{typed}"' in page.content.decode()

    post(publisher, natale, when="later", at=typed + ("+02:00", "+01:00")[pass_])
    assert natale.campaign.due_at == first + timedelta(hours=pass_)


def test_a_planned_campaign_is_listed_with_the_versions(publisher: Client, natale):
    natale.change("romeo", name="Romeo")
    post(publisher, natale, when="later", at=SOON)
    page = publisher.get("/admin/buddies/release/")
    assert "“Natale” goes live on" in page_text(page)
    assert natale.url("review") in page.content.decode()
