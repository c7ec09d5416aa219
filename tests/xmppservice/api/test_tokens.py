"""API tokens: secrets, scopes, and the permission to create them."""

import re
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from rest_framework.test import APIClient

from xmppservice.api import tokens
from xmppservice.api.models import SCOPES, Token

pytestmark = pytest.mark.django_db

ADD = "/admin/xmppservice/token/add/"
LIST = "/admin/xmppservice/token/"


@pytest.fixture
def nurse() -> User:
    user = User.objects.create_user("nurse", is_staff=True)
    user.user_permissions.set(
        Permission.objects.filter(codename__in=("view_account", "add_account"))
    )
    return user


def api(secret: str, word: str = "Bearer") -> APIClient:
    return APIClient(headers={"Authorization": f"{word} {secret}"})


def test_the_database_does_not_contain_the_secret(nurse):
    token, secret = tokens.make(nurse, "crm", ["accounts:read"], None)

    stored = str(Token.objects.values().get())

    assert secret not in stored
    assert token.start in secret
    assert len(token.start) < len(secret) / 3
    assert tokens.find(secret) == token
    assert tokens.find(token.digest) is None


@pytest.mark.parametrize("word", ["Bearer", "bearer", "Token"])
def test_a_token_is_limited_to_its_scopes(nurse, word):
    _, secret = tokens.make(nurse, "crm", ["accounts:read"], None)
    client = api(secret, word)

    read = client.get("/api/accounts/")
    written = client.post("/api/accounts/", {"jid": "r@localhost"}, format="json")

    assert read.status_code == 200
    assert written.status_code == 403
    assert written.json()["code"] == "scope"
    assert "lacks the scope accounts:write." in written.json()["detail"]


def test_scopes_do_not_extend_the_users_permissions(nurse):
    _, secret = tokens.make(nurse, "crm", SCOPES, None)

    assert api(secret).get("/api/accounts/").status_code == 200
    assert api(secret).get("/api/buddies/").status_code == 403


def test_tokens_that_expired_or_belong_to_inactive_users_are_refused(nurse):
    token, secret = tokens.make(nurse, "crm", SCOPES, timezone.now())
    assert api(secret).get("/api/accounts/").status_code == 401

    token.expires_at = timezone.now() + timedelta(minutes=1)
    token.save()
    assert api(secret).get("/api/accounts/").status_code == 200

    nurse.is_active = False
    nurse.save()
    assert api(secret).get("/api/accounts/").status_code == 401


def test_the_last_use_of_a_token_is_recorded_once_an_hour(nurse):
    token, secret = tokens.make(nurse, "crm", SCOPES, None)
    api(secret).get("/api/accounts/")
    token.refresh_from_db()
    first = token.used_at
    assert first is not None

    api(secret).get("/api/accounts/")
    token.refresh_from_db()
    assert token.used_at == first

    Token.objects.update(used_at=first - timedelta(hours=2))
    tokens._recorded_uses.clear()  # a later hour, or another process
    api(secret).get("/api/accounts/")
    token.refresh_from_db()
    assert token.used_at >= first


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic bnVyc2U6eA==", "é"])
def test_other_authorization_headers_are_refused(nurse, header):
    client = APIClient(headers={"Authorization": header})
    assert client.get("/api/accounts/").status_code == 401


# --- Creating tokens ------------------------------------------------------------


def test_the_command_prints_a_token():
    nurse = User.objects.create_user("nurse")
    said = StringIO()

    call_command("createtoken", "nurse", "crm", "--scope=tree:read", stdout=said)

    token = tokens.find(said.getvalue().strip())
    assert token is not None
    assert (token.user, token.name, token.scopes) == (nurse, "crm", ["tree:read"])
    days = (token.expires_at - timezone.now()).days
    assert days == 364


@pytest.mark.parametrize(
    "words", [("nobody", "crm"), ("nurse", "crm", "--days=0")], ids=["user", "days"]
)
def test_the_command_refuses_invalid_arguments(words):
    User.objects.create_user("nurse")
    with pytest.raises(CommandError):
        call_command("createtoken", *words)
    assert not Token.objects.exists()


def form(**fields: object) -> dict[str, object]:
    return {"name": "crm", "scopes": ["accounts:read"], **fields}


def test_the_admin_shows_a_new_token_once(admin_client, nurse):
    sent = form(user=nurse.pk)
    made = admin_client.post(ADD, sent)
    assert "no-store" in made.headers["Cache-Control"]
    assert "messages" not in made.cookies
    page = made.content.decode()

    token = Token.objects.get()
    assert token.user == nurse
    (secret,) = [word.split("<")[0] for word in page.split('class="token">')[1:]]
    assert tokens.find(secret) == token
    again = admin_client.get(f"{LIST}{token.pk}/change/").content.decode()
    assert secret not in again
    assert token.start in again


def test_editing_a_token_keeps_its_secret(admin_client, nurse):
    token, secret = tokens.make(nurse, "crm", SCOPES, None)

    admin_client.post(f"{LIST}{token.pk}/change/", form(name="erp"))

    token.refresh_from_db()
    assert (token.name, token.scopes) == ("erp", ["accounts:read"])
    assert tokens.find(secret) == token


@pytest.mark.parametrize("hour", [0, 1])
def test_editing_a_token_keeps_an_expiry_that_occurs_twice(
    admin_client, nurse, settings, hour
):
    settings.TIME_ZONE = "Europe/Rome"
    expiry = datetime(2026, 10, 25, hour, 30, tzinfo=UTC)
    token, _ = tokens.make(nurse, "crm", SCOPES, expiry)
    page = admin_client.get(f"{LIST}{token.pk}/change/").content.decode()
    shown = dict(re.findall(r'name="(expires_at_\d)" value="([^"]+)"', page))
    assert shown["expires_at_1"] == ("02:30:00+02:00", "02:30:00+01:00")[hour]

    admin_client.post(f"{LIST}{token.pk}/change/", form(name="erp", **shown))

    token.refresh_from_db()
    assert (token.name, token.expires_at) == ("erp", expiry)
    assert "Time zone: Europe/Rome" in page.split('name="expires_at_1"')[1][:300]


@pytest.mark.parametrize(
    ("zone", "date", "time"),
    [
        ("Europe/Rome", "0001-01-01", "00:30"),
        ("America/New_York", "9999-12-31", "23:30"),
        ("Europe/Rome", "9999-12-31", "23:30Z"),
    ],
)
def test_an_expiry_that_no_time_zone_can_convert_is_refused(
    admin_client, nurse, settings, zone, date, time
):
    settings.TIME_ZONE = zone
    expiry = {"expires_at_0": date, "expires_at_1": time}

    page = admin_client.post(ADD, form(user=nurse.pk, **expiry))

    assert "Choose a date between 2000 and 2100." in page.content.decode()
    assert not Token.objects.exists()


def test_staff_create_and_see_only_their_own_tokens(nurse, admin_user):
    theirs, _ = tokens.make(admin_user, "root", SCOPES, None)
    nurse.user_permissions.add(*Permission.objects.filter(content_type__model="token"))
    client = Client()
    client.force_login(nurse)

    client.post(ADD, form(user=admin_user.pk))

    made = Token.objects.exclude(pk=theirs.pk).get()
    assert made.user == nurse
    assert "root" not in client.get(LIST).content.decode()
    assert client.get(f"{LIST}{theirs.pk}/change/").status_code == 302


def test_a_token_needs_a_known_scope(admin_client, nurse):
    for scopes in ([], ["everything"]):
        admin_client.post(ADD, form(user=nurse.pk, scopes=scopes))
    assert not Token.objects.exists()


@pytest.mark.parametrize("scopes", ["tree:read", ["tree:read", "tree:fly"]])
def test_unknown_scopes_are_refused(nurse, scopes):
    token = Token(user=nurse, name="crm", digest="d", scopes=scopes)
    with pytest.raises(ValidationError) as caught:
        token.full_clean()
    assert set(caught.value.message_dict) == {"scopes"}
