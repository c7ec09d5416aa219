"""Campaigns over the API: made, described, looked at, decided and put away."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from rest_framework.test import APIClient

from buddies.campaigns.edits import CampaignEdits
from buddies.models import Buddy, Campaign
from buddies.publishing import releases
from buddies.tree import edits
from tests.api import client_of, reasons
from tests.buddies.api.campaigns_client import (
    CAMPAIGNS,
    EDIT,
    change,
    digest_of,
    make,
    path_of,
    post,
)
from tests.buddies.conftest import channel, group, named

pytestmark = pytest.mark.django_db


@pytest.fixture
def api() -> APIClient:
    return client_of(*EDIT, "edit_campaign", "approve_campaign", "publish_release")


@pytest.fixture
def romeo() -> Buddy:
    return channel("romeo")


@pytest.fixture
def natale(romeo) -> Campaign:
    """A campaign that gives Romeo a status."""
    campaign = make("Natale")
    change(campaign, romeo, status="banished")
    return campaign


def test_a_campaign_is_made_read_described_and_discarded(api):
    made = api.post(CAMPAIGNS, {"name": "Natale", "note": "the fair"}, format="json")
    path = f"{CAMPAIGNS}{made.json()['id']}/"
    changed = api.patch(path, {"name": "Saldi", "colour": 4}, format="json")
    read = api.get(path)
    discarded = api.delete(path)

    assert made.status_code == 201
    campaign = Campaign.objects.get()
    body = made.json()
    assert len(body["digest"]) == 64
    assert body["createdAt"]
    assert body == {
        **body,
        "id": campaign.pk,
        "name": "Natale",
        "colour": 1,
        "note": "the fair",
        "state": "open",
        "dueAt": None,
        "endsAt": None,
        "version": 0,
        "changes": 0,
        "conflicts": 0,
        "missingApprovals": 0,
        "blocked": "",
        "release": None,
        "createdBy": "nurse",
        "plannedBy": "",
    }
    assert changed.json() == {**made.json(), "name": "Saldi", "colour": 4}
    assert read.json() == changed.json()
    assert discarded.status_code == 204
    assert campaign.state == "discarded"
    assert api.get(path).json()["state"] == "discarded"


@pytest.mark.parametrize(
    ("sent", "pointer"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "natale"}, "name"),  # another one has it
        ({"name": "x", "colour": 9}, "colour"),
        ({"name": "x", "note": "x" * 1001}, "note"),
    ],
)
def test_an_invalid_campaign_is_refused(api, sent, pointer):
    make("Natale")
    answer = api.post(CAMPAIGNS, sent, format="json")
    assert list(reasons(answer)) == [pointer]
    assert Campaign.objects.count() == 1


def test_there_is_no_put(api, natale):
    answer = api.put(path_of(natale), {"name": "x"}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")


def test_campaigns_are_listed_by_their_state(api, natale):
    make("Saldi", state="discarded")

    page = api.get(CAMPAIGNS).json()["results"]
    open_ones = api.get(CAMPAIGNS, {"state": "open"}).json()["results"]

    assert [one["name"] for one in page] == ["Natale", "Saldi"]
    assert open_ones == page[:1]
    # What needs the whole tree is in the campaign itself only.
    assert {"digest", "changes", "conflicts"}.isdisjoint(page[0])
    assert api.get(CAMPAIGNS, {"state": "over"}).status_code == 400
    first = api.get(CAMPAIGNS, {"pageSize": 1}).json()
    assert api.get(first["next"]).json()["results"] == page[1:]


def test_a_campaign_says_what_it_waits_for(api, natale, romeo, settings):
    settings.CAMPAIGN_APPROVALS = 2
    edits.change([romeo], "mario", status="dead")

    found = api.get(path_of(natale)).json()

    assert (found["changes"], found["conflicts"]) == (1, 1)
    assert found["missingApprovals"] == 2


def test_one_that_is_over_can_not_be_changed(api, natale):
    api.delete(path_of(natale))

    answers = [
        api.patch(path_of(natale), {"name": "x"}, format="json"),
        api.delete(path_of(natale)),
        api.get(path_of(natale, "document")),
        *(
            api.post(path_of(natale, action))
            for action in ("unplan", "end", "opposite", "undo")
        ),
        post(api, natale, "publish", digest=digest_of(api, natale)),
        post(api, natale, "approvals", digest=digest_of(api, natale)),
    ]

    assert {answer.status_code for answer in answers} == {409}
    assert all(answer.json()["detail"] for answer in answers)


def test_each_write_compares_the_etag_of_the_campaign(api, natale, romeo):
    stale = {"If-Match": api.get(path_of(natale)).headers["ETag"]}
    change(natale, romeo, status="dead")
    digest = digest_of(api, natale)
    bodies = {
        "conflicts": {"kind": "order", "key": None, "detail": "", "choice": "own"},
        "approvals": {"digest": digest},
        "publish": {"digest": digest},
        **dict.fromkeys(("unplan", "end", "opposite", "again", "undo")),
    }

    answers = [
        api.patch(path_of(natale), {"name": "x"}, format="json", headers=stale),
        api.delete(path_of(natale), headers=stale),
        *(
            api.post(path_of(natale, action), body, format="json", headers=stale)
            for action, body in bodies.items()
        ),
    ]

    assert {answer.status_code for answer in answers} == {412}
    seen = {"If-Match": api.get(path_of(natale)).headers["ETag"]}
    renamed = api.patch(path_of(natale), {"name": "x"}, format="json", headers=seen)
    assert renamed.status_code == 200


# --- What it changes --------------------------------------------------------------


def test_its_document_is_that_which_publishing_makes_live(api, natale, romeo):
    channel("mario")
    edits.change([romeo], "mario", name="Romeo")

    answer = api.get(path_of(natale, "document"))
    made = post(api, natale, "publish", digest=digest_of(api, natale))

    assert answer.headers["Content-Type"] == "application/json"
    assert made.status_code == 201
    live = api.get("/api/document/")
    assert live.content == answer.content
    assert b"banished" in live.content


def test_its_document_is_read_as_at_a_moment(api, natale):
    tomorrow = timezone.now() + timedelta(days=1)
    channel("mario", visible_from=tomorrow)

    now = api.get(path_of(natale, "document"))
    later = api.get(path_of(natale, "document"), {"at": tomorrow.isoformat()})
    wrong = api.get(path_of(natale, "document"), {"at": "soon"})

    assert "mario" not in now.content.decode()
    assert "mario" in later.content.decode()
    assert list(reasons(wrong)) == ["at"]


def test_its_changes_are_listed_in_words_and_as_values(api, romeo):
    natale = make("Natale")
    house = group("house")
    desk = CampaignEdits(natale.pk)
    desk.add(Buddy(name="Santa", type="channel"), "anna")
    desk.change([romeo], "anna", parent=house, image_url="http://x")
    desk.change([romeo], "anna", visible_until=timezone.now())

    found = api.get(path_of(natale, "changes")).json()

    by_field = {one["field"]: one for one in found["changes"]}
    assert found["digest"] == digest_of(api, natale)
    assert by_field[""]["kind"] == "added"
    assert (by_field[""]["was"], by_field[""]["now"]) == ([], None)
    assert by_field["parent"] == {
        "kind": "moved",
        "key": str(romeo.key),
        "field": "parent",
        "name": "romeo",
        "words": "top level → “house”",
        "isLive": False,
        "was": [None],
        "now": str(house.key),
    }
    assert by_field["info.imageUrl"]["now"] == "http://x"
    assert by_field["schedule"]["was"] == [[None, None]]


# --- Decisions --------------------------------------------------------------------


def decide(api, natale, conflict, choice):
    sent = {name: conflict[name] for name in ("kind", "key", "detail")}
    return post(api, natale, "conflicts", **sent, choice=choice)


def test_a_conflict_is_listed_and_decided(api, romeo):
    natale = make("Natale")
    change(natale, romeo, image_url="http://natale")
    edits.change([romeo], "mario", image_url="http://mario")

    (conflict,) = api.get(path_of(natale, "conflicts")).json()["conflicts"]

    assert conflict["sentence"].startswith("“romeo”: mario changed “")
    assert {name: conflict[name] for name in conflict if name != "sentence"} == {
        "kind": "field",
        "key": str(romeo.key),
        "detail": "info.imageUrl",
        "name": "romeo",
        "own": "http://natale",
        "live": "http://mario",
        "choices": [
            {"name": "own", "label": "Use that of Natale"},
            {"name": "live", "label": "Keep what is live"},
            {"name": "edit", "label": "Write another"},
        ],
    }
    decided = decide(api, natale, conflict, "own")
    assert (decided.status_code, decided.json()) == (200, {"conflicts": []})
    again = decide(api, natale, conflict, "live")
    assert (again.status_code, again.json()["code"]) == (409, "conflict")


@pytest.mark.parametrize("choice", ["edit", "out"])
def test_what_is_not_offered_can_not_be_chosen(api, natale, romeo, choice):
    edits.change([romeo], "mario", status="dead")
    (conflict,) = api.get(path_of(natale, "conflicts")).json()["conflicts"]
    assert decide(api, natale, conflict, choice).status_code == 409


def test_a_decision_about_nothing_is_refused(api, natale):
    wrong = {"kind": "x", "key": "y" * 37, "detail": "z", "choice": ""}
    answer = post(api, natale, "conflicts", **wrong)
    assert set(reasons(answer)) == {"kind", "key", "choice"}
    assert set(reasons(post(api, natale, "conflicts"))) == {"kind", "key", "choice"}


def test_the_order_of_the_top_level_is_decided_with_null_as_its_key(api):
    first, second, third = (channel(name) for name in ("a", "b", "c"))
    natale = make("Natale")
    CampaignEdits(natale.pk).move([third], "anna", first, "before")
    edits.move([second], "mario", first, "before")

    (conflict,) = api.get(path_of(natale, "conflicts")).json()["conflicts"]

    assert (conflict["kind"], conflict["key"]) == ("order", None)
    assert decide(api, natale, conflict, "live").json() == {"conflicts": []}


# --- Again, and undone ------------------------------------------------------------


def test_a_campaign_is_made_again(api, natale):
    made = api.post(path_of(natale, "again"))

    assert made.status_code == 201
    assert (made.json()["name"], made.json()["changes"]) == ("Natale (2)", 1)
    assert made.json()["id"] != natale.pk


def test_the_newest_own_edit_is_undone(api, natale, romeo):
    change(natale, romeo, "nurse", name="Romeo")
    change(natale, romeo, "nurse", status="dead")

    undone = api.post(path_of(natale, "undo"))

    assert undone.status_code == 200
    (entry,) = (
        one for one in json.loads(api.get(path_of(natale, "document")).content)["items"]
    )
    assert entry["info"]["status"] == "banished"
    assert entry["info"]["name"] == "Romeo"


def test_without_an_own_edit_there_is_nothing_to_undo(api, natale):
    assert api.post(path_of(natale, "undo")).status_code == 409
    assert named("romeo").status == ""


# --- Access -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("permission", "codes"),
    [
        ("view_buddy", [200, 200, 200, 403, 403, 403, 403, 403, 403]),
        ("edit_campaign", [403, 403, 403, 201, 200, 201, 403, 403, 403]),
        ("approve_campaign", [403, 403, 403, 403, 403, 403, 403, 201, 403]),
        ("publish_release", [403, 403, 403, 403, 403, 403, 403, 403, 201]),
    ],
)
def test_each_permission_allows_only_its_requests(natale, api, permission, codes):
    client, digest = client_of(permission, name="piero"), digest_of(api, natale)
    answers = [
        client.get(CAMPAIGNS),
        client.get(path_of(natale)),
        client.get(path_of(natale, "approvals")),
        client.post(CAMPAIGNS, {"name": "Saldi"}, format="json"),
        client.patch(path_of(natale), {"note": "x"}, format="json"),
        client.post(path_of(natale, "again")),
        # Deciding adds, changes and deletes entries.
        client.post(path_of(natale, "conflicts")),
        post(client, natale, "approvals", digest=digest),
        post(client, natale, "publish", digest=digest),
    ]
    assert [answer.status_code for answer in answers] == codes


def test_what_is_published_is_released_once(api, natale):
    releases.sync()
    sent = {"digest": digest_of(api, natale)}
    key = {"Idempotency-Key": "1"}
    path = path_of(natale, "publish")

    first, repeated = (
        api.post(path, sent, format="json", headers=key) for _ in range(2)
    )

    assert first.json() == repeated.json()
    assert repeated.headers["Idempotency-Replayed"] == "true"


def test_what_others_edited_since_is_taken_back_by_a_campaign(api, natale, romeo):
    releases.sync()
    post(api, natale, "publish", digest=digest_of(api, natale))
    edits.change([romeo], "mario", status="alive")

    refused = api.post(path_of(natale, "end"))
    made, again = (api.post(path_of(natale, "opposite")) for _ in range(2))

    assert (refused.status_code, made.status_code) == (409, 201)
    assert made.json()["name"] == "Take back Natale"
    assert made.json()["conflicts"] == len(refused.json()["conflicts"]) == 1
    assert again.json()["id"] == made.json()["id"]


@pytest.mark.parametrize(
    ("given", "code"), [(("break_glass",), 201), ((), 403), (("superuser",), 403)]
)
def test_breaking_glass_needs_a_permission_of_its_own(
    natale, settings, caplog, given, code
):
    settings.CAMPAIGN_APPROVALS = 1
    api = client_of("view_buddy", "publish_release", *given, name="escalus")
    User.objects.update(is_superuser="superuser" in given)
    sent = {"digest": digest_of(api, natale), "breakGlass": True}

    answer = api.post(path_of(natale, "publish"), sent, format="json")

    assert answer.status_code == code
    assert ("campaign_break_glass: escalus" in caplog.text) == (code == 201)


def test_glass_is_broken_for_what_goes_live_at_once(natale):
    api = client_of("view_buddy", "publish_release", "break_glass", name="escalus")
    at = timezone.now() + timedelta(hours=1)
    digest = digest_of(api, natale)

    answer = post(api, natale, "publish", digest=digest, breakGlass=True, publishAt=at)

    assert list(reasons(answer)) == ["breakGlass"]
    assert Campaign.objects.get().state == "open"
