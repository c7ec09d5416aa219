"""Releases through the API: read, compared, made live again, made a campaign."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from rest_framework.test import APIClient

from buddies.campaigns.view import view_of
from buddies.models import Buddy, Campaign, Release, Tree
from buddies.publishing import releases
from buddies.publishing.draft import draft_of
from buddies.tree import edits
from tests.api import client_of
from tests.buddies.conftest import channel, named, outline

pytestmark = pytest.mark.django_db

RELEASES, TREE = "/api/releases/", "/api/tree/"


@pytest.fixture
def api() -> APIClient:
    return client_of(
        "view_buddy", "view_release", "publish_release", "edit_campaign", name="piero"
    )


def test_the_state_of_the_tree_is_returned(api):
    channel("romeo")
    release = releases.sync()

    state = api.get(TREE).json()

    row = Tree.objects.get()
    assert state["version"] == state["builtVersion"] == row.version
    assert state["liveRelease"] == release.number
    assert state["refused"] == ""
    assert 0 < state["size"] < state["limit"]


def test_the_tree_exists_before_the_first_edit(api):
    assert api.get(TREE).json()["liveRelease"] is None


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


def test_a_release_gets_a_name_and_a_pin(api, two):
    path = f"{RELEASES}{two[0].number}/"
    before = api.get(path)

    sent = {"name": "Christmas", "pinned": True, "note": "no", "author": "romeo"}
    answer = api.patch(path, sent, "json", headers={"If-Match": before["ETag"]})

    wanted = {**before.json(), "name": "Christmas", "pinned": True}
    assert answer.json() == wanted
    assert api.get(path).json() == wanted
    blank, old = {"name": ""}, {"If-Match": before["ETag"]}
    assert api.patch(path, blank, "json", headers=old).status_code == 412
    assert api.patch(path, {"name": "x" * 500}, "json").status_code == 400
    assert client_of("view_release").patch(path, blank, "json").status_code == 403
    assert client_of("publish_release", name="x").get(path).status_code == 403
    assert api.get(path).json() == wanted


@pytest.mark.django_db(transaction=True)
def test_of_two_names_for_what_both_have_read_one_is_refused(two):
    path = f"{RELEASES}{two[0].number}/"
    romeo, juliet = (
        client_of("view_release", "publish_release", name=name)
        for name in ("romeo", "juliet")
    )

    def send(client, name, seen):
        try:
            sent = {"name": name}
            return client.patch(path, sent, "json", headers={"If-Match": seen})
        finally:
            connections.close_all()

    for number in range(10):
        seen = romeo.get(path)["ETag"]
        with ThreadPoolExecutor(2) as people:
            one = people.submit(send, romeo, f"by romeo {number}", seen)
            other = people.submit(send, juliet, f"by juliet {number}", seen)
        answers = [one.result(), other.result()]
        assert sorted(answer.status_code for answer in answers) == [200, 412]


@pytest.mark.parametrize("query", ["pinned=true", "search=Christm"])
def test_named_and_pinned_releases_are_found(api, two, query):
    sent = {"name": "Christmas", "pinned": True}
    api.patch(f"{RELEASES}{two[0].number}/", sent, "json")

    found = api.get(f"{RELEASES}?{query}").json()["results"]

    assert [one["number"] for one in found] == [two[0].number]


@pytest.mark.parametrize(("other", "status"), [("x", 400), ("0", 400), ("999", 404)])
def test_a_comparison_with_an_unknown_release_is_refused(api, two, other, status):
    answer = api.get(f"{RELEASES}{two[0].number}/diff/?with={other}")
    assert answer.status_code == status


def test_an_older_release_is_made_live_again(api, two):
    first, second = two

    again = api.post(f"{RELEASES}{first.number}/publish/")

    assert again.status_code == 201
    assert again.json()["number"] > second.number
    newest = Release.objects.first()
    assert newest.body == first.body
    assert (newest.author, newest.automatic) == ("piero", False)
    # The tree went back with it, so that the next edit does not undo it.
    assert not named("juliet").is_published
    assert releases.sync() is None
    assert api.post(f"{RELEASES}{first.number}/publish/").status_code == 409


def test_a_release_that_was_read_is_made_live_only_as_it_was_read(api, two):
    path = f"{RELEASES}{two[0].number}/"
    stale = api.get(path).headers["ETag"]
    Release.objects.filter(pk=two[0].pk).update(note="Act 1")

    for action in ("publish", "restore"):
        refused = api.post(f"{path}{action}/", headers={"If-Match": stale})
        assert (refused.status_code, refused.json()["code"]) == (412, "stale")

    assert Release.objects.count() == 2
    assert not Campaign.objects.exists()


def test_a_release_is_restored_as_a_campaign(api, two):
    first, second = two
    edits.remove([named("romeo")], "anna")

    made = api.post(f"{RELEASES}{first.number}/restore/")

    assert made.status_code == 201
    campaign = Campaign.objects.get()
    assert made.json()["id"] == campaign.pk
    assert (made.json()["state"], made.json()["createdBy"]) == ("open", "piero")
    # Nothing is live before the campaign is.
    assert outline() == ["juliet"]
    view = view_of(campaign)
    body = draft_of(view.buddies, campaign.version, second.created_at).body
    assert body == first.body


@pytest.mark.parametrize("action", ["publish", "restore"])
def test_a_release_that_would_be_refused_today_stays_where_it_is(api, two, action):
    first = two[0]
    body = first.body.replace('"name":"romeo"', '"name":""')
    assert body != first.body
    Release.objects.filter(pk=first.pk).update(body=body)

    refused = api.post(f"{RELEASES}{first.number}/{action}/")

    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert refused.json()["detail"]
    assert Buddy.objects.count() == 2
    assert not Campaign.objects.exists()


@pytest.mark.parametrize(
    ("permissions", "read", "published", "restored"),
    [
        ([], 403, 403, 403),
        (["view_release"], 200, 403, 403),
        (["publish_release"], 403, 409, 403),
        (["edit_campaign"], 403, 403, 201),
    ],
)
def test_each_permission_allows_only_its_requests(
    two, permissions, read, published, restored
):
    client, second = client_of(*permissions, name="piero"), two[1]
    number = f"{RELEASES}{second.number}/"

    reads = [RELEASES, number, f"{number}document/", f"{number}diff/"]
    assert {client.get(path).status_code for path in reads} == {read}
    assert client.post(f"{number}publish/").status_code == published
    assert client.post(f"{number}restore/").status_code == restored


@pytest.mark.parametrize(
    "path", ["/api/tree/hold/", "/api/tree/review/", "/api/plans/"]
)
def test_what_campaigns_replace_is_gone(api, path):
    assert api.get(path).status_code == 404


def test_only_campaigns_and_older_releases_are_published(api):
    assert api.post(RELEASES, {"digest": "x"}, format="json").status_code == 405
