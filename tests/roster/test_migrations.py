"""What is stored already when a new version of the service starts."""

import hashlib
import hmac

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import StateApps
from django.utils import timezone

from roster.discovery.address_book import AddressBook
from roster.models import Account, AddressBookEntry
from tests.roster.conftest import ROMEO

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = "0003_operations"


def migrate(name: str) -> StateApps:
    call_command("migrate", "roster", name, verbosity=0)
    loader = MigrationExecutor(connection).loader
    return loader.project_state(("roster", name)).apps


def digest(contact: str) -> str:
    key = settings.ADDRESS_BOOK_KEYS[0].encode()
    return hmac.new(key, contact.encode(), hashlib.sha256).hexdigest()


def test_contacts_keep_their_owner_and_what_was_charged():
    try:
        old = migrate(BEFORE)
        old.get_model("roster", "Account").objects.create(jid=ROMEO, budget=7)
        entries = old.get_model("roster", "AddressBookEntry").objects
        for contact, asked in (("a", True), ("b", False)):
            entries.create(owner=ROMEO, digest=digest(contact), asked=asked)
        entries.create(owner="nobody@localhost", digest=digest("a"))
    finally:
        call_command("migrate", "roster", verbosity=0)

    romeo = Account.objects.get()
    assert romeo.budget == 7
    assert romeo.visible
    assert AddressBookEntry.objects.count() == 2
    book = AddressBook(romeo, ["a", "b", "c"], timezone.now())
    assert book.budget.free("abc") == {"a"}
    assert book.stored.keys() == {"a", "b"}
    # Of a number from before nobody knows the neighbours.
    assert {row.prefix for row in book.stored.values()} == {None}
