"""Planned releases, and going back to an older one."""

from datetime import UTC, datetime
from importlib import import_module

import pytest
from django.apps import apps
from django.utils import timezone

from buddies.models import PlannedRelease, Release, Tree
from buddies.publishing import releases, review
from buddies.publishing.draft import ReleaseError
from buddies.publishing.live import live_release
from buddies.publishing.review import (
    cancel,
    end_hold,
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


@pytest.fixture
def old() -> Release:
    """An older release, a hold with a change, and the plan of it."""
    channel("romeo")
    release = releases.sync()
    channel("mario")
    releases.sync()
    hold("juliet")
    channel("nurse")
    publish(at=datetime(2099, 3, 2, 9, 5, tzinfo=UTC))
    return release


def test_nothing_is_planned_or_published_while_a_version_is_planned(old):
    for change in ("the same", "another"):
        for go in (
            lambda: publish("mario", at=timezone.now() + HOUR),
            publish,
            lambda: publish_again(old, "juliet"),
            lambda: end_hold("juliet"),
        ):
            with pytest.raises(ReleaseError) as refused:
                go()
            assert str(refused.value) == (
                "juliet planned a version for 2 Mar 2099, 09:05 (UTC). Cancel that "
                "plan first."
            ), change
        channel("tybalt", address=f"{change}")

    assert live_names() == ["romeo", "mario"]
    assert PlannedRelease.objects.get().author == "juliet"


def test_a_review_says_that_a_version_is_planned(old):
    assert review_draft().errors == [
        "juliet planned a version for 2 Mar 2099, 09:05 (UTC). Cancel that plan first."
    ]
    cancel(PlannedRelease.objects.get().pk)
    assert review_draft().errors == []


def overtaken(*, by: str, author: str = "prince") -> PlannedRelease:
    """Return a due plan of "nurse" after a change went live besides it."""
    channel("romeo")
    releases.sync()
    hold("juliet")
    nurse = channel("nurse")
    plan = publish("juliet", at=timezone.now() + HOUR)
    assert isinstance(plan, PlannedRelease)
    edits.remove([nurse], "prince")
    edits.change([named("romeo")], "prince", name=by)
    # Only a plan from before plans excluded each other does this.
    releases.create(text(), author, "", automatic=False)
    PlannedRelease.objects.update(publish_at=timezone.now())
    return plan


def test_a_plan_that_would_undo_what_went_live_waits_for_staff(caplog):
    plan = overtaken(by="Romeo")

    publish_planned()
    publish_planned()

    assert live_names() == ["Romeo"]
    assert Release.objects.count() == 2
    assert PlannedRelease.objects.get().conflicts == ["Romeo"]
    assert caplog.messages == [f"plan {plan.pk} waits: it would undo newer changes"]
    # It is late because staff decide, so no alarm rings, and no task repeats it.
    assert not releases.is_behind()
    assert releases.lag() < 1
    cancel(plan.pk)
    channel("tybalt")
    assert isinstance(publish(), Release)


def test_an_older_plan_counts_what_goes_live_from_the_upgrade_on():
    channel("romeo")
    releases.sync()
    edits.change([named("romeo")], "mario", name="Romeo")
    newest = releases.sync()
    channel("nurse")
    publish(at=timezone.now() + HOUR)
    PlannedRelease.objects.update(base=0)

    migration = import_module("buddies.migrations.0002_plans_and_what_went_live")
    migration.take_the_newest(apps, None)

    assert PlannedRelease.objects.get().base == newest.number


def test_a_plan_that_has_what_went_live_runs():
    overtaken(by="romeo")

    publish_planned()

    assert live_names() == ["romeo", "nurse"]
    assert not PlannedRelease.objects.exists()


def test_of_two_older_plans_the_later_undoes_nothing():
    """Plan A puts Liam on the web at 10:04, plan B takes ATM Milano off at 10:02."""
    liam = channel("Liam", web_is_published=False, mobile_is_published=True)
    atm = channel("ATM Milano")
    releases.sync()
    hold("juliet")
    edits.change([liam], "juliet", web_is_published=True)
    a = publish("juliet", at=timezone.now() + HOUR)
    edits.change([liam], "mario", web_is_published=False)
    edits.change([atm], "mario", web_is_published=False, mobile_is_published=True)
    now = timezone.now()
    values = {"body": text(), "author": "mario", "version": 1, "base": a.base}
    PlannedRelease.objects.create(publish_at=now - HOUR, **values)
    PlannedRelease.objects.filter(pk=a.pk).update(publish_at=now)

    publish_planned()

    assert '"webIsPublished":true' not in live_release().body
    assert PlannedRelease.objects.get().conflicts == ["ATM Milano"]


def test_what_went_live_between_review_and_planning_is_not_undone():
    channel("romeo")
    old = releases.sync()
    channel("mario")
    releases.sync()
    hold("juliet")
    channel("nurse")
    digest = review_draft().digest
    publish_again(old, "prince")

    for at in (None, timezone.now() + HOUR):
        with pytest.raises(ReleaseError, match="Review the changes again"):
            review.publish("juliet", "", digest, at)

    assert live_names() == ["romeo"]
    assert not PlannedRelease.objects.exists()


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
