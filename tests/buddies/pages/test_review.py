"""Review & publish."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from buddies.models import Buddy, PlannedRelease, Tree
from buddies.pages import versions
from buddies.publishing import draft, review
from buddies.publishing.live import live_release
from buddies.tree import edits
from tests.buddies.conftest import channel, group, named
from tests.buddies.pages.versions_client import (
    CHANNELS,
    REVIEW,
    form,
    messages,
    numbers,
    page_text,
)
from tests.buddies.pages.workspace_client import go_live, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def publisher() -> Client:
    return person("prince", "Publisher")


@pytest.fixture
def verona() -> Buddy:
    """verona (romeo, juliet), in three versions: romeo is renamed twice."""
    verona = group("verona")
    channel("romeo", verona)
    channel("juliet", verona)
    go_live()
    for name in ("Romeo", "Montague"):
        edits.change([Buddy.objects.get(address="romeo")], "mercutio", name=name)
        go_live()
    return verona


NEXT_YEAR = timezone.now().year + 1
SOON = f"{NEXT_YEAR}-03-01T09:05"


def test_a_review_shows_changes_and_warnings(publisher: Client, verona):
    edits.change([named("juliet")], "mercutio", status="one\\ntwo")
    channel("nurse", verona, thumb_url="https://example.org/n.webp")
    group("hollow")

    page = publisher.get(REVIEW)

    text = page_text(page)
    assert "2 changes for apps" in text
    assert "edited juliet status text: “” → “one\\ntwo”" in text
    assert "added nurse inside “verona”" in text
    assert "No picture: “verona”, “Montague”, “juliet”." in text
    assert "Contains escaped text such as &amp;: “juliet”." in text
    assert "Empty groups, not shown to apps: “hollow”." in text
    assert "errornote" not in page.content.decode()
    assert " disabled" not in page.content.decode()


def test_without_changes_there_is_nothing_to_publish(publisher: Client, verona):
    before = numbers()

    html = publisher.get(REVIEW).content.decode()
    answer = publisher.post(REVIEW, form(publisher))

    assert "No differences." in html
    assert '<button class="button primary" disabled>' in html
    assert messages(answer) == ["There are no changes to publish."]
    assert numbers() == before


def test_a_long_list_of_changes_is_truncated(publisher: Client):
    Buddy.objects.bulk_create(
        Buddy(name=f"{number}", address=f"{number}", web_is_published=True)
        for number in range(versions.MAX_CHANGES + 5)
    )

    page = publisher.get(REVIEW)

    assert (
        page.content.decode().count('<li class="change-added">') == versions.MAX_CHANGES
    )
    assert "305 changes for apps" in page_text(page)
    assert "… 305 in total" in page_text(page)


def test_errors_prevent_publishing(publisher: Client, verona, settings):
    review.hold("prince")
    channel("montague")
    before = numbers()
    settings.XMPP_STANZA_LIMIT = 100

    page = publisher.get(REVIEW)
    answer = publisher.post(REVIEW, form(publisher))

    reason = "the limit is 100. Hide or delete some channels."
    assert reason in page_text(page)
    assert '<button class="button primary" disabled>' in page.content.decode()
    assert [reason in message for message in messages(answer)] == [True]
    assert numbers() == before


def test_the_reviewed_draft_is_published_with_its_note(publisher: Client, verona):
    review.hold("prince")
    edits.change([named("juliet")], "mercutio", status="fair")

    response = publisher.post(
        REVIEW, form(publisher, note=" For the <ball>. "), follow=True
    )

    release = live_release()
    assert response.redirect_chain == [(CHANNELS, 302)]
    assert messages(response) == [f"Published as version {release.number}."]
    assert (release.author, release.note) == ("prince", "For the <ball>.")
    assert not release.automatic
    assert release.body == draft.current_draft().body
    assert Tree.objects.get().held_at is not None


def test_the_reviewed_draft_is_planned_for_later(publisher: Client, verona):
    edits.change([named("juliet")], "mercutio", status="fair")
    before, body = numbers(), draft.current_draft().body

    response = publisher.post(
        REVIEW,
        form(publisher, when="later", at=SOON, note="The ball"),
        follow=True,
    )

    planned = PlannedRelease.objects.get()
    assert messages(response) == ["Planned: it goes live by itself."]
    assert response.context["state"]["planned"] == [
        f"Goes live on 1 Mar {NEXT_YEAR}, 09:05 (UTC), planned by prince"
    ]
    assert (planned.body, planned.note, planned.author) == (body, "The ball", "prince")
    assert f"{planned.publish_at:%Y-%m-%dT%H:%M %z}" == f"{SOON} +0000"
    assert Tree.objects.get().held_by == "prince"
    assert numbers() == before


@pytest.mark.parametrize(("when", "at"), [("now", ""), ("later", SOON)])
def test_nothing_else_is_published_while_a_version_is_planned(
    publisher: Client, verona, when, at
):
    edits.change([named("juliet")], "mercutio", status="fair")
    publisher.post(REVIEW, form(publisher, when="later", at=SOON))
    edits.change([named("juliet")], "mercutio", status="fairest")
    before = numbers()

    shown = publisher.get(REVIEW)
    answer = publisher.post(REVIEW, form(publisher, when=when, at=at))

    reason = (
        f"prince planned a version for 1 Mar {NEXT_YEAR}, 09:05 (UTC). Cancel that "
        "plan first."
    )
    assert reason in page_text(shown)
    assert '<button class="button primary" disabled>' in shown.content.decode()
    assert messages(answer) == [reason]
    assert numbers() == before
    assert PlannedRelease.objects.count() == 1


@pytest.mark.parametrize(
    ("at", "text"),
    [
        ("", "Say when."),
        ("tomorrow", "Enter a valid date/time."),
        ("2099-02-30T09:05", "Enter a valid date/time."),
        ("2000-01-01T00:00", "That time has passed. Choose a time in the future."),
        ("0001-01-01T00:00", "That time has passed. Choose a time in the future."),
        ("0001-01-01T00:00+05:00", "Choose a date between 2000 and 2100."),
        ("9999-12-31T23:59-05:00", "Choose a date between 2000 and 2100."),
        ("2099-12-31T24:00", "Enter a valid date/time."),
        ("2098-12-31T23:59:60", "Enter a valid date/time."),
    ],
)
def test_an_invalid_time_is_refused(publisher: Client, verona, at, text):
    edits.change([named("juliet")], "mercutio", status="fair")
    before = numbers()

    page = publisher.post(REVIEW, form(publisher, when="later", at=at, note="My note"))

    assert page.status_code == 200
    assert text in page_text(page)
    assert "My note" in page.content.decode()
    assert numbers() == before
    assert not PlannedRelease.objects.exists()
    assert Tree.objects.get().held_at is None


@pytest.mark.parametrize(
    ("flaw", "text"),
    [
        ({"note": "x" * 1_001}, "at most 1000 characters"),
        ({"note": "nul\x00"}, "Null characters are not allowed."),
        ({"when": "never"}, "Select a valid choice."),
        ({"when": ""}, "This field is required."),
    ],
)
def test_the_review_says_what_is_wrong(publisher: Client, verona, flaw, text):
    edits.change([named("juliet")], "mercutio", status="fair")
    before = numbers()

    page = publisher.post(REVIEW, form(publisher, **flaw))

    assert text in page_text(page)
    assert numbers() == before


@pytest.mark.parametrize("at", ["2000-01-01T00:00", SOON, "tomorrow"])
def test_a_date_together_with_now_publishes_nothing(publisher: Client, verona, at):
    edits.change([named("juliet")], "mercutio", status="fair")
    before = numbers()

    page = publisher.post(REVIEW, form(publisher, when="now", at=at))

    text = "Enter a valid date/time."
    if at != "tomorrow":
        text = "Choose “at a moment”, or empty the date."
    assert text in page_text(page)
    assert numbers() == before


def test_a_plan_is_at_most_five_years_ahead(publisher: Client, verona):
    edits.change([named("juliet")], "mercutio", status="fair")
    year = timezone.now().year

    late = f"{year + 6}-12-31T00:00"
    page = publisher.post(REVIEW, form(publisher, when="later", at=late))
    assert "Choose a moment within five years." in page_text(page)
    assert not PlannedRelease.objects.exists()

    at = f"{year + 5}-01-01T00:00"
    assert publisher.post(REVIEW, form(publisher, when="later", at=at)).url == CHANNELS
    assert PlannedRelease.objects.exists()


@pytest.fixture
def doubled(settings) -> tuple[str, list[datetime]]:
    """A time of next autumn that occurs twice, and both its moments."""
    settings.TIME_ZONE = "Europe/Rome"
    sunday = datetime(NEXT_YEAR, 10, 31)
    sunday -= timedelta(days=(sunday.weekday() + 1) % 7)
    first = sunday.replace(hour=0, minute=30, tzinfo=UTC)
    return f"{sunday:%Y-%m-%d}T02:30", [first, first + timedelta(hours=1)]


@pytest.mark.parametrize("pass_", [0, 1])
def test_a_plan_at_a_time_that_occurs_twice_needs_its_offset(
    publisher: Client, verona, doubled, pass_
):
    edits.change([named("juliet")], "mercutio", status="fair")
    typed, moments = doubled

    page = publisher.post(REVIEW, form(publisher, when="later", at=typed))

    assert "occurs twice in Europe/Rome" in page_text(page)
    # Only a text can have an offset.
    assert f'<input type="text" name="at" value="{typed}"' in page.content.decode()
    assert not PlannedRelease.objects.exists()

    exact = typed + ("+02:00", "+01:00")[pass_]
    page = publisher.post(REVIEW, form(publisher, when="now", at=exact))
    assert f'<input type="text" name="at" value="{exact}"' in page.content.decode()
    publisher.post(REVIEW, form(publisher, when="later", at=exact))
    assert PlannedRelease.objects.get().publish_at == moments[pass_]


def test_a_plan_at_a_time_that_does_not_exist_is_refused(
    publisher: Client, verona, settings
):
    settings.TIME_ZONE = "Europe/Rome"
    edits.change([named("juliet")], "mercutio", status="fair")
    sunday = datetime(NEXT_YEAR, 3, 31)
    sunday -= timedelta(days=(sunday.weekday() + 1) % 7)

    at = f"{sunday:%Y-%m-%d}T02:30"
    page = publisher.post(REVIEW, form(publisher, when="later", at=at))

    assert "does not exist in Europe/Rome" in page_text(page)
    assert 'type="datetime-local"' in page.content.decode()


@pytest.mark.parametrize(("when", "at"), [("now", ""), ("later", SOON)])
def test_changes_since_the_review_are_shown_first(publisher: Client, verona, when, at):
    edits.change([named("juliet")], "mercutio", status="fair")
    posted = form(publisher, when=when, at=at, note="My note")
    edits.change([named("juliet")], "mercutio", status="fairest")
    before = numbers()

    page = publisher.post(REVIEW, posted)

    assert messages(page) == [
        "Someone changed the channels in the meantime. Review the changes again."
    ]
    assert "status text: “” → “fairest”" in page_text(page)
    assert "My note" in page.content.decode()
    assert f'value="{review.review_draft().digest}"' in page.content.decode()
    assert numbers() == before

    again = {**posted, "digest": page.context["review"].digest}
    assert publisher.post(REVIEW, again).status_code == 302


def test_without_a_digest_nothing_is_published(publisher: Client, verona):
    edits.change([named("juliet")], "mercutio", status="fair")
    before = numbers()
    for digest in ("", "x", "\x00"):
        posted = form(publisher, digest=digest)
        assert publisher.post(REVIEW, posted).status_code == 200
    assert numbers() == before
