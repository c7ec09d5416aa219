"""Holding the tree, reviewing it, publishing it."""

import hashlib

import pytest
from django.utils import timezone

from buddies.models import Buddy, PlannedRelease, Tree
from buddies.publishing import releases, review
from buddies.publishing.draft import ReleaseError
from buddies.publishing.live import live_release, size_of
from buddies.publishing.review import (
    cancel,
    end_hold,
    hold,
    publish_again,
    review_draft,
)
from buddies.tree import edits
from tests.buddies.conftest import channel, group, named, rows
from tests.buddies.publishing.drafts import HOUR, add, live_names, publish, text
from xmppservice.protocol import vcard

pytestmark = pytest.mark.django_db


def test_held_edits_stay_a_draft_until_the_hold_ends():
    channel("romeo")
    old = releases.sync()
    hold("juliet")
    add("mario", "nurse")

    assert not releases.is_behind()
    assert releases.sync() is None
    assert live_release() == old
    state = Tree.objects.get()
    assert (state.held_at is None, state.held_by) == (False, "juliet")

    end_hold("juliet")
    assert releases.is_behind()
    new = releases.sync()

    assert live_names() == ["romeo", "mario"]
    assert (new.author, new.automatic) == ("juliet", True)
    assert new.note == "nurse"
    state = Tree.objects.get()
    assert (state.held_at, state.held_by) == (None, "")


def test_a_second_hold_does_not_replace_the_first():
    hold("juliet")
    since = Tree.objects.get().held_at

    hold("mario")

    state = Tree.objects.get()
    assert (state.held_at, state.held_by) == (since, "juliet")


def test_the_end_of_a_hold_replaces_a_release_published_again():
    romeo = channel("romeo")
    old = releases.sync()
    edits.change([romeo], "juliet", name="Romeo")
    releases.sync()
    publish_again(old, "juliet")
    assert live_names() == ["romeo"]

    end_hold("juliet")
    assert releases.is_behind()
    releases.sync()

    assert live_names() == ["Romeo"]


def test_a_hold_cannot_end_while_a_release_is_planned():
    channel("romeo")
    plan = publish(at=timezone.now() + HOUR)

    with pytest.raises(ReleaseError, match="juliet planned a version"):
        end_hold("juliet")
    assert Tree.objects.get().held_at is not None

    cancel(plan.pk)
    end_hold("juliet")
    assert Tree.objects.get().held_at is None


def test_a_review_lists_differences_from_the_live_release():
    romeo = channel("romeo", image_url="i")
    releases.sync()
    hold("juliet")
    edits.change([romeo], "juliet", name="Romeo")
    channel("mario", image_url="i")

    found = review_draft()

    words = [f"{one.kind} {one.name}: {one.words}" for one in found.changes]
    assert words == ["added mario: at the top", "edited Romeo: name: “romeo” → “Romeo”"]
    assert (found.errors, found.warnings) == ([], [])
    assert found.draft.body == text()
    assert found.draft.size == size_of(text())


def test_before_the_first_release_a_review_adds_everything():
    channel("romeo")
    assert [change.kind for change in review_draft().changes] == ["added"]


def test_a_review_makes_no_edit_and_no_release():
    channel("romeo")
    before = Tree.objects.values().get(), rows()

    review_draft()

    assert (Tree.objects.values().get(), rows()) == before
    assert live_release() is None


def rename(buddy: Buddy, **fields: str) -> None:
    """Write without validation, as an old version of this service could."""
    Buddy.objects.filter(pk=buddy.pk).update(**fields)


def test_a_review_lists_errors(settings):
    channel("romeo")
    settings.XMPP_STANZA_LIMIT = 100

    errors = review_draft().errors

    size = size_of(text())
    assert errors == [
        f"The document is {size:,} bytes; the limit is 100. Hide or delete some "
        "channels. The previous version stays live."
    ]


def test_entries_with_an_old_fault_are_left_out_and_named():
    """They neither go live nor keep others from going live."""
    rename(channel("nobody", image_url="i"), name=" ")
    rename(channel("old"), address="hidden", web_is_published=False)
    for name in ("Romeo", "second", "third"):
        channel(name, image_url="i")
    rename(named("second"), address="romeo")
    rename(named("third"), address="ROMEO", server_address="bots")
    rename(named("old"), address="rOmeo", web_is_published=False)
    verona = group("verona", image_url="i")
    channel("inside", verona, image_url="i")
    rename(verona, name="\u200b")

    found = review_draft()

    assert found.errors == []
    assert found.warnings == [
        f"Not shown to apps until you correct it: {fault}"
        for fault in (
            "“nobody”, name: This field cannot be blank.",
            "“second”, address: Servers can't tell this address from “Romeo”, "
            "which is taken.",
            "“verona”, name: This field cannot be blank.",
        )
    ]
    releases.sync()
    assert live_names() == ["Romeo", "third"]

    edits.change([named("second")], "juliet", address="paris")
    edits.change([verona], "juliet", name="Verona")
    releases.sync()
    assert live_names() == ["Romeo", "second", "third", "Verona", "inside"]


def test_a_review_lists_warnings():
    for number in range(7):
        channel(f"{number}")
    channel("twice", default_message="a\\nb", image_url="i")
    channel("picture", group("shown", thumb_url="t"), thumb_url="t")
    channel("draft", group("empty"), web_is_published=False)
    group("emptier", named("empty"))
    closed = group("closed", web_is_published=False)
    channel("inside", group("below closed", closed))
    later = group("later", visible_from=timezone.now() + HOUR)
    channel("inside later", group("below later", later))

    assert review_draft().warnings == [
        "No picture: “0”, “1”, “2”, “3”, “4” and 2 more.",
        "Contains escaped text such as &amp;: “twice”.",
        "Empty groups, not shown to apps: “emptier”, “empty”.",
    ]


def test_a_reviewed_document_is_published_with_its_author_and_note():
    channel("romeo")
    hold("mario")

    release = review.publish("juliet", "Act 2", review_draft().digest)

    assert release == live_release()
    assert (release.author, release.note) == ("juliet", "Act 2")
    assert not release.automatic
    assert release.body == text()
    assert release.digest == hashlib.sha256(release.body.encode()).hexdigest()
    assert release.size == len(vcard.of_document(release.body).encode())
    # The next automatic release does not name them again.
    assert Tree.objects.get().editors == {}
    end_hold("juliet")
    assert releases.sync() is None


def test_without_a_hold_publishing_leaves_nothing_to_release():
    channel("romeo")

    publish()

    assert not releases.is_behind()
    assert releases.sync() is None


def test_publishing_clears_an_earlier_refusal(settings):
    settings.XMPP_STANZA_LIMIT = 2_000
    romeo = channel("romeo", default_message="x" * 2_000)
    releases.sync()
    assert Tree.objects.get().refused
    hold("juliet")
    edits.change([romeo], "juliet", default_message="")

    release = publish()

    state = Tree.objects.get()
    assert (state.refused, state.size) == ("", release.size)


def test_edits_after_the_review_are_not_published():
    romeo = channel("romeo")
    old = releases.sync()
    hold("juliet")
    edits.change([romeo], "juliet", name="Romeo")
    digest = review_draft().digest
    edits.change([romeo], "mario", name="Montague")

    for at in (None, timezone.now() + HOUR):
        with pytest.raises(ReleaseError, match="Review the changes again"):
            review.publish("juliet", "", digest, at)

    assert live_release() == old
    assert not PlannedRelease.objects.exists()


def test_an_edit_invisible_to_clients_does_not_block_publishing():
    channel("romeo")
    hold("juliet")
    digest = review_draft().digest
    channel("draft", web_is_published=False)

    assert review.publish("juliet", "", digest) == live_release()


@pytest.mark.parametrize("later", [False, True])
def test_a_draft_with_errors_is_not_published(settings, later):
    channel("juliet")
    settings.XMPP_STANZA_LIMIT = 100

    with pytest.raises(ReleaseError, match="limit is 100"):
        publish(at=timezone.now() + HOUR if later else None)

    assert live_release() is None
    assert not PlannedRelease.objects.exists()
