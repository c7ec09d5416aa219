"""What all endpoints of the API share: ETags, conditions, throttling, pagination."""

from base64 import b64encode
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from rest_framework.test import APIClient

from buddies.models import Buddy
from buddies.publishing import releases
from roster.models import Command
from tests.buddies.conftest import channel, group, outline
from xmppservice.api import tokens
from xmppservice.api.models import SCOPES
from xmppservice.api.permissions import Throttle

pytestmark = pytest.mark.django_db

BUDDIES = "/api/buddies/"
ACCOUNTS = "/api/accounts/"


@pytest.fixture
def admin(admin_user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(admin_user)
    return client


def url(buddy: Buddy) -> str:
    return f"{BUDDIES}{buddy.pk}/"


# --- ETags ----------------------------------------------------------------------


def test_an_unchanged_representation_is_a_304_without_a_body(admin):
    romeo = channel("romeo")
    for address in (url(romeo), BUDDIES, "/api/tree/", "/api/", "/api/releases/"):
        tag = admin.get(address).headers["ETag"]
        again = admin.get(address, headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == tag

    tag = admin.get(url(romeo)).headers["ETag"]
    changed = admin.patch(url(romeo), {"mobileIsPublished": True}, format="json")
    now = admin.get(url(romeo), headers={"If-None-Match": tag})
    assert now.status_code == 200
    assert now.headers["ETag"] == changed.headers["ETag"] != tag


# --- Caches ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        *("/api/", "/api/accounts/", "/api/commands/", "/api/buddies/", "/api/tree/"),
        *("/api/releases/", "/api/campaigns/", "/api/delivery/", "/api/schema/"),
        "/api/accounts/?jid=00393471111111@localhost",
        "/api/accounts/00393471111111/",  # 404
        "/api/accounts/by-number/+393471111111/",  # no such URL
        "/api/accounts/events/",  # 401, and 405
        "/api/accounts?q=+39347",
        "/api/commands/?owner=",  # 400
    ],
)
def test_answers_of_the_api_are_not_stored(address, admin, client):
    for api in (admin, client):
        for method in (api.get, api.options, api.post, api.delete):
            answer = method(address)
            assert answer.headers["Cache-Control"] == "no-store", answer


def test_the_document_alone_may_be_stored(admin, settings):
    assert admin.get("/api/document/").headers["Cache-Control"] == "private, no-cache"
    settings.DOCUMENT_PUBLIC, settings.DOCUMENT_MAX_AGE = True, 60
    kept = admin.get("/api/document/").headers["Cache-Control"]
    assert kept == "public, max-age=60"


def test_a_redirect_to_https_is_not_stored(client, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = client.get("/api/accounts/?jid=00393471111111@localhost")
    assert answer.status_code == 301
    assert answer.headers["Cache-Control"] == "no-store"


WRITES = {
    "change": lambda api, one, **sent: api.patch(
        url(one), {"info": {"name": "Montague"}}, format="json", **sent
    ),
    "replace": lambda api, one, **sent: api.put(
        url(one), {"info": {"name": "Montague"}}, format="json", **sent
    ),
    "delete": lambda api, one, **sent: api.delete(url(one), **sent),
    "hide": lambda api, one, **sent: api.post(f"{url(one)}hide/", **sent),
    "duplicate": lambda api, one, **sent: api.post(f"{url(one)}duplicate/", **sent),
    "move": lambda api, one, **sent: api.post(
        f"{url(one)}move/", {"target": None, "where": "first"}, format="json", **sent
    ),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_a_write_with_a_stale_etag_is_refused(admin, write):
    channel("mario")
    romeo = channel("romeo", mobile_is_published=True)
    stale = admin.get(url(romeo)).headers["ETag"]
    admin.patch(url(romeo), {"info": {"status": "banished"}}, format="json")
    before = list(Buddy.objects.values())

    refused = write(admin, romeo, headers={"If-Match": stale})

    assert refused.status_code == 412
    assert refused.json()["code"] == "stale"
    assert list(Buddy.objects.values()) == before
    fresh = admin.get(url(romeo)).headers["ETag"]
    done = write(admin, romeo, headers={"If-Match": f'"other", {fresh}'})
    assert done.status_code in (200, 201, 204)
    assert list(Buddy.objects.values()) != before


def test_if_match_star_accepts_any_state(admin):
    romeo = channel("romeo")
    assert admin.delete(url(romeo), headers={"If-Match": "*"}).status_code == 204
    assert admin.delete(url(romeo), headers={"If-Match": "*"}).status_code == 404


def test_accounts_check_if_match(admin):
    made = admin.post(ACCOUNTS, {"jid": "romeo@localhost"}, format="json")
    path, tag = f"{ACCOUNTS}{made.json()['id']}/", made.headers["ETag"]
    admin.patch(path, {"name": "Romeo"}, format="json")
    stale = {"If-Match": tag}

    sent = {"format": "json", "headers": stale}
    assert admin.patch(path, {"name": "R"}, **sent).status_code == 412
    assert admin.delete(path, headers=stale).status_code == 412
    assert admin.get(path).json()["name"] == "Romeo"


@pytest.mark.parametrize("what", ["publish", "restore", "retry"])
def test_actions_on_releases_and_commands_check_if_match(admin, what):
    channel("romeo")
    first = releases.sync()
    channel("juliet")
    releases.sync()
    command = Command.objects.create(
        key="1", state="dead", payload="{}", message_type="chat"
    )
    path = {
        "publish": f"/api/releases/{first.number}/publish/",
        "restore": f"/api/releases/{first.number}/restore/",
        "retry": f"/api/commands/{command.pk}/retry/",
    }[what]

    assert admin.post(path, headers={"If-Match": '"nonsense"'}).status_code == 412
    read = path.replace(f"{what}/", "")
    seen = {"If-Match": admin.get(read).headers["ETag"]}
    assert admin.post(path, headers=seen).status_code in (200, 201)


def test_an_indented_response_has_the_same_etag(admin):
    romeo = channel("romeo")
    pretty = {"Accept": "application/json; indent=4"}
    seen = {"If-Match": admin.get(url(romeo), headers=pretty).headers["ETag"]}
    assert admin.delete(url(romeo), headers=seen).status_code == 204


def test_a_read_with_a_stale_if_match_is_a_problem(admin):
    romeo = channel("romeo")
    answer = admin.get(url(romeo), headers={"If-Match": '"other"'})
    assert answer.status_code == 412
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_browsers_get_html(admin):
    browser = {"Accept": "text/html"}
    for path in (BUDDIES, f"{BUDDIES}1/"):
        page = admin.get(path, headers=browser)
        assert page.headers["Content-Type"].startswith("text/html")
    tag = admin.get(BUDDIES).headers["ETag"]
    assert admin.get(BUDDIES, headers={**browser, "If-None-Match": tag}).content


# --- Permissions ----------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api/tree/", "/api/campaigns/", "/api/delivery/"])
def test_head_needs_the_permission_of_get(path):
    client = APIClient()
    client.force_authenticate(User.objects.create_user("nobody"))
    assert [client.get(path).status_code, client.head(path).status_code] == [403, 403]


def test_options_is_not_allowed(admin):
    channel("romeo")
    for path in (BUDDIES, f"{BUDDIES}1/", "/api/tree/"):
        assert admin.options(path).status_code == 405


# --- Moving, copying, hiding ----------------------------------------------------


def test_an_entry_is_moved_copied_and_hidden(admin):
    house, romeo = group("house"), channel("romeo", web_is_published=True)
    channel("juliet", house)

    into = {"target": house.pk, "where": "first"}
    moved = admin.post(f"{url(romeo)}move/", into, format="json")
    assert moved.json()["parent"] == house.pk
    assert outline() == ["house", "  romeo", "  juliet"]

    copy = admin.post(f"{url(house)}duplicate/")
    assert copy.status_code == 201
    assert copy.json()["address"] != house.address
    assert outline() == [*["house", "  romeo", "  juliet"] * 2]

    hidden = admin.post(f"{url(romeo)}hide/").json()
    assert (hidden["mobileIsPublished"], hidden["webIsPublished"]) == (False, False)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"target": None, "where": "before"}, 400),
        ({"target": 0, "where": "first"}, 400),
        ({"where": "first"}, 400),
        ({"target": None, "where": "somewhere"}, 400),
        ({"target": "romeo", "where": "last"}, 400),  # not a group
    ],
)
def test_an_invalid_move_is_refused(admin, sent, status):
    romeo = channel("romeo")
    if sent.get("target") == "romeo":
        sent = {**sent, "target": romeo.pk}
    answer = admin.post(f"{url(romeo)}move/", sent, format="json")
    assert answer.status_code == status
    assert outline() == ["romeo"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("type=group", ["house"]),
        ("top=true", ["house", "romeo"]),
        ("top=false", ["juliet"]),
        ("mobileIsPublished=true", ["romeo"]),
        ("address=juliet", ["juliet"]),
        ("search=jul", ["juliet"]),
    ],
)
def test_entries_are_filtered(admin, query, found):
    house = group("house")
    channel("juliet", house)
    channel("romeo", mobile_is_published=True)

    page = admin.get(f"{BUDDIES}?{query}").json()

    assert sorted(entry["info"]["name"] for entry in page["results"]) == found
    inside = admin.get(f"{BUDDIES}?parent={house.pk}").json()["results"]
    assert [entry["address"] for entry in inside] == ["juliet"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (BUDDIES, "type"),
        (BUDDIES, "parent"),
        (BUDDIES, "top"),
        (BUDDIES, "address"),
        (ACCOUNTS, "gone"),
        ("/api/releases/", "automatic"),
        ("/api/commands/", "state"),
    ],
)
def test_an_empty_filter_is_refused(admin, path, name):
    answer = admin.get(f"{path}?{name}=")
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"pointer": f"#/{name}", "detail": "Must not be empty."}
    ]


def test_the_browsable_page_may_send_empty_filters(admin):
    channel("romeo")
    answer = admin.get(
        f"{BUDDIES}?parent=&type=channel&address=", HTTP_ACCEPT="text/html"
    )
    assert answer.status_code == 200
    assert "romeo" in answer.text


def test_pagination_skips_no_row_when_rows_are_deleted(admin):
    for number in range(6):
        channel(f"{number}")
    first = admin.get(BUDDIES, {"pageSize": 3}).json()

    Buddy.objects.filter(name__in="01").delete()
    second = admin.get(first["next"]).json()

    assert [entry["info"]["name"] for entry in second["results"]] == ["3", "4", "5"]


@pytest.mark.parametrize("place", ["abc", "1.5", "nan", "\0", "9" * 5_000])
@pytest.mark.parametrize(
    "path", [BUDDIES, ACCOUNTS, "/api/releases/", "/api/commands/"]
)
def test_an_invalid_cursor_is_not_found(admin, path, place):
    sent = b64encode(urlencode({"p": place}).encode()).decode()
    answer = admin.get(path, {"cursor": sent})
    assert answer.status_code == 404


# --- Throttling -----------------------------------------------------------------


def test_each_token_has_its_own_rate_limit(admin_user, monkeypatch):
    monkeypatch.setattr(Throttle, "rate", "3/min", raising=False)
    clients = []
    for name in ("one", "other"):
        _, secret = tokens.make(admin_user, name, SCOPES, None)
        clients.append(APIClient(headers={"Authorization": f"Bearer {secret}"}))
    one, other = clients

    codes = [one.get(BUDDIES).status_code for _ in range(4)]
    refused = one.get(BUDDIES)

    assert codes == [200, 200, 200, 429]
    assert 0 < int(refused.headers["Retry-After"]) <= 60
    assert refused.json()["code"] == "throttled"
    assert other.get(BUDDIES).status_code == 200
    cache.clear()
    assert one.get(BUDDIES).status_code == 200
