"""Releases through the API: reviewed, published, planned, made live again."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from buddies.models import PlannedRelease, Release, Tree
from buddies.publishing import draft, releases
from buddies.tree import edits
from tests.api import client_of, reasons
from tests.buddies.conftest import channel, named, outline

pytestmark = pytest.mark.django_db

RELEASES, PLANS = "/api/releases/", "/api/plans/"
TREE, HOLD, REVIEW = "/api/tree/", "/api/tree/hold/", "/api/tree/review/"


@pytest.fixture
def api() -> APIClient:
    return client_of("view_buddy", "view_release", "publish_release", name="piero")


@pytest.fixture
def held(api) -> str:
    """Hold a tree with one change; return the digest of its review."""
    channel("romeo")
    releases.sync()
    assert api.put(HOLD).status_code == 200
    edits.change([named("romeo")], "anna", status="banished")
    digest: str = api.get(REVIEW).json()["digest"]
    return digest


def publish(api, digest, **fields):
    return api.post(RELEASES, {"digest": digest, **fields}, format="json")


def test_the_state_of_the_tree_is_returned(api):
    channel("romeo")
    release = releases.sync()

    state = api.get(TREE).json()

    row = Tree.objects.get()
    assert state["version"] == state["builtVersion"] == row.version
    assert state["liveRelease"] == release.number
    assert (state["heldSince"], state["heldBy"], state["refused"]) == (None, "", "")
    assert 0 < state["size"] < state["limit"]


def test_the_tree_exists_before_the_first_edit(api):
    assert api.get(TREE).json()["liveRelease"] is None
    assert api.get(REVIEW).json()["changes"] == []


def test_a_hold_keeps_edits_back_until_it_ends(api, held):
    state = api.get(TREE).json()
    assert (state["heldBy"], state["heldSince"] is None) == ("piero", False)
    assert releases.sync() is None

    assert api.delete(HOLD).json()["heldSince"] is None
    assert "banished" in releases.sync().body


def test_a_review_says_what_publishing_would_change(api, held):
    review = api.get(REVIEW).json()

    (change,) = review["changes"]
    assert (change["kind"], change["name"]) == ("edited", "romeo")
    assert "banished" in change["words"]
    assert review["errors"] == []
    assert review["warnings"] == ["No picture: “romeo”."]


def test_the_reviewed_draft_is_published(api, held):
    answer = publish(api, held, note="Out of Verona")

    live = Release.objects.first()
    assert answer.status_code == 201
    assert answer.json()["number"] == live.number
    assert (live.author, live.note, live.automatic) == ("piero", "Out of Verona", False)
    assert "banished" in live.body


def test_changes_after_the_review_are_not_published(api, held):
    edits.change([named("romeo")], "anna", status="dead")

    refused = publish(api, held)

    assert refused.status_code == 409
    assert "Review the changes again" in refused.json()["detail"]
    assert "banished" not in Release.objects.first().body


def planned_by(name: str, at: datetime) -> str:
    when = f"{at.day} {at:%b %Y, %H:%M}"
    return f"{name} planned a version for {when} (UTC). Cancel that plan first."


def test_a_plan_that_asks_says_what_it_would_undo(api, held):
    later = timezone.now() + timedelta(days=1)
    publish(api, held, publishAt=later.isoformat())
    PlannedRelease.objects.update(conflicts=["Liam"])

    (plan,) = api.get(PLANS).json()["results"]

    assert plan["conflicts"] == ["Liam"]


def test_a_release_is_planned_and_cancelled(api, held):
    later = timezone.now() + timedelta(days=1)

    planned = publish(api, held, publishAt=later.isoformat())

    assert planned.status_code == 202
    (plan,) = api.get(PLANS).json()["results"]
    assert plan == planned.json()
    assert api.get(f"{PLANS}{plan['id']}/").json() == plan
    assert plan["conflicts"] == []
    edits.change([named("romeo")], "anna", status="dead")
    assert api.get(REVIEW).json()["errors"] == [planned_by("piero", later)]
    digest = api.get(REVIEW).json()["digest"]
    for refused in (
        publish(api, digest, publishAt=(later + timedelta(days=1)).isoformat()),
        publish(api, digest),
        api.post(f"{RELEASES}{Release.objects.get().number}/publish/"),
        api.delete(HOLD),
    ):
        assert refused.status_code == 409
        assert refused.json()["detail"] == planned_by("piero", later)
    assert api.delete(f"{PLANS}{plan['id']}/").status_code == 204
    assert not PlannedRelease.objects.exists()


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ({}, "digest"),
        ({"digest": "x" * 65}, "digest"),
        ({"digest": "x", "publishAt": "tomorrow"}, "publishAt"),
        ({"digest": "x", "publishAt": "9999-01-01T00:00:00Z"}, "publishAt"),
        ({"digest": "x", "publishAt": "2100-01-01T00:00:00Z"}, "publishAt"),
        ({"digest": "x", "note": "x" * 1001}, "note"),
    ],
)
def test_an_invalid_publication_is_refused(api, sent, name):
    answer = api.post(RELEASES, sent, format="json")
    assert list(reasons(answer)) == [name]


@pytest.fixture
def two() -> tuple[Release, Release]:
    channel("romeo")
    first = releases.sync()
    channel("juliet")
    second = releases.sync()
    assert first
    assert second
    return first, second


def test_releases_are_listed_newest_first_and_read(api, two):
    first, second = two

    page = api.get(RELEASES).json()["results"]

    assert [one["number"] for one in page] == [second.number, first.number]
    assert "body" not in page[0]
    one = api.get(f"{RELEASES}{first.number}/").json()
    assert one == page[1]
    body = api.get(f"{RELEASES}{first.number}/document/")
    assert body.content.decode() == first.body
    assert api.get(f"{RELEASES}?author=juliet").json()["results"] == page
    assert api.get(f"{RELEASES}?automatic=false").json()["results"] == []


def test_releases_are_compared(api, two):
    first, second = two

    before = api.get(f"{RELEASES}{second.number}/diff/").json()
    back = api.get(f"{RELEASES}{first.number}/diff/?with={second.number}").json()
    begun = api.get(f"{RELEASES}{first.number}/diff/").json()

    assert (before["old"], before["new"]) == (first.number, second.number)
    assert [c["kind"] for c in before["changes"]] == ["added"]
    assert [c["kind"] for c in back["changes"]] == ["removed"]
    assert begun["old"] is None


@pytest.mark.parametrize(("other", "status"), [("x", 400), ("0", 400), ("999", 404)])
def test_a_comparison_with_an_unknown_release_is_refused(api, two, other, status):
    answer = api.get(f"{RELEASES}{two[0].number}/diff/?with={other}")
    assert answer.status_code == status


def test_an_older_release_is_made_live_again(api, two):
    first, second = two

    again = api.post(f"{RELEASES}{first.number}/publish/")

    assert again.status_code == 201
    assert again.json()["number"] > second.number
    assert Release.objects.first().body == first.body
    assert api.get(TREE).json()["heldBy"] == "piero"
    assert api.post(f"{RELEASES}{first.number}/publish/").status_code == 409


def test_the_tree_is_restored_from_a_release(api, two):
    first, _ = two
    edits.remove([named("romeo")], "anna")

    assert api.post(f"{RELEASES}{first.number}/restore/").status_code == 204

    assert sorted(outline()) == ["juliet", "romeo"]
    assert draft.current_draft().body == first.body


@pytest.mark.parametrize(
    ("permissions", "read", "written"),
    [([], 403, 403), (["view_release"], 200, 403), (["publish_release"], 403, 409)],
)
def test_each_permission_allows_only_its_requests(two, permissions, read, written):
    client, second = client_of(*permissions, name="piero"), two[1]
    number = f"{RELEASES}{second.number}/"

    reads = [RELEASES, number, f"{number}document/", f"{number}diff/", REVIEW, PLANS]
    assert {client.get(path).status_code for path in reads} == {read}
    assert client.post(f"{number}publish/").status_code == written
    if written == 403:
        writes = [client.put(HOLD), client.delete(HOLD), publish(client, "x")]
        writes.append(client.post(f"{number}restore/"))
        assert {answer.status_code for answer in writes} == {403}
