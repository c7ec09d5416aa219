"""Holding the tree, and retrying its release."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from buddies.models import Release, Tree
from buddies.publishing import draft, live, releases, review
from tests.buddies.pages.workspace_client import CHANNELS, ask, change, go_live, plan

pytestmark = pytest.mark.django_db


def test_a_hold_is_begun_and_ended(publisher: Client, verona):
    held = publisher.post(f"{CHANNELS}hold/", {"on": "1"})
    assert (held.status_code, held.url) == (302, CHANNELS)
    assert Tree.objects.get().held_by == "prince"
    assert releases.sync() is None

    publisher.post(f"{CHANNELS}hold/", end(publisher))
    assert Tree.objects.get().held_at is None
    assert releases.sync() is not None
    # Ending it again does nothing and is no error.
    assert publisher.post(f"{CHANNELS}hold/", end(publisher)).url == CHANNELS
    assert publisher.post(f"{CHANNELS}hold/").url == CHANNELS


def end(client: Client) -> dict[str, str]:
    """Return what the page posts to end the current hold."""
    return {"held": ask(client, "state")["held_at"], "sure": "1"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "Nothing changes for apps now."),
        (["romeo"], "1 change goes live now."),
        (["romeo", "juliet"], "2 changes go live now."),
    ],
)
def test_the_end_of_a_hold_needs_a_confirmation(publisher, verona, names, message):
    go_live()
    publisher.post(f"{CHANNELS}hold/", {"on": "1"})
    for name in names:
        change(name, status="new")
    held = ask(publisher, "state")["held_at"]
    assert ask(publisher, "state")["going"] == message

    page = publisher.post(f"{CHANNELS}hold/", {"held": held})

    html = page.content.decode()
    assert message in html
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
        messages = [str(message) for message in page.context["messages"]]
        assert messages == [
            "tybalt holds the changes since: look at them before you end it."
        ]
    assert Tree.objects.get().held_by == "tybalt"


def test_a_hold_cannot_end_while_a_version_is_planned(publisher: Client, verona):
    plan(datetime(2099, 3, 1, 9, 5, tzinfo=UTC))
    without_sure = {"held": end(publisher)["held"]}

    for posted in (end(publisher), without_sure):
        response = publisher.post(f"{CHANNELS}hold/", posted, follow=True)

        messages = [str(message) for message in response.context["messages"]]
        assert messages == [
            "prince planned a version for 1 Mar 2099, 09:05 (UTC). Cancel that plan "
            "first."
        ]
        assert Tree.objects.get().held_at is not None


def test_the_end_of_a_hold_is_offered_only_without_a_plan(publisher: Client, verona):
    review.hold("prince")

    def is_hidden() -> bool:
        html = publisher.get(CHANNELS).content.decode()
        (form,) = re.findall('<form id="end-hold"[^>]*>', html)
        return " hidden" in form

    assert not is_hidden()
    made = plan()
    assert is_hidden()
    assert ask(publisher, "state")["held"].endswith(
        "To end the hold, cancel the planned version in “Versions”."
    )
    review.cancel(made.pk)
    assert not is_hidden()


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
