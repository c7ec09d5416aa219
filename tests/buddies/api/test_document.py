"""The document over the API."""

import pytest
from django.contrib.auth.models import User
from rest_framework.test import APIClient

from buddies.publishing import releases
from tests.api import client_of, reasons
from tests.buddies.api.entries_client import BUDDIES, DOCUMENT, url
from tests.buddies.conftest import channel

pytestmark = pytest.mark.django_db


def test_the_document_is_the_live_release_byte_for_byte(api):
    channel("perché 🎭", default_message="a\\n\nb")
    release = releases.sync()
    channel("not live yet")

    answer = api.get(DOCUMENT)

    assert answer.content.decode() == release.body
    assert answer.headers["Content-Type"] == "application/json"


def test_before_the_first_release_the_document_is_empty(api):
    answer = api.get(DOCUMENT)
    assert answer.json() == {"items": []}


def test_a_current_etag_gets_no_body(api):
    channel("romeo")
    seen = [api.get(DOCUMENT).headers["ETag"]]
    releases.sync()
    seen.append(api.get(DOCUMENT).headers["ETag"])

    fresh = api.get(DOCUMENT, headers={"If-None-Match": seen[0]})
    known = api.get(DOCUMENT, headers={"If-None-Match": f'"other", {seen[1]}'})

    assert fresh.status_code == 200
    assert (known.status_code, known.content) == (304, b"")
    assert known.headers["ETag"] == seen[1] != seen[0]


def test_the_empty_document_has_an_etag_too(api):
    tag = api.get(DOCUMENT).headers["ETag"]
    assert api.get(DOCUMENT, headers={"If-None-Match": tag}).status_code == 304


def test_a_public_document_opens_nothing_else(settings):
    private = APIClient().get(DOCUMENT)
    settings.DOCUMENT_PUBLIC = True
    public = APIClient().get(DOCUMENT)

    assert (private.status_code, public.status_code) == (401, 200)
    assert public.headers["Cache-Control"] == "public, no-cache"
    assert APIClient().get(BUDDIES).status_code == 401


def test_a_private_document_is_not_kept_by_shared_caches(api):
    assert api.get(DOCUMENT).headers["Cache-Control"] == "private, no-cache"


def test_any_user_may_read_the_document():
    client = APIClient()
    client.force_authenticate(User.objects.create_user("mario"))
    assert client.get(DOCUMENT).status_code == 200


@pytest.mark.parametrize("header", ["W/{tag}", "*"])
def test_a_weak_or_wildcard_etag_matches(client, settings, header):
    settings.DOCUMENT_PUBLIC = True
    tag = client.get(DOCUMENT).headers["ETag"]

    sent = {"If-None-Match": header.format(tag=tag)}

    assert client.get(DOCUMENT, headers=sent).status_code == 304


@pytest.fixture
def admin(admin_user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(admin_user)
    return client


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"parent": 1e999, "info": {"name": "x"}}',
        '{"parent": 1' + "0" * 30 + ', "info": {"name": "x"}}',
        '{"type": "\\ud800", "info": {"name": "x"}}',
        '{"info": {"name": "\\ud800"}}',
    ],
    ids=["deep", "infinite", "huge", "surrogate in type", "surrogate in name"],
)
def test_odd_json_is_a_bad_request(admin, body):
    answer = admin.post(BUDDIES, body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()


def test_a_search_of_thousands_of_words_is_answered(admin):
    for path in (BUDDIES, "/api/accounts/"):
        assert admin.get(path, {"search": "x " * 3_000}).status_code == 200


def test_the_root_lists_the_endpoints(admin):
    found = admin.get("/api/").json()
    assert {"document", "tree", "buddies", "accounts", "commands"} <= found.keys()
    assert {admin.get(address).status_code for address in found.values()} == {200}


@pytest.mark.parametrize(
    ("field", "wire"), [("address", "address"), ("server_address", "serverAddress")]
)
def test_a_known_address_needs_the_permission_to_change(field, wire):
    romeo = channel("romeo", server_address="bots")
    releases.sync()
    client = client_of("change_buddy", "edit_live", name="tybalt")

    refused = client.patch(url(romeo), {wire: "elsewhere"}, format="json")
    same = client.patch(url(romeo), {wire: getattr(romeo, field)}, format="json")

    assert refused.status_code == 400
    known = ["Apps already use this address, so it can't be changed."]
    assert reasons(refused) == {wire: known}
    assert same.status_code == 200
    romeo.refresh_from_db()
    assert (romeo.address, romeo.server_address) == ("romeo", "bots")
