"""Planned releases, and going back to an older one."""

import pytest
from django.utils import timezone

from buddies.models import PlannedRelease, Release, Tree
from buddies.publishing import releases, review
from buddies.publishing.draft import ReleaseError
from buddies.publishing.live import live_release
from buddies.publishing.review import (
    cancel,
    hold,
    publish_again,
    publish_planned,
    restore,
    review_draft,
)
from buddies.tree import edits
from buddies.tree.undo import undo
from tests.buddies.conftest import channel, group, named, outline, rows
from tests.buddies.publishing.drafts import HOUR, live_names, publish, text

pytestmark = pytest.mark.django_db


def test_a_planned_document_goes_live_as_reviewed_when_it_is_due():
    romeo = channel("romeo")
    releases.sync()
    edits.change([romeo], "mario", name="Romeo")
    reviewed = text()

    plan = review.publish(
        "juliet", "Act 2", review_draft().digest, timezone.now() + HOUR
    )
    assert isinstance(plan, PlannedRelease)
    assert Tree.objects.get().held_by == "juliet"
    assert live_names() == ["romeo"]
    edits.change([romeo], "mario", name="later")
    publish_planned()
    assert not releases.is_behind()
    assert live_names() == ["romeo"]

    PlannedRelease.objects.update(publish_at=timezone.now())
    assert releases.is_behind()
    publish_planned()

    release = live_release()
    assert release.body == reviewed
    assert (release.author, release.note) == ("juliet", "Act 2")
    assert not release.automatic
    assert not PlannedRelease.objects.exists()
    assert not releases.is_behind()


def test_the_later_of_two_due_plans_goes_live():
    romeo = channel("romeo")
    later = publish(at=timezone.now() + 2 * HOUR)
    edits.change([romeo], "mario", name="sooner")
    sooner = publish(at=timezone.now() + HOUR)
    for plan, ago in ((later, 1), (sooner, 2)):
        moment = timezone.now() - ago * HOUR
        PlannedRelease.objects.filter(pk=plan.pk).update(publish_at=moment)

    publish_planned()

    assert live_names() == ["romeo"]
    assert Release.objects.count() == 2


def test_a_plan_in_the_past_is_refused():
    channel("romeo")

    with pytest.raises(ReleaseError, match="That time has passed"):
        publish(at=timezone.now())

    assert not PlannedRelease.objects.exists()
    assert Tree.objects.get().held_at is None


def test_a_cancelled_plan_never_goes_live():
    channel("romeo")
    plan = publish(at=timezone.now() + HOUR)

    cancel(plan.pk)
    with pytest.raises(ReleaseError, match="It is not planned any more"):
        cancel(plan.pk)

    PlannedRelease.objects.update(publish_at=timezone.now())
    publish_planned()
    assert live_release() is None


def test_the_same_document_is_planned_only_once():
    channel("romeo")
    publish(at=timezone.now() + HOUR)

    with pytest.raises(ReleaseError, match="already scheduled"):
        publish(at=timezone.now() + 2 * HOUR)


def test_nothing_is_published_before_a_plan_that_would_replace_it():
    channel("romeo")
    old = releases.sync()
    channel("mario")
    releases.sync()
    hold("juliet")
    channel("nurse")
    publish(at=timezone.now() + HOUR)
    channel("tybalt")

    for go in (publish, lambda: publish_again(old, "juliet")):
        with pytest.raises(ReleaseError, match="would replace this"):
            go()

    assert live_names() == ["romeo", "mario"]


def test_an_address_is_known_after_its_plan_went_live():
    romeo = channel("romeo")
    publish(at=timezone.now() + HOUR)
    assert not releases.has_shown(romeo)

    PlannedRelease.objects.update(publish_at=timezone.now())
    publish_planned()

    assert releases.has_shown(romeo)
    assert Tree.objects.get().editors == {}


def test_an_old_release_published_again_is_live_and_holds_the_tree():
    romeo = channel("romeo")
    old = releases.sync()
    edits.change([romeo], "mario", name="Romeo")
    releases.sync()

    again = publish_again(old, "juliet")

    assert again == live_release() != old
    assert (again.body, again.digest, again.size) == (old.body, old.digest, old.size)
    assert (again.author, again.note) == ("juliet", f"version {old.number} again")
    assert not again.automatic
    assert Tree.objects.get().held_by == "juliet"
    # The tree is unchanged and does not go live.
    assert outline() == ["Romeo"]
    assert releases.sync() is None
    assert live_release() == again


def test_a_restored_release_becomes_the_draft():
    verona = group("verona")
    romeo = channel("romeo", verona)
    old = releases.sync()
    edits.change([romeo], "mario", name="Romeo", parent=None)
    channel("mario", verona)
    new = releases.sync()

    restore(old, "juliet")

    assert text() == old.body
    assert live_release() == new
    assert Tree.objects.get().held_by == "juliet"
    assert not named("mario").is_published
    assert releases.sync() is None

    release = publish()
    assert release.body == old.body


def test_restoring_the_current_state_only_holds_the_tree():
    channel("romeo")
    release = releases.sync()
    before = Tree.objects.get().version

    restore(release, "juliet")

    assert Tree.objects.get().version == before
    assert Tree.objects.get().held_by == "juliet"


def test_a_restore_can_be_undone_like_any_edit():
    romeo = channel("romeo")
    old = releases.sync()
    edits.change([romeo], "mario", name="Romeo")
    channel("mario")
    before = rows()

    restore(old, "juliet")
    undo(Tree.objects.get().version, "juliet")

    assert rows() == before
