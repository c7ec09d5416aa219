"""What an owner's address book holds, and how much asking is left."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from roster import addressbook
from roster.models import Account, AddressBookEntry
from tests.roster.conftest import JULIET, ROMEO

pytestmark = pytest.mark.django_db

NUMBER = "+393471111111"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_digest_is_keyed_and_shows_no_number(settings):
    (first,) = addressbook.digests(NUMBER)
    settings.ADDRESS_BOOK_KEYS = ["another"]

    assert [first] != addressbook.digests(NUMBER)
    assert len(first) == 32
    assert NUMBER.removeprefix("+").encode() not in first


def digest(contact: str) -> bytes:
    return addressbook.digests(contact)[0]


@pytest.fixture
def romeo(settings) -> Account:
    """Three numbers at once, and one more each second."""
    settings.DISCOVERY_BURST = 3
    settings.DISCOVERY_PER_YEAR = 365 * 24 * 60 * 60
    return Account.objects.create(jid=ROMEO)


def book(
    owner: Account, keys: str = "abcdef", now: datetime = NOON
) -> addressbook.AddressBook:
    owner.refresh_from_db()
    return addressbook.AddressBook(owner, keys, now)


def test_a_search_is_charged_for_all_or_for_none(romeo):
    today = book(romeo)

    assert today.covers("ab")
    assert not today.covers("cd")
    assert today.left == 1
    assert today.covers("c")
    assert not today.covers("d")


def test_asking_again_is_free_in_the_same_turn_and_in_later_ones(romeo):
    today = book(romeo)
    assert today.covers("abc")
    assert today.covers("aab")
    today.save()

    later = book(romeo)
    assert later.left == 0
    assert later.covers("cab")
    assert later.free("abcd") == set("abc")


def test_contacts_are_covered_in_order_as_far_as_the_budget_goes(romeo):
    today = book(romeo)
    assert today.covered("aba") == set("ab")
    assert today.covered("bcde") == set("bc")
    assert today.left == 0


def test_half_a_number_covers_nobody(romeo):
    romeo.budget, romeo.budget_at = 0.9, NOON
    romeo.save()
    assert book(romeo).covered("a") == set()


def test_the_budget_is_refilled_up_to_the_burst(romeo):
    book(romeo).save()
    spent = book(romeo)
    spent.covers("abc")
    spent.save()

    def left(seconds: float) -> float:
        return book(romeo, now=NOON + timedelta(seconds=seconds)).left

    assert [left(0), left(2), left(3), left(3_600)] == [0, 2, 3, 3]


@pytest.mark.parametrize(
    ("per_year", "asked", "seconds"),
    [(365 * 24 * 60 * 60, "abcde", 2), (365 * 24 * 60, "abcde", 120), (0, "abc", 1)],
)
def test_retry_after_says_when_the_budget_covers(
    romeo, settings, per_year, asked, seconds
):
    settings.DISCOVERY_PER_YEAR = per_year
    assert book(romeo).retry_after(asked) == seconds


def test_the_promised_wait_is_long_enough(romeo):
    today = book(romeo)
    assert today.covers("ab")
    wait = today.retry_after("cdf")
    assert not today.covers("cdf")
    today.save()

    assert book(romeo, now=NOON + timedelta(seconds=wait)).covers("cdf")
    assert not book(romeo, now=NOON + timedelta(seconds=wait - 1)).covers("cdf")


def test_every_contact_is_remembered_as_a_digest_and_who_was_asked_about(romeo):
    today = book(romeo, "abc")
    today.covers("a")
    today.save()

    entries = AddressBookEntry.objects.filter(owner=romeo)
    assert {(bytes(entry.digest), entry.asked_at) for entry in entries} == {
        (digest("a"), NOON),
        (digest("b"), None),
        (digest("c"), None),
    }


def test_who_is_asked_about_later_is_marked_then(romeo):
    book(romeo, "ab").save()
    later = book(romeo, "ab")
    later.covers("b")
    later.save()

    asked = AddressBookEntry.objects.exclude(asked_at=None)
    assert [bytes(entry.digest) for entry in asked] == [digest("b")]
    assert AddressBookEntry.objects.count() == 2


def test_nothing_is_stored_before_it_is_saved(romeo):
    book(romeo).covers("abc")
    assert not AddressBookEntry.objects.exists()
    assert book(romeo).left == 3


def test_an_address_book_is_the_owners_alone(romeo):
    juliet = Account.objects.create(jid=JULIET)
    today = book(romeo)
    today.covers("abc")
    today.save()

    assert book(juliet).free("abc") == set()
    assert book(juliet).left == 3


def test_an_owner_is_seen_at_most_once_an_hour_for_free(romeo):
    def seen(minutes: int) -> datetime:
        book(romeo, "", NOON + timedelta(minutes=minutes)).save()
        romeo.refresh_from_db()
        return romeo.last_seen

    assert seen(0) == NOON
    assert seen(59) == NOON
    assert seen(61) == NOON + timedelta(minutes=61)


def test_an_address_book_takes_more_contacts_than_a_query_has_parameters(romeo):
    keys = [f"+3934{number:08d}" for number in range(250_001)]

    book = addressbook.AddressBook(romeo, keys, timezone.now())

    assert book.stored == {}
    assert book.free(keys[:2]) == set()
