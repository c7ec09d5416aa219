"""All errors of the API have the same format (RFC 9457)."""

import pytest
from django.core.exceptions import SuspiciousOperation
from django.db import OperationalError
from django.test import Client
from rest_framework.test import APIClient

from buddies.document import judgement
from tests.api import reasons
from xmppservice.api import problems, representation

pytestmark = pytest.mark.django_db

BUDDIES = "/api/buddies/"


@pytest.fixture
def admin(admin_user) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_login(admin_user)
    return client


def check_problem(answer, status, code):
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    return body


def test_unknown_addresses_are_not_found(admin):
    check_problem(admin.get("/api/nothing/"), 404, "not_found")
    check_problem(admin.get(f"{BUDDIES}1/"), 404, "not_found")
    check_problem(admin.get(f"{BUDDIES}{'9' * 30}/"), 404, "not_found")


@pytest.mark.parametrize("accept", ["*/*", "application/vnd.oai.openapi"])
def test_the_description_refuses_in_the_same_format(admin, accept):
    """Its own format is YAML or JSON of another media type."""
    path, headers = "/api/schema/", {"Accept": accept}
    check_problem(admin.get(f"{path}?v=1", headers=headers), 400, "invalid")
    check_problem(admin.put(path, headers=headers), 405, "method_not_allowed")
    check_problem(admin.get(path, headers={"Accept": "a/b"}), 406, "not_acceptable")


def test_unsupported_methods_and_media_types_are_refused(admin):
    answer = admin.delete(BUDDIES)
    check_problem(answer, 405, "method_not_allowed")
    assert "GET" in answer.headers["Allow"]
    sent = {"data": b"<a/>", "content_type": "application/xml"}
    check_problem(admin.post(BUDDIES, **sent), 415, "unsupported_media_type")
    check_problem(
        admin.get(BUDDIES, headers={"Accept": "text/csv"}), 406, "not_acceptable"
    )


def test_anonymous_requests_are_refused():
    answer = check_problem(APIClient().get(BUDDIES), 401, "not_authenticated")
    assert "credentials" in answer["detail"]


def test_invalid_json_is_refused(admin):
    answer = admin.post(BUDDIES, "{", content_type="application/json")
    check_problem(answer, 400, "parse_error")


def test_oversized_requests_are_refused(admin, monkeypatch):
    monkeypatch.setattr(representation, "MAX_BYTES", 1_000)
    answer = admin.post(BUDDIES, {"name": "x" * 2_000}, format="json")
    check_problem(answer, 413, "too_large")


def test_a_validation_error_points_at_each_place(admin):
    answer = admin.post(BUDDIES, {"type": "bot", "info": {}}, format="json")

    check_problem(answer, 400, "invalid")
    assert reasons(answer) == {
        "type": ['"bot" is not a valid choice.'],
        "info.name": ["This field is required."],
    }
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert pointers == {"#/type", "#/info/name"}


def test_an_error_about_the_whole_request_points_at_its_root(admin):
    answer = admin.post(BUDDIES, [], format="json")
    expected = "Invalid data. Expected a dictionary, but got list."
    assert reasons(answer) == {"__all__": [expected]}
    assert answer.json()["errors"][0]["pointer"] == "#"


def test_an_unavailable_database_is_a_problem(admin, monkeypatch):
    def away(*_: object, **__: object) -> None:
        raise OperationalError("secret host")

    monkeypatch.setattr(judgement, "faults", away)
    answer = admin.post(BUDDIES, {"info": {"name": "x"}}, format="json")

    check_problem(answer, 503, "storage_failed")
    assert "secret" not in answer.content.decode()


def test_an_internal_error_is_a_problem(admin, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(judgement, "faults", broken)
    answer = admin.post(BUDDIES, {"info": {"name": "x"}}, format="json")

    check_problem(answer, 500, "server_error")
    assert "secret" not in answer.content.decode()


def test_errors_outside_the_api_are_pages():
    assert "<html" in Client().get("/nothing/").content.decode()


@pytest.mark.parametrize(
    ("path", "kind"),
    [(BUDDIES, "application/problem+json"), ("/admin/", "text/html")],
)
def test_errors_outside_views_are_problems_or_pages(rf, path, kind):
    request = rf.get(path)
    said = [
        problems.bad_request(request, SuspiciousOperation("secret")),
        problems.server_error(request),
    ]

    assert [answer.status_code for answer in said] == [400, 500]
    for answer in said:
        assert answer.headers["Content-Type"].partition(";")[0] == kind
        assert b"secret" not in answer.content


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("parent=x", "parent"),
        (f"parent=-{'9' * 30}", "parent"),
        (f"parent={'9' * 30}", "parent"),
        ("type=bot", "type"),
        ("top=null", "top"),
        ("pageSize=0", "pageSize"),
        ("pageSize=1001", "pageSize"),
        ("pageSize=null", "pageSize"),
    ],
)
def test_invalid_filters_are_refused(admin, query, name):
    assert list(reasons(admin.get(f"{BUDDIES}?{query}"))) == [name]
