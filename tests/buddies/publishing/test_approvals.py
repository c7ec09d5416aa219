"""Two pairs of eyes."""

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.utils import timezone

from buddies.campaigns.conflict_words import OWN
from buddies.campaigns.deciding import decide
from buddies.publishing import applying, approvals
from buddies.publishing.draft import ReleaseError
from buddies.tree import edits
from tests.buddies.campaigns.conftest import Desk
from tests.buddies.conftest import channel, named
from tests.buddies.publishing.drafts import HOUR, approve, due, plan, publish, reviewed

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(db, settings) -> Desk:
    """A campaign that romeo edited; one other person has to approve it."""
    settings.CAMPAIGN_APPROVALS = 1
    channel("verona")
    desk = Desk("Natale")
    desk.edits.change([desk.named("verona")], "romeo", name="Verona")
    return desk


def test_without_an_approval_it_does_not_go_live(desk):
    with pytest.raises(ReleaseError, match="1 approval is missing"):
        publish(desk, "juliet")

    approve(desk, "nurse")
    publish(desk, "juliet")
    assert desk.campaign.state == "published"


@pytest.mark.parametrize(
    "leaves",
    [
        lambda nurse: nurse.user_permissions.clear(),
        lambda nurse: User.objects.update(is_active=False),
        lambda nurse: nurse.delete(),
    ],
    ids=["no permission", "locked", "deleted"],
)
def test_that_of_somebody_who_may_not_any_more_does_not_count(desk, leaves):
    approve(desk, "nurse")

    leaves(User.objects.get(username="nurse"))

    with pytest.raises(ReleaseError, match="1 approval is missing"):
        publish(desk, "juliet")


def test_none_is_needed_by_default(desk, settings):
    settings.CAMPAIGN_APPROVALS = 0

    publish(desk, "romeo")

    assert desk.campaign.state == "published"


def test_who_edited_it_cannot_approve_it(desk):
    with pytest.raises(ReleaseError, match="You edited this campaign"):
        approve(desk, "romeo")


def test_who_planned_it_cannot_approve_it(desk):
    plan(desk, "juliet")

    with pytest.raises(ReleaseError, match="You planned this campaign"):
        approve(desk, "juliet")


def test_an_approval_of_who_publishes_does_not_count(desk):
    approve(desk, "nurse")

    with pytest.raises(ReleaseError, match="1 approval is missing"):
        publish(desk, "nurse")


def test_each_person_counts_once(desk, settings):
    settings.CAMPAIGN_APPROVALS = 2
    approve(desk, "nurse")
    approve(desk, "nurse")

    assert reviewed(desk).errors == ["1 approval is missing."]
    approve(desk, "mario")
    assert reviewed(desk).errors == []


def edit(desk: Desk) -> None:
    desk.edits.change([desk.named("Verona")], "romeo", status="fair")


def replan(desk: Desk) -> None:
    plan(desk, "juliet", timezone.now() + 2 * HOUR)


def settle(desk: Desk) -> None:
    edits.change([named("verona")], "prince", name="Padova")
    decide(desk.pk, "romeo", desk.view.conflicts[0], OWN)


@pytest.mark.parametrize("change", [edit, replan, settle])
def test_a_change_of_the_campaign_voids_it_and_says_so(desk, change):
    approve(desk, "nurse")
    assert reviewed(desk).errors == []

    change(desk)

    assert reviewed(desk).errors == [
        "It was approved, but it has changed since: the approval is void.",
        "1 approval is missing.",
    ]


def test_an_end_that_nobody_approved_does_not_go_live(desk):
    approve(desk, "nurse")

    with pytest.raises(ReleaseError, match="1 approval is missing"):
        publish(desk, "juliet", ends_at=timezone.now() + HOUR)


def test_an_edit_of_what_is_live_does_not(desk):
    approve(desk, "nurse")

    edits.change([named("verona")], "prince", status="at war")

    assert reviewed(desk).errors == []


def test_somebody_who_approved_and_then_edited_does_not_count(desk):
    approve(desk, "nurse")
    desk.edits.change([desk.named("Verona")], "nurse", status="fair")
    desk.edits.undo(desk.version, "nurse")

    assert "1 approval is missing." in reviewed(desk).errors


def test_what_was_reviewed_before_an_edit_cannot_be_approved(desk):
    digest = reviewed(desk).digest
    edit(desk)

    with pytest.raises(ReleaseError, match="Someone changed the campaign"):
        approvals.approve(desk.pk, "nurse", digest)


def test_at_its_moment_an_approval_may_be_missing(desk, caplog):
    plan(desk, "juliet")
    due(desk)

    applying.publish_due()

    assert (desk.campaign.state, desk.campaign.blocked) == ("planned", "approvals")
    assert caplog.messages == [f"campaign {desk.pk} is blocked: approvals"]


def test_an_approved_campaign_goes_live_at_its_moment(desk):
    at = timezone.now() + HOUR
    plan(desk, "juliet", at)
    approve(desk, "nurse")

    with pytest.MonkeyPatch.context() as clock:
        clock.setattr(applying.timezone, "now", lambda: at)
        applying.publish_due()

    assert desk.campaign.state == "published"


def test_breaking_the_glass_is_logged_loudly(desk, caplog):
    publish(desk, "juliet", breaks_glass=True)

    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        f"campaign_break_glass: juliet published campaign {desk.pk} without its "
        "approvals"
    )


def test_the_permission_for_it_must_be_given(db):
    given = Permission.objects.get(codename="break_glass")
    mario, nurse = (User.objects.create_user(name) for name in ("mario", "nurse"))
    king = User.objects.create_superuser("king")
    mario.user_permissions.add(given)
    firemen = Group.objects.create(name="Firemen")
    firemen.permissions.add(given)
    nurse.groups.add(firemen)

    assert approvals.may_break_glass(mario)
    assert approvals.may_break_glass(nurse)
    # Superusers have all permissions, but nobody gave them this one.
    assert not approvals.may_break_glass(king)
    mario.is_active = False
    assert not approvals.may_break_glass(mario)
