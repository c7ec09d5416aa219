"""A planned campaign moves to another moment."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from buddies.models import Campaign
from buddies.publishing import applying, approvals
from buddies.publishing.applying import Moved, Seen
from buddies.publishing.draft import ReleaseError
from buddies.tree.lock import TreeError
from tests.buddies.campaigns.conftest import Desk
from tests.buddies.conftest import EDITOR, channel
from tests.buddies.publishing.drafts import HOUR, approve, due, plan, reviewed

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def desk(db) -> Desk:
    """A campaign that juliet planned for tomorrow."""
    channel("romeo")
    desk = Desk("Natale")
    desk.edits.change([desk.named("romeo")], EDITOR, name="Babbo")
    plan(desk, at=timezone.now() + DAY)
    return desk


def seen(desk: Desk) -> Seen:
    campaign = desk.campaign
    assert campaign.due_at is not None
    return Seen(campaign.version, campaign.due_at)


def move(desk: Desk, at: datetime, editor: str = "prince") -> Moved:
    return applying.move(desk.pk, editor, at, seen(desk))


def refused(desk: Desk, at: datetime, reason: str, shown: Seen | None = None) -> None:
    before = Campaign.objects.values().get()
    with pytest.raises((ReleaseError, TreeError), match=reason):
        applying.move(desk.pk, "prince", at, shown or seen(desk))
    assert Campaign.objects.values().get() == before


def test_it_goes_live_at_the_new_moment_and_its_end_stays(desk):
    end = timezone.now() + 9 * DAY
    Campaign.objects.update(ends_at=end)
    at = timezone.now() + 3 * DAY

    moved = move(desk, at)

    campaign = desk.campaign
    assert (campaign.state, campaign.due_at, campaign.ends_at) == ("planned", at, end)
    assert campaign.planned_by == "prince"
    assert moved == Moved(campaign, voids_approvals=False)


def test_one_that_is_blocked_waits_for_its_new_moment(desk):
    due(desk)
    Campaign.objects.update(blocked="conflicts")
    at = timezone.now() + HOUR

    move(desk, at)

    campaign = desk.campaign
    assert (campaign.due_at, campaign.blocked) == (at, "")


def test_approvals_of_the_old_moment_are_void(desk):
    first = desk.campaign.due_at
    approve(desk, "nurse")

    assert move(desk, timezone.now() + 2 * DAY).voids_approvals
    # There was nothing left to void.
    assert not move(desk, timezone.now() + 3 * DAY).voids_approvals
    # What was approved is what is planned again.
    assert not move(desk, first).voids_approvals
    assert approvals.valid(desk.campaign, reviewed(desk).digest).count() == 1


def test_a_stale_page_moves_nothing(desk):
    shown = seen(desk)
    at = timezone.now() + 2 * DAY
    desk.edits.change([desk.named("Babbo")], "nurse", name="Santa")
    refused(desk, at, "Someone changed “Natale” in the meantime", shown)

    shown = seen(desk)
    move(desk, timezone.now() + 3 * DAY)
    refused(desk, at, "Someone changed “Natale” in the meantime", shown)


def test_the_past_is_refused(desk):
    refused(desk, timezone.now() - HOUR, "That time has passed")


def test_a_moment_after_its_end_is_refused(desk):
    end = timezone.now() + 4 * DAY
    Campaign.objects.update(ends_at=end)

    for at in (end, end + HOUR):
        refused(desk, at, "“Natale” ends on .* Choose an earlier moment")


def test_one_that_is_not_planned_is_not_moved(desk):
    shown, at = seen(desk), timezone.now() + 2 * DAY
    applying.unplan(desk.pk)
    refused(desk, at, "“Natale” is not planned any more", shown)

    Campaign.objects.update(state="discarded")
    refused(desk, at, "“Natale” can't be edited any more: it is discarded", shown)
