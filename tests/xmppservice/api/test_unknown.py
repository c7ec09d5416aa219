"""Requests with something that the API does not know are refused, and do nothing.

Source: decision 0045.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from drf_spectacular.views import SpectacularRedocView, SpectacularSwaggerSplitView

from buddies.models import Buddy, Campaign, Release, Tree
from roster.models import Account, Command
from tests.api import reasons
from tests.buddies.conftest import channel, group, named
from tests.roster.conftest import JULIET, ROMEO
from tests.xmppservice.api.operations import EXAMPLES, operations, ready, signature
from xmppservice.api.serializers import MAX_NAMED
from xmppservice.api.views import WRITES, Described

pytestmark = pytest.mark.django_db

BUDDIES, ACCOUNTS = "/api/buddies/", "/api/accounts/"
WRITTEN = (Account, Buddy, Campaign, Command, Release, Tree)
MULTIPART = "multipart/form-data; boundary=x"
FORM = '--x\r\nContent-Disposition: form-data; name="mobile"\r\n\r\nfalse\r\n--x--\r\n'


def stored() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in WRITTEN]


def pointers(answer: Any) -> list[str]:
    assert answer.status_code == 400, answer.content
    assert answer.json()["code"] == "invalid"
    return [error["pointer"] for error in answer.json()["errors"]]


def with_unknown(value: Any, at: str = "#") -> Iterator[tuple[str, Any]]:
    """Yield copies of a body in which one object has a field more, and its pointer."""
    if isinstance(value, dict):
        yield f"{at}/Enabled", {**value, "Enabled": False}
        for name, below in value.items():
            for pointer, changed in with_unknown(below, f"{at}/{name}"):
                yield pointer, {**value, name: changed}
    if isinstance(value, list):
        for place, below in enumerate(value):
            for pointer, changed in with_unknown(below, f"{at}/{place}"):
                yield pointer, [*value[:place], changed, *value[place + 1 :]]


# --- Every operation --------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_no_operation_takes_what_it_does_not_know(name, reader):
    request = ready(name)
    before = stored()

    assert pointers(request.send(reader, query="?parentt=1")) == ["#/parentt"]
    if request.method in WRITES:
        for pointer, body in with_unknown(request.body or {}):
            assert pointers(request.send(reader, body)) == [pointer]
        form = {"content_type": MULTIPART, "headers": signature(FORM)}
        answer = reader.generic(request.method, request.path, FORM, **form)
        assert answer.status_code == 415

    assert stored() == before


def test_a_path_without_its_slash_is_not_found_whatever_the_method(reader):
    for operation in operations().values():
        path = operation.path.format(id=1, number=1).removesuffix("/")
        if path != "/api":
            answer = reader.generic(operation.method, path)
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert reader.get("/api").headers["Location"] == "/api/"
    assert reader.get("/admin").headers["Location"] == "/admin/"


def test_options_is_offered_only_where_it_is_answered(reader):
    for name in EXAMPLES:
        path = operations()[name.split()[0]].path.format(id=1, number=1)
        offered = reader.generic("BREW", path).headers["Allow"].split(", ")
        is_answered = reader.options(path).status_code != 405
        assert ("OPTIONS" in offered) == is_answered == (path == "/api/document/")


def views(patterns: Any) -> Iterator[type]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from views(pattern.url_patterns)
        elif isinstance(pattern, URLPattern) and hasattr(pattern.callback, "cls"):
            yield pattern.callback.cls


def test_every_view_of_the_api_is_strict():
    found = set(views(get_resolver().url_patterns))
    # The pages that show the description; what they load is a view of ours.
    pages = {SpectacularRedocView, SpectacularSwaggerSplitView}
    assert pages < found
    assert [view for view in found - pages if not issubclass(view, Described)] == []


# --- Parameters -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{BUDDIES}?type=channel&search=romeo&pageSize=5", 200),
        (f"{BUDDIES}?format=json", 200),
        ("/api/document/?platform=web", 200),
        ("/api/document/?v=1", 400),
        ("/api/schema/?format=json&lang=it", 200),
        ("/api/schema/?v=1", 400),
        (f"{BUDDIES}?Type=channel", 400),
        (f"{BUDDIES}?type__in=channel", 400),
        (f"{BUDDIES}?with=1", 400),
        (f"{BUDDIES}?=1", 400),
        (f"{ACCOUNTS}?gone__isnull=true", 400),
        ("/api/commands/?search=x", 400),  # commands have no search
    ],
)
def test_a_view_takes_the_parameters_that_it_describes(reader, path, status):
    for method in (reader.get, reader.head):
        assert method(path).status_code == status


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/api/releases/1/diff/?with=x", "with"),
        ("/api/releases/1/diff/?with=", "with"),
        ("/api/document/?platform=", "platform"),
        (f"{BUDDIES}?pageSize=x&parent=1", "pageSize"),
        ("/api/commands/?state=lost", "state"),
    ],
)
def test_a_wrong_parameter_is_named(reader, path, parameter):
    Release.objects.create(number=1, body="{}", size=2)
    assert pointers(reader.get(path)) == [f"#/{parameter}"]


def test_a_filter_of_a_list_is_none_of_its_items(reader):
    romeo = channel("romeo")
    answer = reader.get(f"{BUDDIES}{romeo.pk}/?type=channel")
    assert pointers(answer) == ["#/type"]
    assert answer.json()["errors"][0]["detail"].endswith("Known are: campaign.")


# --- Bodies -----------------------------------------------------------------------


def test_the_fields_that_there_are_are_named(reader):
    romeo = channel("romeo")
    answer = reader.patch(
        f"{BUDDIES}{romeo.pk}/", {"info": {"Name": "x"}}, format="json"
    )
    known = "name, status, imageUrl, thumbUrl, defaultMessage"
    assert reasons(answer) == {"info.Name": [f"Unknown field. Known are: {known}."]}


def test_unknown_and_wrong_fields_are_named_together(reader):
    answer = reader.post(BUDDIES, {"type": "bot", "mobile": False}, format="json")
    assert set(reasons(answer)) == {"type", "info", "mobile"}


def test_what_was_read_can_be_sent_back(reader):
    """Read-only fields are ignored."""
    path = f"{BUDDIES}{channel('romeo').pk}/"
    seen = reader.get(path).json()
    assert (
        reader.put(path, {**seen, "id": 7, "version": 0}, format="json").json() == seen
    )


def test_of_a_name_that_comes_twice_the_last_one_counts(reader):
    path = f"{BUDDIES}{channel('romeo').pk}/"
    body = '{"address": "x", "address": "montague"}'
    answer = reader.patch(path, body, content_type="application/json")
    assert answer.json()["address"] == "montague"


@pytest.mark.parametrize("name", ["a/b", "a~b", "a.b", "a[0]", "à %", ""])
def test_a_pointer_names_the_field_that_was_sent(reader, name):
    (pointer,) = pointers(
        reader.patch(f"{BUDDIES}{channel('x').pk}/", {name: 1}, format="json")
    )
    step = unquote(pointer).removeprefix("#/")
    assert step.replace("~1", "/").replace("~0", "~") == name
    assert pointer.isascii()
    assert " " not in pointer


def test_an_answer_names_a_hundred_unknown_fields(reader):
    many = {f"{number}": 0 for number in range(1_000)}
    assert len(pointers(reader.post(ACCOUNTS, many, format="json"))) <= MAX_NAMED + 1


@pytest.mark.parametrize("body", [[], "x", [{}], 7])
def test_an_operation_without_fields_takes_an_object_or_nothing(reader, body):
    path = f"{BUDDIES}{channel('romeo').pk}/hide/"
    assert pointers(reader.post(path, body, format="json")) == ["#"]
    assert reader.post(path, {}, format="json").status_code == 200
    assert reader.post(path, headers={"Idempotency-Key": "1"}).status_code == 200


def test_a_form_with_files_is_refused_for_sessions_too():
    """There Django reads the form before the view, to find the token against CSRF."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("nurse"))
    token = "x" * 32
    client.cookies["csrftoken"] = token
    path = f"{BUDDIES}{channel('romeo').pk}/hide/"

    for key in ({}, {"Idempotency-Key": "1"}):
        headers = {"X-CSRFToken": token, **key}
        answer = client.post(path, {"csrfmiddlewaretoken": token}, headers=headers)
        assert answer.status_code == 415
    assert named("romeo").web_is_published


@pytest.mark.parametrize("method", WRITES)
def test_a_body_in_chunks_is_refused_rather_than_ignored(reader, method):
    """Without its length, no part of it would be read."""
    path = f"{BUDDIES}{channel('romeo').pk}/{'hide/' if method == 'POST' else ''}"
    answer = reader.generic(method, path, headers={"Transfer-Encoding": "chunked"})
    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")
    assert named("romeo").web_is_published


# --- Rows -------------------------------------------------------------------------


def test_an_unknown_column_refuses_all_rows(reader):
    rows = [{"account": ROMEO}, {"account": "+39 347 111 1111", "Enabled": False}]
    answer = reader.post(f"{ACCOUNTS}bulk/", {"accounts": rows}, format="json")
    assert pointers(answer) == ["#/accounts/1/Enabled"]
    assert not Account.objects.exists()


def test_unknown_columns_of_a_hundred_rows_are_named(reader):
    rows = [{"account": ROMEO, "Enabled": False}] * 1_000
    answer = reader.post(f"{ACCOUNTS}bulk/", {"accounts": rows}, format="json")
    assert len(pointers(answer)) == MAX_NAMED


def test_a_row_that_is_no_object_refuses_all_rows(reader):
    rows = [{"account": ROMEO}, JULIET]
    answer = reader.post(f"{ACCOUNTS}bulk/", {"accounts": rows}, format="json")
    assert reasons(answer) == {"accounts.1": ["Must be an object."]}


# --- Fields that do not go with what is stored ------------------------------------


def test_an_error_of_a_field_that_was_not_sent_concerns_the_whole_request(reader):
    romeo = channel("romeo", visible_until=timezone.now(), default_message="Soft!")
    path = f"{BUDDIES}{romeo.pk}/"

    late = reader.patch(path, {"visibleFrom": "2100-01-01T00:00:00Z"}, format="json")
    grouped = reader.patch(path, {"type": "group"}, format="json")

    assert pointers(late) == pointers(grouped) == ["#"]
    both = {"type": "group", "info": {"defaultMessage": "Soft! What light?"}}
    assert pointers(reader.patch(path, both, format="json")) == [
        "#/info/defaultMessage"
    ]


def test_a_move_that_breaks_the_tree_points_at_its_target(reader):
    house = group("house")
    inner = group("inner", house)
    into = {"target": inner.pk, "where": "first"}
    answer = reader.post(f"{BUDDIES}{house.pk}/move/", into, format="json")
    assert pointers(answer) == ["#/target"]


def test_an_account_of_a_domain_that_is_served_no_longer(reader, settings):
    account = Account.objects.create(jid=ROMEO)
    settings.XMPP_DOMAINS = ["elsewhere.example"]
    answer = reader.patch(f"{ACCOUNTS}{account.pk}/", {"name": "Romeo"}, format="json")
    assert pointers(answer) == ["#"]


# --- PUT --------------------------------------------------------------------------


def test_put_keeps_the_fields_that_are_left_out(reader):
    romeo = channel("romeo", status="banished", web_is_published=True)
    account = Account.objects.create(jid=ROMEO, name="Romeo", enabled=False)

    body = {"info": {"name": "Montague"}}
    buddy = reader.put(f"{BUDDIES}{romeo.pk}/", body, format="json").json()
    user = reader.put(f"{ACCOUNTS}{account.pk}/", {"jid": ROMEO}, format="json").json()

    assert buddy["info"]["name"] == "Montague"
    assert (buddy["info"]["status"], buddy["webIsPublished"]) == ("banished", True)
    assert (user["name"], user["enabled"]) == ("Romeo", False)
