"""Who is a user, what is remembered of it, and how much asking is left."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from django.utils import timezone

from roster import directory, msisdn
from roster.models import Account, AddressBookEntry
from tests.roster.conftest import JULIET, MARIO, ROMEO
from xmppservice.gateway import Late

pytestmark = pytest.mark.django_db

NUMBER = "+393471111111"
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def exist(rosters) -> directory.Exist:
    return partial(rosters.exist, deadline=time.time() + 60)


def long_ago(days: int = 30) -> datetime:
    return timezone.now() - timedelta(days=days)


def jids() -> set[str]:
    return set(Account.objects.values_list("jid", flat=True))


# --- Contacts and owners --------------------------------------------------------


@pytest.mark.parametrize(
    ("jid", "key"),
    [
        ("00393471111111@localhost", NUMBER),
        ("+393471111111@localhost", NUMBER),
        ("romeo@localhost", "romeo@localhost"),
        ("00393471111111@elsewhere.example", "00393471111111@elsewhere.example"),
    ],
)
def test_a_contact_is_its_number_on_the_owners_domain_or_else_its_jid(jid, key):
    assert msisdn.contact_key(jid, "localhost") == key


def test_an_owner_gets_an_account_once():
    made = directory.owner_of(MARIO)

    assert made == directory.owner_of(MARIO) == Account.objects.get()
    assert (made.jid, made.msisdn, made.enabled) == (MARIO, NUMBER, True)


def test_an_account_that_was_given_is_the_owners_as_it_is():
    given = Account.objects.create(jid=ROMEO, enabled=False)
    assert directory.owner_of(ROMEO) == given
    assert directory.owner_of(ROMEO).enabled is False


@pytest.mark.parametrize("jid", ["romeo@elsewhere.example", "localhost"])
def test_who_is_no_user_of_a_served_domain_owns_nothing(jid):
    assert directory.owner_of(jid) is None
    assert not Account.objects.exists()


# --- Users ----------------------------------------------------------------------


def test_who_is_not_known_is_asked_about_and_users_are_remembered(rosters, exist):
    contacts = {NUMBER: MARIO, "nobody@localhost": "nobody@localhost"}

    found = directory.users(contacts, "localhost", exist)

    assert found == {NUMBER: MARIO}
    assert sorted(rosters.asked) == sorted(contacts.values())
    mario = Account.objects.get()
    assert (mario.jid, mario.msisdn) == (MARIO, NUMBER)
    assert mario.checked_at is not None

    rosters.asked.clear()
    assert directory.users(contacts, "localhost", exist) == found
    assert rosters.asked == []


def test_who_registers_later_is_found_once_the_memory_is_old(rosters, exist, settings):
    settings.ACCOUNT_ABSENT_SECONDS = 0
    contacts = {"nurse@localhost": "nurse@localhost"}
    assert directory.users(contacts, "localhost", exist) == {}

    rosters.register("nurse@localhost")

    assert directory.users(contacts, "localhost", exist) == contacts


def test_a_given_account_is_a_user_without_asking(rosters, exist):
    Account.objects.create(jid="nurse@localhost")
    contacts = {"nurse@localhost": "nurse@localhost"}

    assert directory.users(contacts, "localhost", exist) == contacts
    assert rosters.asked == []


@pytest.mark.parametrize("switch", ["enabled", "discoverable"])
def test_who_is_disabled_or_undiscoverable_is_no_user(rosters, exist, switch):
    Account.objects.create(jid=ROMEO, **{switch: False})
    assert directory.users({ROMEO: ROMEO}, "localhost", exist) == {}
    assert rosters.asked == []


def test_an_account_under_another_spelling_is_the_same_user(rosters, exist):
    Account.objects.create(jid="+393471111111@localhost", msisdn=NUMBER)
    found = directory.users({NUMBER: MARIO}, "localhost", exist)
    assert found == {NUMBER: "+393471111111@localhost"}


def test_who_lives_elsewhere_is_no_user_and_is_not_asked_about(
    rosters, exist, settings
):
    settings.XMPP_DOMAINS = ["localhost", "mantua.example"]
    apothecary = "apothecary@mantua.example"
    rosters.register(apothecary)
    Account.objects.create(jid=apothecary)
    Account.objects.create(jid="0039347@mantua.example", msisdn=NUMBER)
    contacts = {apothecary: apothecary, "x@y.example": "x@y.example", NUMBER: JULIET}

    assert directory.users(contacts, "localhost", exist) == {NUMBER: JULIET}
    assert rosters.asked == [JULIET]


def test_a_user_we_were_told_of_long_ago_is_asked_about_again(rosters, exist):
    del rosters.rosters[JULIET]
    for jid in (ROMEO, JULIET):
        Account.objects.create(jid=jid, checked_at=long_ago(), enabled=True)
    Account.objects.create(jid=MARIO, msisdn=NUMBER, checked_at=long_ago(days=1))

    contacts = {ROMEO: ROMEO, JULIET: JULIET, NUMBER: MARIO}
    found = directory.users(contacts, "localhost", exist)

    assert found == {ROMEO: ROMEO, NUMBER: MARIO}
    assert sorted(rosters.asked) == sorted([ROMEO, JULIET])
    assert jids() == {ROMEO, MARIO}
    assert Account.objects.get(jid=ROMEO).checked_at > long_ago(days=1)


def test_a_switched_off_account_stays_switched_off_when_it_is_asked_about(exist):
    Account.objects.create(jid=ROMEO, checked_at=long_ago(), enabled=False)
    assert directory.users({ROMEO: ROMEO}, "localhost", exist) == {}
    assert Account.objects.get().enabled is False


def test_what_a_part_has_told_is_kept_when_the_next_is_late(rosters):
    many = [f"c{number}@localhost" for number in range(directory.ASKED_AT_ONCE + 1)]
    for jid in many:
        rosters.register(jid)
    parts: list[int] = []

    def exist(asked: Sequence[str]) -> Sequence[bool]:
        parts.append(len(asked))
        if len(parts) > 1:
            raise Late("no answer by the deadline")
        return rosters.exist(asked, 0)

    with pytest.raises(Late):
        directory.users({jid: jid for jid in many}, "localhost", exist)

    assert parts == [directory.ASKED_AT_ONCE, 1]
    assert Account.objects.count() == directory.ASKED_AT_ONCE


def test_refresh_asks_about_the_oldest_and_deletes_who_is_gone(rosters, exist):
    del rosters.rosters[JULIET]
    for jid, days in ((ROMEO, 20), (JULIET, 30), (MARIO, 10)):
        Account.objects.create(jid=jid, checked_at=long_ago(days))
    Account.objects.create(jid="given@localhost")
    Account.objects.create(jid="fresh@localhost", checked_at=timezone.now())

    assert directory.refresh(exist, most=2) == 2
    assert rosters.asked == [JULIET, ROMEO]
    assert directory.refresh(exist) == 1
    assert directory.refresh(exist) == 0

    assert jids() == {ROMEO, MARIO, "given@localhost", "fresh@localhost"}


def test_who_is_gone_is_forgotten_but_a_given_account_stays():
    told = Account.objects.create(jid=ROMEO, checked_at=timezone.now())
    given = Account.objects.create(jid=JULIET)

    directory.gone(told)
    directory.gone(given)

    assert jids() == {JULIET}


# --- Address book and budget ------------------------------------------------------


def test_a_digest_is_keyed_and_shows_no_number(settings):
    first = directory.digest(NUMBER)
    settings.ADDRESS_BOOK_KEY = "another"

    assert first != directory.digest(NUMBER)
    assert len(first) == 64
    assert NUMBER.removeprefix("+") not in first


@pytest.fixture
def romeo(settings) -> Account:
    """Three numbers at once, and one more each second."""
    settings.DISCOVERY_BURST = 3
    settings.DISCOVERY_PER_YEAR = 365 * 24 * 60 * 60
    return Account.objects.create(jid=ROMEO)


def book(
    owner: Account, keys: str = "abcdef", now: datetime = NOON
) -> directory.AddressBook:
    owner.refresh_from_db()
    return directory.AddressBook(owner, keys, now)


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

    entries = AddressBookEntry.objects.filter(owner=ROMEO)
    assert {(entry.digest, entry.asked) for entry in entries} == {
        (directory.digest("a"), True),
        (directory.digest("b"), False),
        (directory.digest("c"), False),
    }


def test_who_is_asked_about_later_is_marked_then(romeo):
    book(romeo, "ab").save()
    later = book(romeo, "ab")
    later.covers("b")
    later.save()

    asked = AddressBookEntry.objects.filter(asked=True)
    assert [entry.digest for entry in asked] == [directory.digest("b")]
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

    book = directory.AddressBook(romeo, keys, timezone.now())

    assert len(book.digests) == 250_001


def test_a_stale_account_is_asked_about_under_its_own_jid(rosters):
    plus = "+393479999999@localhost"
    rosters.register(plus)
    days_ago = timezone.now() - timedelta(days=30)
    Account.objects.create(jid=plus, msisdn="+393479999999", checked_at=days_ago)

    found = directory.users(
        {"+393479999999": "00393479999999@localhost"},
        "localhost",
        lambda jids: rosters.exist(jids, 0),
    )

    assert found == {"+393479999999": plus}


def test_an_account_that_staff_switched_off_is_kept_when_it_is_gone(rosters):
    days_ago = timezone.now() - timedelta(days=30)
    gone = "00393479999999@localhost"
    number = {"msisdn": "+393479999999", "checked_at": days_ago}
    Account.objects.create(jid=gone, enabled=False, **number)

    directory.users({"+393479999999": gone}, "localhost", lambda jids: [False])

    assert Account.objects.get(jid=gone).enabled is False
