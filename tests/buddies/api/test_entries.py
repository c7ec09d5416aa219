"""Entries over the API."""

import uuid

import pytest

from buddies.models import Buddy, HistoricalBuddy, Tree
from buddies.tree.positions import GAP
from tests.api import reasons
from tests.buddies.api.entries_client import BUDDIES, ROMEO, url
from tests.buddies.conftest import channel, group, outline

pytestmark = pytest.mark.django_db
BELL = "Contains the control character U+0007, which XMPP can't transmit."


def test_an_entry_is_created_read_changed_and_deleted(api):
    verona = group("verona")

    made = api.post(BUDDIES, {**ROMEO, "parent": verona.pk}, format="json")
    path = f"{BUDDIES}{made.json()['id']}/"
    read = api.get(path)
    renamed = api.patch(path, {"info": {"name": "Montague"}}, format="json")
    put = api.put(path, ROMEO, format="json")
    deleted = api.delete(path)

    assert made.status_code == 201
    assert read.json() == made.json()
    expected = {
        **ROMEO,
        "visibleFrom": None,
        "visibleUntil": None,
        "parent": verona.pk,
        "position": GAP,
        "id": made.json()["id"],
        "key": made.json()["key"],
        "version": 3,
    }
    assert made.json() == expected
    info = {**ROMEO["info"], "name": "Montague"}
    assert renamed.json() == {**expected, "info": info, "version": 4}
    assert put.json() == {**expected, "version": 5}
    assert deleted.status_code == 204
    assert api.get(path).status_code == 404
    assert outline() == ["verona"]


def test_omitted_fields_are_empty_and_the_entry_is_hidden(api):
    made = api.post(BUDDIES, {"info": {"name": "Romeo"}}, format="json").json()

    assert uuid.UUID(made.pop("address"))
    assert uuid.UUID(made.pop("key")) == Buddy.objects.get().key
    assert made == {
        "id": Buddy.objects.get().pk,
        "version": 2,
        "visibleFrom": None,
        "visibleUntil": None,
        "parent": None,
        "position": GAP,
        "serverAddress": "",
        "type": "channel",
        "mobileIsPublished": False,
        "webIsPublished": False,
        "info": {
            "name": "Romeo",
            "status": "",
            "imageUrl": "",
            "thumbUrl": "",
            "defaultMessage": "",
        },
    }


def test_clients_cannot_set_the_position(api):
    channel("mario")

    made = api.post(BUDDIES, {**ROMEO, "position": 0}, format="json").json()
    changed = api.patch(f"{BUDDIES}{made['id']}/", {"position": 0}, format="json")

    assert made["position"] == changed.json()["position"] == 2 * GAP


def test_a_new_parent_moves_the_entry_to_the_end(api):
    house, romeo = group("house"), channel("romeo")
    channel("juliet", house)

    api.patch(url(romeo), {"parent": house.pk}, format="json")
    assert outline() == ["house", "  juliet", "  romeo"]

    api.patch(url(romeo), {"parent": None}, format="json")
    assert outline() == ["house", "  juliet", "romeo"]


def test_a_group_is_deleted_with_its_descendants(api):
    house = group("house")
    channel("romeo", house)

    assert api.delete(url(house)).status_code == 204
    assert outline() == []


def test_entries_are_paginated(api):
    for number in range(3):
        channel(f"{number}")

    page = api.get(BUDDIES).json()

    assert [entry["info"]["name"] for entry in page["results"]] == ["0", "1", "2"]
    first = api.get(BUDDIES, {"pageSize": 2}).json()
    rest = api.get(first["next"]).json()
    names = [[e["info"]["name"] for e in page["results"]] for page in (first, rest)]
    assert names == [["0", "1"], ["2"]]
    assert rest["next"] is None


def test_entries_are_searched_by_name_and_status(api):
    for name, status in (("romeo", "banished"), ("juliet", "fair")):
        channel(name, status=status)

    for word in ("rome", "banish"):
        page = api.get(BUDDIES, {"search": word}).json()
        assert [entry["address"] for entry in page["results"]] == ["romeo"]


def test_each_write_is_an_edit_by_the_user(api):
    made = api.post(BUDDIES, ROMEO, format="json").json()
    edits = [Tree.objects.get().editors]
    info = {"info": {"name": "Montague"}}
    api.patch(f"{BUDDIES}{made['id']}/", info, format="json")
    edits.append(Tree.objects.get().editors)
    api.delete(f"{BUDDIES}{made['id']}/")
    edits.append(Tree.objects.get().editors)

    assert [list(one) for one in edits] == [["juliet"]] * 3
    assert edits[0]["juliet"] < edits[1]["juliet"] < edits[2]["juliet"]


def test_a_write_without_a_change_is_not_an_edit(api):
    made = api.post(BUDDIES, ROMEO, format="json").json()
    before = Tree.objects.values().get()

    for method in (api.put, api.patch):
        again = method(f"{BUDDIES}{made['id']}/", ROMEO, format="json")
        assert (again.status_code, again.json()) == (200, made)
    api.patch(f"{BUDDIES}{made['id']}/", {}, format="json")

    assert Tree.objects.values().get() == before


def test_each_write_is_in_the_history_of_the_entry(api):
    made = api.post(BUDDIES, ROMEO, format="json").json()
    api.patch(f"{BUDDIES}{made['id']}/", {"webIsPublished": True}, format="json")
    api.delete(f"{BUDDIES}{made['id']}/")

    records = HistoricalBuddy.objects.filter(id=made["id"]).order_by("history_id")

    assert [record.history_type for record in records] == ["+", "~", "-"]
    assert {record.history_user_id for record in records} == {"juliet"}


@pytest.mark.parametrize(
    ("change", "errors"),
    [
        ({"info": {}}, {"info.name": ["This field is required."]}),
        ({"info": None}, {"info": ["This field may not be null."]}),
        ({"info": {"name": ""}}, {"info.name": ["This field cannot be blank."]}),
        ({"type": "bot"}, {"type": ['"bot" is not a valid choice.']}),
        ({"address": "mario"}, {"address": ["This address is already taken."]}),
        (
            {"mobileIsPublished": "perhaps"},
            {"mobileIsPublished": ["Must be a valid boolean."]},
        ),
        (
            {"serverAddress": "x" * 256},
            {
                "serverAddress": [
                    "Ensure this value has at most 255 characters (it has 256)."
                ]
            },
        ),
        ({"serverAddress": "bell\x07"}, {"serverAddress": [BELL]}),
        (
            {"info": {**ROMEO["info"], "imageUrl": "\x07", "defaultMessage": "\x07"}},
            {"info.imageUrl": [BELL], "info.defaultMessage": [BELL]},
        ),
    ],
)
@pytest.mark.parametrize("method", ["post", "put"])
def test_an_error_has_the_field_name_of_the_request(api, method, change, errors):
    channel("mario")
    romeo = channel("romeo", address="montague")
    path = BUDDIES if method == "post" else url(romeo)

    answer = getattr(api, method)(path, {**ROMEO, **change}, format="json")

    assert reasons(answer) == errors
    assert outline() == ["mario", "romeo"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"type": "group"}, "A group can't have a server address."),
        (
            {"type": "group", "serverAddress": ""},
            "A group can't have a default message.",
        ),
    ],
)
def test_a_group_refuses_channel_fields(api, change, reason):
    answer = api.post(BUDDIES, {**ROMEO, **change}, format="json")

    assert answer.status_code == 400
    assert reason in str(answer.json())


def test_an_invalid_place_is_refused(api):
    verona, mario = group("verona"), channel("mario")
    house = group("house", verona)

    for change, errors in (
        ({"parent": house.pk}, {"parent": ["You can't move a group into itself."]}),
        (
            {"parent": mario.pk},
            {"parent": ["Only a group can contain channels and groups."]},
        ),
        (
            {"type": "channel"},
            {
                "type": [
                    "This group is not empty, so it can't become a channel: move "
                    "its contents first."
                ]
            },
        ),
        ({"parent": 0}, {"parent": ['Invalid pk "0" - object does not exist.']}),
    ):
        answer = api.patch(url(verona), change, format="json")
        assert reasons(answer) == errors
    assert outline() == ["verona", "  house", "mario"]


def test_invalid_json_is_refused(api):
    answer = api.post(BUDDIES, "{", content_type="application/json")
    assert answer.status_code == 400
