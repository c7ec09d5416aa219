"""Accounts that registered anew: staff, the API and notices say who has the number."""

import pytest
from django.test import Client
from django.utils import timezone

from roster.accounts import directory
from roster.models import Account, AddressBookEntry, Flag
from tests.roster.api.test_webhook import SECRET, notice, post
from tests.roster.conftest import JULIET, ROMEO, staff

pytestmark = pytest.mark.django_db

ACCOUNTS = "/admin/roster/account/"


@pytest.fixture
def romeo() -> Account:
    """Was gone, has registered anew, and is flagged; Juliet never left."""
    account = Account.objects.create(jid=ROMEO, name="Romeo", enabled=False)
    AddressBookEntry.objects.create(owner=account, digest=b"contact")
    Flag.objects.create(owner=account)
    directory.mark_gone([account])
    directory.owners_of([ROMEO])
    Account.objects.create(jid=JULIET)
    return account


def act(client: Client, action: str) -> str:
    rows = Account.objects.values_list("pk", flat=True)
    fields = {"action": action, "_selected_action": list(rows)}
    response = client.post(ACCOUNTS, fields, follow=True)
    return " ".join(map(str, response.context["messages"]))


def test_they_are_listed_and_named_on_their_page(admin_client, romeo):
    listed = admin_client.get(f"{ACCOUNTS}?gone=anew").content.decode()
    assert ROMEO in listed
    assert JULIET not in listed
    assert "registered anew on" in listed

    page = admin_client.get(f"{ACCOUNTS}{romeo.pk}/change/").content.decode()
    assert "registered anew on" in page
    assert "Another person" in page


def test_one_click_frees_the_number_for_another_person(admin_client, romeo):
    assert act(admin_client, "reassign") == "1 account starts afresh."

    account = Account.objects.get(jid=ROMEO)
    assert (account.name, account.enabled, account.returned_at) == ("", True, None)
    assert not AddressBookEntry.objects.exists()
    assert not Flag.objects.exists()
    assert act(admin_client, "reassign") == "0 accounts start afresh."


def test_one_click_keeps_everything_for_the_same_person(admin_client, romeo):
    assert act(admin_client, "keep_holder") == "1 account changed."

    account = Account.objects.get(jid=ROMEO)
    assert (account.name, account.enabled, account.returned_at) == (
        "Romeo",
        False,
        None,
    )
    assert AddressBookEntry.objects.count() == Flag.objects.count() == 1


@pytest.mark.parametrize("action", ["reassign", "keep_holder"])
def test_it_needs_the_permission_to_change_accounts(romeo, action):
    act(staff("view_account"), action)
    assert Account.objects.get(jid=ROMEO).returned_at is not None


def test_the_api_says_that_a_number_has_another_holder(admin_client, romeo):
    url = f"/api/accounts/{romeo.pk}/reassign/"
    assert staff("view_account", "change_account").post(url).status_code == 403

    answer = admin_client.post(url, content_type="application/json")

    assert answer.status_code == 200
    assert (answer.json()["name"], answer.json()["enabled"]) == ("", True)
    assert not Flag.objects.exists()


def test_a_notice_says_that_a_number_has_another_holder(settings, romeo):
    settings.ACCOUNT_WEBHOOK_SECRET = SECRET
    body = notice("registered", ROMEO, at=timezone.now(), reassigned=True)
    assert post(body).status_code == 204
    assert Account.objects.get(jid=ROMEO).visible
    assert not AddressBookEntry.objects.exists()


@pytest.mark.parametrize(
    ("type", "reassigned"), [("unregistered", True), ("registered", "yes")]
)
def test_a_notice_that_contradicts_itself_is_refused(settings, romeo, type, reassigned):
    settings.ACCOUNT_WEBHOOK_SECRET = SECRET
    answer = post(notice(type, ROMEO, reassigned=reassigned))
    assert answer.status_code == 400
    assert "reassigned" in answer.content.decode()
    assert AddressBookEntry.objects.exists()
