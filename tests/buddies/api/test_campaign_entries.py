"""Entries of a campaign over the API: the same resource, of another tree."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient

from buddies.campaigns.view import view_of
from buddies.models import Buddy, Campaign
from buddies.publishing import releases
from buddies.tree import edits
from tests.api import client_of, reasons
from tests.buddies.api.campaigns_client import EDIT, change, make
from tests.buddies.api.entries_client import BUDDIES, ROMEO
from tests.buddies.campaigns.conftest import outline_of
from tests.buddies.conftest import channel, group, outline
from xmppservice.api import tokens

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> APIClient:
    return client_of(*EDIT, "edit_campaign", name="nurse")


@pytest.fixture
def verona() -> Buddy:
    """verona (romeo, juliet), then mario."""
    verona = group("verona")
    channel("romeo", verona, status="banished")
    channel("juliet", verona, mobile_is_published=True)
    channel("mario")
    return verona


@pytest.fixture
def natale(verona) -> Campaign:
    return make("Natale")


def path_of(campaign: Campaign, entry: Any = None, action: str = "") -> str:
    below = "" if entry is None else f"{getattr(entry, 'pk', entry)}/"
    return f"{BUDDIES}{below}{action and f'{action}/'}?campaign={campaign.pk}"


def drawn(campaign: Campaign) -> list[str]:
    return outline_of(view_of(Campaign.objects.get(pk=campaign.pk)).buddies)


LIVE = ["verona", "  romeo", "  juliet", "mario"]


def test_an_entry_is_created_read_changed_and_deleted(api, natale, verona):
    sent = {**ROMEO, "address": "santa", "parent": verona.pk}
    made = api.post(path_of(natale), sent, format="json")
    number = made.json()["id"]
    path = path_of(natale, number)
    read = api.get(path)
    renamed = api.patch(path, {"info": {"name": "Santa"}}, format="json")
    put = api.put(path, {**sent, "parent": None}, format="json")

    assert made.status_code == 201
    assert number < 0
    assert made.json() == {**made.json(), **sent, "visibleFrom": None}
    assert read.json() == made.json()
    assert renamed.json()["info"]["name"] == "Santa"
    assert drawn(natale) == [*LIVE, "Romeo"]
    assert put.json()["parent"] is None
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert drawn(natale) == outline() == LIVE


def test_what_is_live_stays_as_it_is(api, natale, verona):
    romeo = Buddy.objects.get(name="romeo")
    before = api.get(f"{BUDDIES}{romeo.pk}/").json()

    api.patch(path_of(natale, romeo), {"webIsPublished": False}, format="json")
    api.post(path_of(natale, verona, "duplicate"))
    api.post(path_of(natale, romeo, "hide"))
    api.delete(path_of(natale, Buddy.objects.get(name="juliet")))

    assert api.get(f"{BUDDIES}{romeo.pk}/").json() == before
    assert outline() == LIVE
    # Its key says which entry it is, live and in the campaign.
    assert api.get(path_of(natale, romeo)).json()["key"] == before["key"]


def test_an_entry_is_moved_copied_and_hidden(api, natale, verona):
    mario = Buddy.objects.get(name="mario")
    sent = {"type": "group", "info": {"name": "Pole"}, "webIsPublished": True}
    new = api.post(path_of(natale), sent, format="json").json()

    into = {"target": new["id"], "where": "first"}
    moved = api.post(path_of(natale, mario, "move"), into, format="json")
    copy = api.post(path_of(natale, new["id"], "duplicate"))
    hidden = api.post(path_of(natale, new["id"], "hide"))

    assert moved.json()["parent"] == new["id"]
    assert copy.status_code == 201
    assert copy.json()["id"] not in (new["id"], mario.pk)
    assert hidden.json()["mobileIsPublished"] is False
    assert drawn(natale) == [*LIVE[:3], *["Pole", "  mario"] * 2]
    # Where it is live, there is no such group.
    elsewhere = api.post(f"{BUDDIES}{mario.pk}/move/", into, format="json")
    assert elsewhere.status_code == 403
    child = api.get(f"{BUDDIES}?campaign={natale.pk}&parent={new['id']}").json()
    assert [one["id"] for one in child["results"]] == [mario.pk]


QUERIES = [
    "",
    "type=group",
    "type=channel&webIsPublished=true",
    "top=true",
    "top=false",
    "parent={verona}",
    "parent=0",
    "address=juliet",
    "mobileIsPublished=true",
    "mobileIsPublished=false&search=o",
    "search=BANISH",
    "search=rom banish",
    "search=rom fair",
    "pageSize=1",
    "pageSize=3&type=channel",
    "parent=x",
    "top=perhaps",
    "address=",
]


@pytest.mark.parametrize("query", QUERIES)
def test_filters_searches_and_pages_are_those_of_what_is_live(
    api, natale, verona, query
):
    query = query.format(verona=verona.pk)
    live = api.get(f"{BUDDIES}?{query}")
    own = api.get(f"{BUDDIES}?campaign={natale.pk}&{query}")

    assert own.status_code == live.status_code
    while live.status_code == 200:
        assert own.json()["results"] == live.json()["results"]
        assert (own.json()["next"] is None) == (live.json()["next"] is None)
        if live.json()["next"] is None:
            break
        live, own = (api.get(one.json()["next"]) for one in (live, own))
        back = api.get(own.json()["previous"]).json()
        assert back["results"] == api.get(live.json()["previous"]).json()["results"]


def test_pages_go_through_new_entries_and_back(api, natale):
    for name in ("a", "b", "c"):
        api.post(path_of(natale), {"info": {"name": name}}, format="json")

    page = api.get(f"{path_of(natale)}&pageSize=2").json()
    pages = [page["results"]]
    while page["next"]:
        page = api.get(page["next"]).json()
        pages.append(page["results"])
    names = [one["info"]["name"] for rows in pages for one in rows]
    assert sorted(names) == sorted(
        ["a", "b", "c", "verona", "romeo", "juliet", "mario"]
    )
    ids = [one["id"] for rows in pages for one in rows]
    assert ids == sorted(ids)
    while page["previous"]:
        page = api.get(page["previous"]).json()
        assert page["results"] in pages
    assert page["results"] == pages[0]


@pytest.mark.parametrize("number", ["0", "x", "", "-1", "9" * 30])
def test_a_wrong_number_of_a_campaign_is_named(api, number):
    for path in (BUDDIES, f"{BUDDIES}1/"):
        answer = api.get(f"{path}?campaign={number}")
        assert list(reasons(answer)) == ["campaign"]


@pytest.mark.parametrize("state", ["discarded", None])
def test_a_campaign_that_is_over_or_unknown_is_not_found(api, natale, state):
    Campaign.objects.update(state=state or "open")
    number = natale.pk + (state is None)
    romeo = Buddy.objects.get(name="romeo")
    for answer in (
        api.get(f"{BUDDIES}?campaign={number}"),
        api.get(f"{BUDDIES}{romeo.pk}/?campaign={number}"),
        api.post(f"{BUDDIES}?campaign={number}", ROMEO, format="json"),
        api.delete(f"{BUDDIES}{romeo.pk}/?campaign={number}"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert "campaign" in answer.json()["detail"]


def test_a_write_compares_the_etag_of_the_entry_in_the_campaign(api, natale):
    romeo = Buddy.objects.get(name="romeo")
    path = path_of(natale, romeo)
    stale = {"If-Match": api.get(path).headers["ETag"]}
    change(natale, romeo, name="Romeo")

    refused = api.patch(path, {"address": "x"}, format="json", headers=stale)
    seen = {"If-Match": api.get(path).headers["ETag"]}
    done = api.patch(path, {"address": "x"}, format="json", headers=seen)

    assert (refused.status_code, done.status_code) == (412, 200)


def test_faults_are_those_of_what_is_live(api, natale, verona):
    romeo = Buddy.objects.get(name="romeo")
    for sent, pointer in (
        ({"address": "mario"}, "address"),
        ({"parent": romeo.pk}, "parent"),
        ({"parent": 999}, "parent"),
        ({"parent": -999}, "parent"),
        ({"info": {"name": ""}}, "info.name"),
    ):
        answer = api.patch(
            path_of(natale, Buddy.objects.get(name="juliet")), sent, format="json"
        )
        assert list(reasons(answer)) == [pointer]
    missing = api.patch(path_of(natale, 999), {}, format="json")
    assert missing.status_code == api.get(path_of(natale, "x")).status_code == 404


def test_a_known_address_needs_the_permission_to_change(api, natale):
    romeo = Buddy.objects.get(name="romeo")
    edits.change([romeo], "mario", server_address="bots")
    releases.sync()

    for sent in ({"serverAddress": "x"}, {"address": "x"}):
        refused = api.patch(path_of(natale, romeo), sent, format="json")
        (reason,) = reasons(refused).values()
        assert reason == ["Apps already use this address, so it can't be changed."]


def test_a_repeated_write_is_done_once(api, natale):
    first, again = (
        api.post(
            path_of(natale), ROMEO, format="json", headers={"Idempotency-Key": "1"}
        )
        for _ in range(2)
    )
    assert first.json() == again.json()
    # The same key for what is live is another request.
    other = api.post(BUDDIES, ROMEO, format="json", headers={"Idempotency-Key": "1"})
    assert other.status_code in (403, 422)


# --- Access -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permission", "live", "own"),
    [(None, 403, 403), ("edit_live", 201, 403), ("edit_campaign", 403, 201)],
)
def test_each_tree_has_a_permission_of_its_own(natale, permission, live, own):
    client = client_of(*EDIT, *([permission] if permission else []), name="piero")

    assert client.get(BUDDIES).status_code == 200
    assert client.get(path_of(natale)).status_code == 200
    entry = {**ROMEO, "address": "other"}
    made = client.post(path_of(natale), entry, format="json")
    assert made.status_code == own
    assert client.post(BUDDIES, entry, format="json").status_code == live


@pytest.mark.parametrize(
    ("scopes", "live", "own"),
    [
        (["tree:read", "tree:write"], 204, "campaigns"),
        (["campaigns:read", "campaigns:write"], "tree", 204),
        (["releases:write"], "tree", "campaigns"),
    ],
)
def test_each_tree_has_a_scope_of_its_own(natale, scopes, live, own):
    user = User.objects.create_user("otto")
    user.user_permissions.set(Permission.objects.all())
    _, secret = tokens.make(user, "x", scopes, None)
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})
    romeo = Buddy.objects.get(name="romeo")

    # First in the campaign, where it is still live.
    for expected, path in (
        (own, path_of(natale, romeo)),
        (live, f"{BUDDIES}{romeo.pk}/"),
    ):
        read, deleted = client.get(path), client.delete(path)
        if isinstance(expected, int):
            assert (read.status_code, deleted.status_code) == (200, expected)
        else:
            assert f"the scope {expected}:read." in read.json()["detail"]
            assert f"the scope {expected}:write." in deleted.json()["detail"]
