"""The API of accounts."""

import pytest
from django.contrib.auth.models import Permission, User
from django.utils import timezone
from rest_framework.test import APIClient

from roster.models import Account, Listing
from tests.api import client_of, reasons
from tests.roster.conftest import JULIET, MARIO, ROMEO
from xmppservice.api import tokens
from xmppservice.api.models import SCOPES

pytestmark = pytest.mark.django_db

ACCOUNTS = "/api/accounts/"


@pytest.fixture
def api() -> APIClient:
    return client_of(
        *(f"{verb}_account" for verb in ("view", "add", "change", "delete"))
    )


def url(account: Account) -> str:
    return f"{ACCOUNTS}{account.pk}/"


def test_an_account_is_created_read_changed_and_deleted(api):
    made = api.post(ACCOUNTS, {"jid": MARIO, "name": "Mario"}, format="json")
    path = f"{ACCOUNTS}{made.json()['id']}/"
    read = api.get(path)
    hidden = api.patch(path, {"discoverable": False}, format="json")
    put = api.put(path, {"jid": ROMEO, "enabled": False}, format="json")
    deleted = api.delete(path)

    assert (made.status_code, read.json()) == (201, made.json())
    expected = {
        "id": made.json()["id"],
        "jid": MARIO,
        "msisdn": "+393471111111",
        "name": "Mario",
        "enabled": True,
        "discoverable": True,
        "lastSeen": None,
        "goneSince": None,
    }
    assert made.json() == expected
    assert hidden.json() == {**expected, "discoverable": False}
    assert put.json()["jid"] == ROMEO
    assert (put.json()["msisdn"], put.json()["enabled"]) == ("", False)
    assert deleted.status_code == 204
    assert not Account.objects.exists()


def test_clients_cannot_set_msisdn_and_last_seen(api):
    sent = {"jid": ROMEO, "msisdn": "+393471111111", "lastSeen": "2026-01-01T00:00Z"}

    made = api.post(ACCOUNTS, sent, format="json").json()

    assert (made["msisdn"], made["lastSeen"]) == ("", None)


@pytest.mark.parametrize(
    ("sent", "errors"),
    [
        ({}, {"jid": ["This field is required."]}),
        (
            {"jid": "romeo"},
            {
                "jid": [
                    "Enter a JID without a resource, such as 00393471111111@localhost.",
                    "The domain must be one of XMPP_DOMAINS.",
                ]
            },
        ),
        (
            {"jid": "romeo@elsewhere.example"},
            {"jid": ["The domain must be one of XMPP_DOMAINS."]},
        ),
        ({"jid": JULIET.upper()}, {"jid": ["Account with this JID already exists."]}),
        (
            {"jid": ROMEO, "enabled": "perhaps"},
            {"enabled": ["Must be a valid boolean."]},
        ),
    ],
)
def test_errors_are_reported_with_their_field(api, sent, errors):
    Account.objects.create(jid=JULIET)

    answer = api.post(ACCOUNTS, sent, format="json")

    assert reasons(answer) == errors
    assert Account.objects.count() == 1


def test_a_refused_change_changes_nothing(api):
    romeo = Account.objects.create(jid=ROMEO)

    answer = api.patch(url(romeo), {"jid": "x@y.example", "name": "X"}, format="json")

    assert answer.status_code == 400
    romeo.refresh_from_db()
    assert (romeo.jid, romeo.name) == (ROMEO, "")


def test_accounts_are_found_by_jid_number_and_name(api):
    Account.objects.create(jid=MARIO, msisdn="+393471111111", name="Mario Rossi")
    Account.objects.create(jid=ROMEO)

    for word in ("0039347", "+39347", "rossi"):
        page = api.get(ACCOUNTS, {"search": word}).json()
        assert [account["jid"] for account in page["results"]] == [MARIO]


def test_accounts_come_in_pages(api):
    for jid in (ROMEO, JULIET):
        Account.objects.create(jid=jid)

    page = api.get(ACCOUNTS).json()

    assert [account["jid"] for account in page["results"]] == [ROMEO, JULIET]


@pytest.mark.parametrize(
    ("permissions", "codes"),
    [
        ([], [403, 403, 403, 403, 403]),
        (["view_account"], [200, 200, 403, 403, 403]),
        (["add_account"], [403, 403, 201, 403, 403]),
        (["change_account"], [403, 403, 403, 200, 403]),
        (["delete_account"], [403, 403, 403, 403, 204]),
    ],
)
def test_each_permission_opens_what_it_names(permissions, codes):
    romeo = Account.objects.create(jid=ROMEO)
    client = client_of(*permissions)

    answers = [
        client.get(ACCOUNTS),
        client.get(url(romeo)),
        client.post(ACCOUNTS, {"jid": JULIET}, format="json"),
        client.patch(url(romeo), {"name": "Romeo"}, format="json"),
        client.delete(url(romeo)),
    ]

    assert [answer.status_code for answer in answers] == codes


@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete"])
@pytest.mark.parametrize("path", [ACCOUNTS, f"{ACCOUNTS}1/"])
def test_requests_without_a_login_are_refused(method, path):
    assert getattr(APIClient(), method)(path).status_code == 401


def test_a_public_document_does_not_make_accounts_public(settings):
    settings.DOCUMENT_PUBLIC = True
    assert APIClient().get(ACCOUNTS).status_code == 401


def test_a_token_has_the_permissions_of_its_user():
    user = User.objects.create_user("juliet")
    _, secret = tokens.make(user, "verona", SCOPES, None)
    client = APIClient(headers={"Authorization": f"Bearer {secret}"})
    assert client.get(ACCOUNTS).status_code == 403

    user.user_permissions.set(Permission.objects.filter(codename="view_account"))
    assert client.get(ACCOUNTS).status_code == 200


def test_a_refresh_needs_the_permission_to_add_accounts(settings):
    settings.XMPP_DOMAINS = ["localhost", "mantua.example"]
    refresh = f"{ACCOUNTS}refresh/"

    assert client_of("add_account").post(refresh).status_code == 202
    assert Listing.objects.exclude(renew_at=None).count() == 2

    User.objects.all().delete()
    assert client_of("view_account").post(refresh).status_code == 403


def test_an_account_whose_jid_changes_is_announced_again(api):
    account = Account.objects.create(jid=ROMEO, announced=True)
    assert api.patch(url(account), {"jid": MARIO}, format="json").status_code == 200
    assert not Account.objects.get().announced


def test_fields_that_change_meanwhile_are_not_overwritten(api, monkeypatch):
    account = Account.objects.create(jid=ROMEO, budget=9)
    clean = Account.full_clean

    def meanwhile(self, *args, **kwargs):
        Account.objects.update(budget=5, gone_at=timezone.now())
        clean(self, *args, **kwargs)

    monkeypatch.setattr(Account, "full_clean", meanwhile)
    assert api.patch(url(account), {"name": "R"}, format="json").status_code == 200

    account.refresh_from_db()
    assert (account.name, account.budget) == ("R", 5)
    assert account.gone_at is not None


def test_a_user_who_becomes_discoverable_is_announced_again(api):
    account = Account.objects.create(jid=ROMEO, announced=True)
    for discoverable, announced in ((True, True), (False, False), (True, False)):
        sent = {"discoverable": discoverable}
        assert api.patch(url(account), sent, format="json").status_code == 200
        account.refresh_from_db()
        assert account.announced == announced
