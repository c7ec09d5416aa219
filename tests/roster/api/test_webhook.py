"""Signed notices from a provisioning system (Standard Webhooks)."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from roster.models import Account
from tests.api import reasons
from tests.roster.conftest import JULIET, ROMEO

pytestmark = pytest.mark.django_db

PATH = "/api/accounts/events/"
KEY = b"0123456789abcdef0123456789abcdef"
SECRET = "whsec_" + base64.b64encode(KEY).decode()
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def secret(settings) -> None:
    settings.ACCOUNT_WEBHOOK_SECRET = SECRET


def post(body: str, *, key: bytes = KEY, sent: int | None = None, more: str = ""):
    sent = int(time.time()) if sent is None else sent
    # By the specification, not by our code.
    mac = hmac.new(key, f"msg_1.{sent}.{body}".encode(), hashlib.sha256)
    signed = "v1," + base64.b64encode(mac.digest()).decode()
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(sent),
        "webhook-signature": f"{more}{signed}",
    }
    return Client().post(PATH, body, content_type="application/json", headers=headers)


def notice(
    type: str,
    *jids: object,
    at: datetime = NOON,
    reassigned: object = False,
    **more: object,
) -> str:
    fields = {"type": f"account.{type}", "timestamp": at.isoformat()}
    data = {"jids": jids, **({"reassigned": reassigned} if reassigned else {})}
    return json.dumps({**fields, "data": data, **more})


def visible() -> set[str]:
    return {one.jid for one in Account.objects.all() if one.visible}


def test_registered_accounts_become_users_until_they_unregister():
    assert post(notice("registered", ROMEO, JULIET)).status_code == 204
    assert visible() == {ROMEO, JULIET}

    later = notice("unregistered", ROMEO, at=NOON + timedelta(seconds=1))
    assert post(later).status_code == 204
    assert visible() == {JULIET}


def test_an_older_notice_does_not_override_a_newer_one():
    post(notice("unregistered", ROMEO, at=NOON + timedelta(seconds=1)))
    post(notice("registered", ROMEO, at=NOON + timedelta(seconds=2)))
    assert post(notice("unregistered", ROMEO)).status_code == 204
    assert visible() == {ROMEO}


def test_a_clock_that_is_ahead_does_not_override_later_notices():
    post(notice("registered", ROMEO, at=timezone.now() + timedelta(days=1)))
    assert Account.objects.get().checked_at <= timezone.now()


def test_one_of_several_signatures_is_enough():
    """While a key is being replaced, both sign."""
    body = notice("registered", ROMEO)
    assert post(body, more="v1,b2xk v2,bmV3 ").status_code == 204


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"key": b"another"}, "The signature is invalid."),
        ({"sent": 1_000_000_000}, "The notice is too old, or a clock is wrong."),
        ({"sent": 9_999_999_999}, "The notice is too old, or a clock is wrong."),
    ],
)
def test_a_wrong_or_old_signature_is_refused(how, why):
    answer = post(notice("registered", ROMEO), **how)
    assert answer.status_code == 403
    assert answer.json()["detail"] == why
    assert not Account.objects.exists()


def test_a_notice_without_a_signature_is_refused():
    answer = Client().post(PATH, notice("registered", ROMEO), "application/json")
    assert answer.status_code == 403


def test_without_a_secret_there_is_no_webhook(settings):
    settings.ACCOUNT_WEBHOOK_SECRET = ""
    assert post(notice("registered", ROMEO)).status_code == 404


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (notice("vanished", ROMEO), "type"),
        (notice("registered", ROMEO, timestamp="noon"), "timestamp"),
        (notice("registered", ROMEO, timestamp="2026-06-31T12:00Z"), "timestamp"),
        (notice("registered", ROMEO, timestamp="2026-06-01T12:00"), "timestamp"),
        (notice("registered", ROMEO, timestamp=None), "timestamp"),
        (notice("registered", ROMEO, timestamp="0001-01-01T00:00+14:00"), "timestamp"),
        (notice("registered", ROMEO, data=[ROMEO]), "data"),
        (notice("registered", ROMEO, data={"jids": [ROMEO], "new": 1}), "data.new"),
        (notice("registered", ROMEO, id="7"), "id"),
        (notice("unregistered", ROMEO, reassigned=True), "data.reassigned"),
        (notice("registered", ROMEO, reassigned="perhaps"), "data.reassigned"),
        (notice("registered"), "data.jids"),
        (notice("registered", *[ROMEO] * 10_001), "data.jids"),
        (notice("registered", ROMEO, 7), "data.jids[1]"),
        (notice("registered", f"{ROMEO}/phone"), "data.jids[0]"),
        (notice("registered", "localhost"), "data.jids[0]"),
        (notice("registered", "romeo@elsewhere.example"), "data.jids[0]"),
        (notice("registered", "r" * 1_020 + "@localhost" * 300), "data.jids[0]"),
    ],
)
def test_a_bad_notice_is_refused_and_the_place_is_named(body, place):
    answer = post(body)
    assert list(reasons(answer)) == [place.replace("[", ".").removesuffix("]")]
    assert not Account.objects.exists()


def test_a_notice_that_is_too_large_is_refused(settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1_000
    answer = post(notice("registered", *[ROMEO] * 100))
    assert answer.status_code == 413


@pytest.mark.parametrize("body", ["", "[]", "{", "7", "\ud800"])
def test_a_body_that_is_not_an_object_is_refused(body):
    body = body.encode("utf-8", "replace").decode()
    assert post(body).status_code == 400
