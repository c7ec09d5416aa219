"""A write that is repeated under one key is done once."""

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from buddies.models import Buddy
from roster.tasks import clean_up
from tests.api import reasons
from xmppservice.api import tokens
from xmppservice.api.models import SCOPES, IdempotentRequest, Token

pytestmark = pytest.mark.django_db

BUDDIES = "/api/buddies/"
ROMEO = {"address": "romeo", "info": {"name": "Romeo"}}


def api(user: User, name: str = "crm") -> APIClient:
    _, secret = tokens.make(user, name, SCOPES, None)
    return APIClient(headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def admin(admin_user: User) -> APIClient:
    return api(admin_user)


def post(client, body=ROMEO, key="1", path=BUDDIES):
    headers = {"Idempotency-Key": key}
    return client.post(path, body, format="json", headers=headers)


def test_a_repeated_write_gets_the_first_response(admin):
    first, second = post(admin), post(admin)

    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first.headers["ETag"] == second.headers["ETag"]
    assert second.headers["Content-Type"] == "application/json"
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"
    assert Buddy.objects.count() == 1


def test_every_kind_of_write_is_done_once(admin):
    path = f"{BUDDIES}{post(admin).json()['id']}/"

    for _ in range(2):
        assert post(admin, None, "2", f"{path}duplicate/").status_code == 201
        deleted = admin.delete(path, headers={"Idempotency-Key": "3"})
        assert (deleted.status_code, deleted.content) == (204, b"")

    assert Buddy.objects.count() == 1


def test_another_request_under_the_same_key_is_refused(admin):
    post(admin)

    other = post(admin, {**ROMEO, "address": "mario"})

    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key"
    assert Buddy.objects.count() == 1


def test_a_refused_request_is_processed_again(admin):
    assert reasons(post(admin, {"info": {}})) == {
        "info.name": ["This field is required."]
    }
    assert not IdempotentRequest.objects.exists()
    assert post(admin, ROMEO).status_code == 201


def test_keys_belong_to_one_token(admin, admin_user):
    post(admin)
    other = post(api(admin_user, "erp"))
    assert reasons(other) == {"address": ["This address is already taken."]}


def test_a_key_expires_after_a_day(admin):
    post(admin)
    old = timezone.now() - timedelta(days=1, minutes=1)
    IdempotentRequest.objects.update(made_at=old)

    assert post(admin, {**ROMEO, "address": "mario"}).status_code == 201
    assert IdempotentRequest.objects.count() == 1

    IdempotentRequest.objects.update(made_at=old)
    clean_up()
    assert not IdempotentRequest.objects.exists()


def test_a_revoked_token_does_not_get_the_stored_response(admin):
    post(admin)
    Token.objects.all().delete()
    assert post(admin).status_code == 401


def test_a_repeat_needs_the_permission_too(admin_user):
    client = api(admin_user)
    post(client)
    admin_user.is_superuser = False
    admin_user.save()
    assert post(client).status_code == 403


def test_the_word_before_a_token_makes_no_difference(admin):
    first = post(admin)
    secret = admin.defaults["HTTP_AUTHORIZATION"].split()[1]
    for word in ("bearer", "Token"):
        again = post(APIClient(headers={"Authorization": f"{word} {secret}"}))
        assert again.content == first.content
    assert Buddy.objects.count() == 1


def test_an_anonymous_request_makes_no_query(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert post(APIClient()).status_code == 401


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_must_have_1_to_255_characters(admin, key):
    assert post(admin, key=key).status_code == 400
    assert not Buddy.objects.exists()


def test_an_anonymous_request_stores_no_key():
    assert post(APIClient()).status_code == 401
    assert not IdempotentRequest.objects.exists()


def test_a_key_is_ignored_by_reads_and_other_pages(admin, client):
    for _ in range(2):
        answer = admin.get(BUDDIES, headers={"Idempotency-Key": "1"})
        assert answer.status_code == 200
        client.post("/admin/login/", headers={"Idempotency-Key": "1"})
    assert not IdempotentRequest.objects.exists()


def test_a_request_too_large_to_compare_is_refused(admin, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert post(admin).status_code == 413


@pytest.mark.django_db(transaction=True)
def test_two_simultaneous_requests_are_done_once(admin):
    answers, ready = [], threading.Barrier(2)

    def send() -> None:
        client = APIClient()
        client.defaults.update(admin.defaults)
        ready.wait(10)
        answers.append(post(client))
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].content == answers[1].content
    assert Buddy.objects.count() == 1
