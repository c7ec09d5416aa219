"""The models of accounts, the address book, claims and commands."""

import uuid
from datetime import UTC, datetime

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from roster.models import Account, AddressBookEntry, Claim, Command, is_bare_jid


@pytest.mark.parametrize("jid", ["romeo@localhost", "00393471111111@localhost"])
def test_a_bare_jid_is_accepted(jid):
    is_bare_jid(jid)


@pytest.mark.parametrize(
    "text",
    ["", "localhost", "romeo@localhost/phone", "ROMEO@localhost", "@", "a b@localhost"],
)
def test_text_that_is_not_a_normalised_bare_jid_is_refused(text):
    with pytest.raises(ValidationError, match="Enter a JID without a resource"):
        is_bare_jid(text)


@pytest.mark.django_db
def test_an_account_knows_its_number():
    mario, romeo = (
        Account(jid="00393471111111@localhost"),
        Account(jid="romeo@localhost"),
    )

    mario.full_clean()
    romeo.full_clean()

    assert (mario.msisdn, romeo.msisdn) == ("+393471111111", "")
    assert str(romeo) == "romeo@localhost"


@pytest.mark.django_db
def test_the_number_follows_the_jid():
    mario = Account(jid="romeo@localhost", msisdn="+393471111111")
    mario.full_clean()
    assert mario.msisdn == ""


def test_the_jid_of_an_account_is_normalised():
    romeo = Account(jid="ROMEO@Localhost")
    romeo.clean_fields(exclude={"name"})
    assert romeo.jid == "romeo@localhost"


def test_an_account_must_be_in_a_served_domain(settings):
    settings.XMPP_DOMAINS = ["verona.example"]
    Account(jid="romeo@verona.example").clean()

    with pytest.raises(ValidationError) as caught:
        Account(jid="romeo@localhost").clean()

    reason = "The domain must be one of XMPP_DOMAINS."
    assert caught.value.message_dict == {"jid": [reason]}


@pytest.mark.django_db
def test_an_owner_has_each_contact_once():
    owner = Account.objects.create(jid="romeo@localhost")
    fields = {"owner": owner, "digest": bytes.fromhex("0123456789abcdef")}
    entry = AddressBookEntry.objects.create(**fields)
    assert str(entry) == f"{owner.pk}: 01234567"

    with pytest.raises(IntegrityError):
        AddressBookEntry.objects.create(**fields)


@pytest.mark.django_db
def test_an_owner_has_one_claim():
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    fields = {"owner": "romeo@localhost", "expires_at": now}
    claim = Claim.objects.create(token=uuid.uuid4(), **fields)
    assert str(claim) == "romeo@localhost until 12:00:00"

    with pytest.raises(IntegrityError):
        Claim.objects.create(token=uuid.uuid4(), **fields)


def test_a_command_is_displayed_by_its_word():
    assert str(Command(pk=7, command="cmd_search_users")) == "cmd_search_users 7"
    assert str(Command(pk=7)) == "command 7"
