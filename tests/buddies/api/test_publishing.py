"""Campaigns over the API: approved, published, planned, taken back."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from rest_framework.test import APIClient

from buddies.campaigns.edits import CampaignEdits
from buddies.models import Buddy, Campaign, Release
from buddies.publishing import applying, releases
from buddies.tree import edits
from tests.api import client_of, reasons
from tests.buddies.api.campaigns_client import change, digest_of, make, path_of, post
from tests.buddies.conftest import channel, named, outline
from xmppservice.api import tokens

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def api() -> APIClient:
    return client_of("view_buddy", "publish_release", name="piero")


@pytest.fixture
def romeo() -> Buddy:
    romeo = channel("romeo")
    releases.sync()
    return romeo


@pytest.fixture
def natale(romeo) -> Campaign:
    campaign = make("Natale")
    change(campaign, romeo, status="banished")
    return campaign


def publish(api, campaign, **more):
    return post(api, campaign, "publish", digest=digest_of(api, campaign), **more)


def test_a_reviewed_campaign_is_published(api, natale):
    answer = publish(api, natale)

    live = Release.objects.first()
    assert answer.status_code == 201
    assert answer.json()["number"] == live.number
    assert (live.author, live.note, live.automatic) == ("piero", "Natale", False)
    assert "banished" in live.body
    found = api.get(path_of(natale)).json()
    assert (found["state"], found["release"]) == ("published", live.number)
    # What it changed is live, so nothing about it is in conflict.
    assert (found["changes"], found["conflicts"]) == (1, 0)
    assert api.get(path_of(natale, "changes")).json()["changes"][0]["isLive"]


def test_changes_after_the_review_are_not_published(api, natale, romeo):
    digest = digest_of(api, natale)
    change(natale, romeo, name="Romeo")

    refused = post(api, natale, "publish", digest=digest)

    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert "Review it again" in refused.json()["detail"]
    assert "conflicts" not in refused.json()
    assert named("romeo").status == ""


def test_a_publication_that_conflicts_says_what_to_decide(api, natale, romeo):
    edits.change([romeo], "mario", status="dead")

    refused = publish(api, natale)

    assert refused.status_code == 409
    assert refused.headers["Content-Type"] == "application/problem+json"
    problem = refused.json()
    assert (problem["code"], problem["status"]) == ("conflict", 409)
    listed = api.get(path_of(natale, "conflicts")).json()["conflicts"]
    assert problem["conflicts"] == listed
    assert len(listed) == 1
    assert natale.state == "open"


def test_a_campaign_is_planned_and_unplanned(api, natale):
    at = timezone.now() + DAY

    planned = publish(
        api, natale, publishAt=at.isoformat(), endsAt=(at + DAY).isoformat()
    )

    assert planned.status_code == 202
    found = api.get(path_of(natale)).json()
    assert planned.json() == found
    assert (found["state"], found["plannedBy"]) == ("planned", "piero")
    assert found["dueAt"] == at.isoformat().replace("+00:00", "Z")
    assert found["endsAt"]
    assert named("romeo").status == ""
    back = api.post(path_of(natale, "unplan")).json()
    assert (back["state"], back["dueAt"], back["plannedBy"]) == ("open", None, "")


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ({}, "digest"),
        ({"digest": "x" * 65}, "digest"),
        ({"digest": "x", "publishAt": "tomorrow"}, "publishAt"),
        ({"digest": "x", "publishAt": "9999-01-01T00:00:00Z"}, "publishAt"),
        ({"digest": "x", "endsAt": "2100-01-01T00:00:00Z"}, "endsAt"),
        ({"digest": "x", "note": "x"}, "note"),
    ],
)
def test_an_invalid_publication_is_refused(api, natale, sent, name):
    assert list(reasons(post(api, natale, "publish", **sent))) == [name]


@pytest.mark.parametrize(
    "sent",
    [
        {"publishAt": timezone.now() - DAY},
        {"publishAt": timezone.now() + 2 * DAY, "endsAt": timezone.now() + DAY},
        {"endsAt": timezone.now() - DAY},
    ],
    ids=["past", "ends before it begins", "ended already"],
)
def test_a_moment_that_does_not_fit_is_a_conflict(api, natale, sent):
    moments = {name: moment.isoformat() for name, moment in sent.items()}
    assert publish(api, natale, **moments).status_code == 409
    natale.refresh_from_db()
    assert (natale.state, natale.due_at, natale.ends_at) == ("open", None, None)


# --- Approvals --------------------------------------------------------------------


@pytest.fixture
def approver(settings) -> APIClient:
    settings.CAMPAIGN_APPROVALS = 1
    return client_of("view_buddy", "approve_campaign", name="otto")


def approve(api, campaign, **more):
    return post(api, campaign, "approvals", digest=digest_of(api, campaign), **more)


def test_an_approved_campaign_is_published(api, approver, natale):
    refused = publish(api, natale)
    approved = approve(approver, natale, note="fine")
    listed = api.get(path_of(natale, "approvals")).json()

    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "1 approval is missing.",
    )
    assert approved.status_code == 201
    assert (approved.json()["by"], approved.json()["note"]) == ("otto", "fine")
    assert listed == {"missing": 0, "approvals": [approved.json()]}
    assert approved.json()["isValid"]
    assert publish(api, natale).status_code == 201


def test_an_edit_makes_an_approval_void(api, approver, natale, romeo):
    approve(approver, natale)
    change(natale, romeo, name="Romeo")

    listed = api.get(path_of(natale, "approvals")).json()

    assert listed["missing"] == 1
    assert [one["isValid"] for one in listed["approvals"]] == [False]


def test_another_digest_is_not_approved(approver, natale):
    refused = post(approver, natale, "approvals", digest="x")
    assert refused.status_code == 409


def test_who_edited_a_campaign_may_not_approve_it(approver, natale, romeo):
    change(natale, romeo, "otto", name="Romeo")
    refused = approve(approver, natale)
    assert refused.status_code == 409
    assert "somebody else" in refused.json()["detail"]


# --- Taken back -------------------------------------------------------------------


def test_a_campaign_is_taken_back(api, natale):
    publish(api, natale)

    answer = api.post(path_of(natale, "end"))

    assert answer.status_code == 201
    assert answer.json()["number"] == Release.objects.first().number
    assert named("romeo").status == ""
    assert api.get(path_of(natale)).json()["state"] == "ended"


def test_what_others_edited_since_is_not_taken_back(api, natale, romeo):
    publish(api, natale)
    edits.change([romeo], "mario", status="dead")

    refused = api.post(path_of(natale, "end"))

    assert refused.status_code == 409
    (conflict,) = refused.json()["conflicts"]
    assert (conflict["kind"], conflict["detail"]) == ("field", "info.status")
    assert (conflict["own"], conflict["live"]) == ("", "dead")
    assert named("romeo").status == "dead"
    assert api.get(path_of(natale)).json()["state"] == "published"


def test_what_others_put_into_a_new_group_is_not_taken_back(api, natale, romeo):
    own = CampaignEdits(natale.pk)
    house = own.add(Buddy(name="house", type="group", address="house"), "anna")
    own.move([romeo], "anna", house, "first")
    publish(api, natale)
    channel("mario", named("house"))

    refused = api.post(path_of(natale, "end"))

    (conflict,) = refused.json()["conflicts"]
    assert (conflict["kind"], conflict["detail"]) == ("inside", str(house.key))
    assert outline() == ["house", "  romeo", "  mario"]
    edits.remove([named("mario")], "mario")
    assert api.post(path_of(natale, "end")).status_code == 201
    assert outline() == ["romeo"]


def test_one_that_could_not_go_live_says_why(api, natale, romeo):
    Campaign.objects.update(state="planned", due_at=timezone.now())
    edits.change([romeo], "mario", status="dead")

    applying.publish_due()

    assert api.get(path_of(natale)).json()["blocked"] == "conflicts"


# --- Scopes -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scopes", "lacking"),
    [
        (["releases:read", "releases:write", "tree:write"], "campaigns:write"),
        (["campaigns:read", "campaigns:write"], "releases:write"),
        (["campaigns:write", "releases:write"], None),
    ],
)
def test_publishing_needs_the_scopes_of_campaigns_and_releases(natale, scopes, lacking):
    user = User.objects.create_user("nurse")
    user.user_permissions.set(Permission.objects.all())
    _, secret = tokens.make(user, "x", scopes, None)
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})

    answer = post(client, natale, "publish", digest="x")

    if lacking is None:
        assert answer.status_code == 409
    else:
        assert answer.json()["code"] == "scope"
        assert f"lacks the scope {lacking}." in answer.json()["detail"]
