"""Going back to an older release, and restoring it as a campaign."""

import pytest
from django.utils import timezone

from buddies.campaigns.view import view_of
from buddies.models import Campaign, HistoricalBuddy, Release, Tree
from buddies.publishing import releases
from buddies.publishing.draft import ReleaseError
from buddies.publishing.going_back import go_back, restore
from buddies.publishing.live import live_release
from buddies.tree import edits
from buddies.tree.undo import undo
from tests.buddies.campaigns.conftest import outline_of
from tests.buddies.conftest import channel, group, named, outline, rows
from tests.buddies.publishing.drafts import HOUR, live_names, text

pytestmark = pytest.mark.django_db


@pytest.fixture
def old() -> Release:
    """An older release; since then romeo moved, and mario came."""
    verona = group("verona")
    romeo = channel("romeo", verona)
    release = releases.sync()
    edits.change([romeo], "mario", name="Romeo", parent=None)
    channel("mario", verona)
    releases.sync()
    return release


def test_going_back_is_one_edit_and_one_release(old):
    version = Tree.objects.get().version

    new = go_back(old, "juliet")

    assert new == live_release() != old
    assert (new.body, new.digest, new.size) == (old.body, old.digest, old.size)
    assert (new.author, new.note) == ("juliet", f"version {old.number} again")
    assert not new.automatic
    # The tree is what is live: the next edit takes nothing back.
    assert text() == new.body
    assert Tree.objects.get().version == version + 1
    assert not releases.is_behind()
    edits.change([named("romeo")], "mario", status="banished")
    releases.sync()
    assert live_names() == ["verona", "romeo"]


def test_what_came_later_is_hidden_not_deleted(old):
    go_back(old, "juliet")

    assert outline() == ["verona", "  mario", "  romeo"]
    assert not named("mario").is_published


def test_going_back_can_be_undone_like_any_edit(old):
    before = rows()
    go_back(old, "juliet")

    undo(Tree.objects.get().version, "juliet")
    releases.sync()

    assert rows() == before
    assert live_names() == ["verona", "mario", "Romeo"]


def test_a_schedule_that_would_hide_an_entry_is_cleared(old):
    edits.change([named("Romeo")], "mario", visible_from=timezone.now() + HOUR)
    later = timezone.now() + HOUR
    edits.change([named("verona")], "mario", visible_until=later)

    assert go_back(old, "juliet").body == old.body

    assert named("romeo").visible_from is None
    # One that ends later goes on counting.
    assert named("verona").visible_until == later
    assert Tree.objects.get().next_at == later


def test_the_live_release_is_no_older_one():
    channel("romeo")

    with pytest.raises(ReleaseError, match="This version is live"):
        go_back(releases.sync(), "juliet")


def test_a_release_above_a_new_limit_is_refused(old, settings):
    before = rows(), live_release()
    settings.XMPP_STANZA_LIMIT = 100

    with pytest.raises(ReleaseError, match="limit is 100"):
        go_back(old, "juliet")

    assert (rows(), live_release()) == before


@pytest.mark.parametrize("bring_back", [go_back, restore])
def test_a_release_with_a_fault_is_refused(old, bring_back):
    # An older version of this service could publish it.
    body = old.body.replace('"name":"romeo"', '"name":" "')
    bad = releases.create(body, "mario", "")
    releases.create(old.body, "mario", "")
    before = rows(), Release.objects.count()

    with pytest.raises(ReleaseError, match="This field cannot be blank"):
        bring_back(bad, "juliet")

    assert (rows(), Release.objects.count()) == before
    assert not Campaign.objects.exists()


# --- As a campaign --------------------------------------------------------------------


def test_a_restored_release_is_a_campaign_and_live_stays(old):
    before = rows(), Tree.objects.values().get()

    campaign = restore(old, "juliet")

    assert (rows(), Tree.objects.values().get()) == before
    assert campaign.name == f"Version {old.number}"
    assert outline_of(view_of(campaign).buddies) == ["verona", "  mario", "  romeo"]
    assert set(campaign.log.values_list("editor", flat=True)) == {"juliet"}


def test_a_second_one_has_a_name_of_its_own(old):
    names = [restore(old, "juliet").name for _time in range(2)]

    assert names == [f"Version {old.number}", f"Version {old.number} (2)"]


def test_a_restored_current_state_changes_nothing():
    channel("romeo")

    campaign = restore(releases.sync(), "juliet")

    assert not campaign.differences.exists()
    assert not HistoricalBuddy.objects.filter(history_user_id="juliet", version__gt=2)
