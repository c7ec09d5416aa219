"""An owner's address book, and the budget that is left."""

import sqlite3
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from roster.discovery import address_book, digests, expiry, hit_rate
from roster.discovery.budget import FLAGGED_RETRY_SECONDS
from roster.models import Account, AddressBookEntry, Flag, LateJoin
from roster.msisdn import Number
from tests.roster.conftest import JULIET, ROMEO

pytestmark = pytest.mark.django_db

NUMBER = Number("+393471111111")
# Yesterday: contacts sent on a fixed date would expire one day.
NOON = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
NOON -= timedelta(days=1)


def test_a_digest_is_keyed_and_shows_no_number(settings):
    (first,) = digests.digests(NUMBER)
    settings.ADDRESS_BOOK_KEYS = ["another"]

    assert [first] != digests.digests(NUMBER)
    assert len(first) == 32
    assert NUMBER.removeprefix("+").encode() not in first


def digest(contact: str) -> bytes:
    return digests.digests(contact)[0]


@pytest.fixture
def romeo(settings) -> Account:
    """An owner with a budget of three numbers, and one more each second."""
    settings.DISCOVERY_BURST = 3
    settings.DISCOVERY_PER_YEAR = 365 * 24 * 60 * 60
    return Account.objects.create(jid=ROMEO)


def book(
    owner: Account, keys: Iterable[str] = "abcdef", now: datetime = NOON
) -> address_book.AddressBook:
    owner.refresh_from_db()
    contacts = {key_of(text): text for text in keys}
    return address_book.open_books({owner: contacts}, now)[owner]


def key_of(text: str) -> str:
    return Number(text) if text.startswith("+") else text


def test_a_search_is_charged_for_all_contacts_or_none(romeo):
    today = book(romeo)

    assert today.budget.covers("ab")
    assert not today.budget.covers("cd")
    assert today.budget.left == 1
    assert today.budget.covers("c")
    assert not today.budget.covers("d")


def test_asking_again_is_free_in_the_same_batch_and_in_later_ones(romeo):
    today = book(romeo)
    assert today.budget.covers("abc")
    assert today.budget.covers("aab")
    today.save()

    later = book(romeo)
    assert later.budget.left == 0
    assert later.budget.covers("cab")
    assert later.budget.free("abcd") == set("abc")


def test_contacts_are_covered_in_order_as_far_as_the_budget_goes(romeo):
    today = book(romeo)
    assert today.budget.covered("aba") == set("ab")
    assert today.budget.covered("bcde") == set("bc")
    assert today.budget.left == 0


def test_a_fraction_of_a_number_covers_no_contact(romeo):
    romeo.budget, romeo.budget_at = 0.9, NOON
    romeo.save()
    assert book(romeo).budget.covered("a") == set()


def test_the_budget_is_refilled_up_to_the_burst(romeo):
    book(romeo).save()
    spent = book(romeo)
    spent.budget.covers("abc")
    spent.save()

    def left(seconds: float) -> float:
        return book(romeo, now=NOON + timedelta(seconds=seconds)).budget.left

    assert [left(0), left(2), left(3), left(3_600)] == [0, 2, 3, 3]


@pytest.mark.parametrize(
    ("per_year", "asked", "seconds"),
    [(365 * 24 * 60 * 60, "abcde", 2), (365 * 24 * 60, "abcde", 120), (0, "abc", 1)],
)
def test_retry_after_is_when_the_budget_covers_the_contacts(
    romeo, settings, per_year, asked, seconds
):
    settings.DISCOVERY_PER_YEAR = per_year
    assert book(romeo).budget.retry_after(asked) == seconds


def test_the_promised_wait_is_long_enough(romeo):
    today = book(romeo)
    assert today.budget.covers("ab")
    wait = today.budget.retry_after("cdf")
    assert not today.budget.covers("cdf")
    today.save()

    assert book(romeo, now=NOON + timedelta(seconds=wait)).budget.covers("cdf")
    assert not book(romeo, now=NOON + timedelta(seconds=wait - 1)).budget.covers("cdf")


def test_contacts_are_stored_as_digests_and_charged_ones_are_marked(romeo):
    today = book(romeo, "abc")
    today.budget.covers("a")
    today.save()

    entries = AddressBookEntry.objects.filter(owner=romeo)
    assert {(bytes(entry.digest), entry.asked_at) for entry in entries} == {
        (digest("a"), NOON),
        (digest("b"), None),
        (digest("c"), None),
    }


def test_an_owner_cannot_fill_the_database_with_uncharged_contacts(romeo, monkeypatch):
    monkeypatch.setattr(address_book, "MAX_UNCHARGED", 3)
    for part in ("abcd", "efgh", "ij"):
        book(romeo, part).save()
    assert AddressBookEntry.objects.filter(owner=romeo).count() == 3
    later = book(romeo, "xyz")
    assert later.budget.covers("xy")
    later.save()
    assert AddressBookEntry.objects.filter(owner=romeo).count() == 5


def test_a_contact_charged_later_is_marked_then(romeo):
    book(romeo, "ab").save()
    later = book(romeo, "ab")
    later.budget.covers("b")
    later.save()

    asked = AddressBookEntry.objects.exclude(asked_at=None)
    assert [bytes(entry.digest) for entry in asked] == [digest("b")]
    assert AddressBookEntry.objects.count() == 2


def test_nothing_is_stored_before_it_is_saved(romeo):
    book(romeo).budget.covers("abc")
    assert not AddressBookEntry.objects.exists()
    assert book(romeo).budget.left == 3


def test_owners_do_not_share_address_books(romeo):
    juliet = Account.objects.create(jid=JULIET)
    today = book(romeo)
    today.budget.covers("abc")
    today.save()

    assert book(juliet).budget.free("abc") == set()
    assert book(juliet).budget.left == 3


def test_last_seen_of_an_owner_is_updated_at_most_once_an_hour(romeo):
    def seen(minutes: int) -> datetime:
        book(romeo, "", NOON + timedelta(minutes=minutes)).save()
        romeo.refresh_from_db()
        return romeo.last_seen

    assert seen(0) == NOON
    assert seen(59) == NOON
    assert seen(61) == NOON + timedelta(minutes=61)


@pytest.fixture
def few_parameters(db) -> Iterator[None]:
    """PostgreSQL takes 65,535 parameters of a query; so does SQLite here."""
    if connection.vendor != "sqlite":
        yield
        return
    connection.ensure_connection()
    kind = sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER
    before = connection.connection.setlimit(kind, 65_535)
    yield
    connection.connection.setlimit(kind, before)


@pytest.mark.usefixtures("few_parameters")
def test_an_address_book_takes_more_contacts_than_a_query_has_parameters(romeo):
    keys = [f"+3934{number:08d}" for number in range(65_536)]

    opened = book(romeo, keys)

    assert opened.stored == {}
    assert opened.budget.free(keys[:2]) == set()


def test_an_owner_erased_meanwhile_leaves_nothing(romeo):
    today = book(romeo, "a")
    today.budget.covers("a")
    Account.objects.all().delete()
    today.save()
    assert not AddressBookEntry.objects.exists()


def test_contacts_that_joined_since_the_lookup_are_queued(romeo):
    """They were announced before this entry was stored."""
    today = book(romeo, ["juliet@localhost", NUMBER, "x@localhost"])
    today.budget.covers(today.contacts)
    for jid in (JULIET, "00393471111111@localhost"):
        Account.objects.create(jid=jid, announced=True)
    today.hits.add(NUMBER)
    today.save()
    assert [row.joined.jid for row in LateJoin.objects.all()] == [JULIET]


# --- Keys ---------------------------------------------------------------------------


@pytest.mark.parametrize("is_key_old", [False, True])
def test_rows_under_the_former_key_of_a_number_are_found_and_moved(
    romeo, settings, is_key_old
):
    number, former = "+491701234567", "+4901701234567"
    today = book(romeo, [former, "b"])
    today.budget.covers([former])
    today.save()
    if is_key_old:
        settings.ADDRESS_BOOK_KEYS = ["new", *settings.ADDRESS_BOOK_KEYS]

    later = address_book.open_books({romeo: {Number(number): former}}, NOON)[romeo]
    assert later.budget.free([number]) == {number}
    later.save()

    stored = {bytes(entry.digest) for entry in AddressBookEntry.objects.all()}
    assert digest(number) in stored
    assert len(stored) == 2
    assert book(romeo, [number]).budget.free([number]) == {number}


def test_rows_under_an_old_key_are_found_and_moved_to_the_newest(romeo, settings):
    today = book(romeo, "abc")
    today.budget.covers("ab")
    today.save()
    old = settings.ADDRESS_BOOK_KEYS[0]
    settings.ADDRESS_BOOK_KEYS = ["new", old]

    later = book(romeo, "ad")
    assert later.budget.free("ad") == {"a"}
    later.save()

    (new, before) = digests.keys()
    keys = dict(AddressBookEntry.objects.values_list("digest", "key"))
    assert {bytes(digest): key for digest, key in keys.items()} == {
        new.digest("a"): new.name,
        before.digest("b"): before.name,
        before.digest("c"): before.name,
        new.digest("d"): new.name,
    }
    assert book(romeo).budget.free("abcd") == {"a", "b"}


def test_dropping_a_key_deletes_its_rows_and_no_others(romeo, settings):
    book(romeo, "abc").save()
    old = settings.ADDRESS_BOOK_KEYS[0]
    settings.ADDRESS_BOOK_KEYS = ["new", old]
    book(romeo, "cd").save()
    assert expiry.expire(60) == {"expired": 0, "dropped": 0}

    settings.ADDRESS_BOOK_KEYS = ["new"]

    assert expiry.expire(60) == {"expired": 0, "dropped": 2}
    assert book(romeo).stored.keys() == set("cd")


def test_rows_move_from_an_old_key_a_few_at_a_time(romeo, settings, monkeypatch):
    book(romeo, "abcde").save()
    monkeypatch.setattr(address_book, "MOVE_BATCH_SIZE", 2)
    settings.ADDRESS_BOOK_KEYS = ["new", *settings.ADDRESS_BOOK_KEYS]
    newest = digests.keys()[0].name

    def moved() -> int:
        book(romeo, "abcde").save()
        return AddressBookEntry.objects.filter(key=newest).count()

    assert [moved(), moved(), moved()] == [2, 4, 5]


def test_the_name_of_a_key_does_not_reveal_it():
    (key,) = digests.keys()
    assert len(key.name) == 8
    assert key.name.encode() not in key.secret


# --- Expiry -------------------------------------------------------------------------


def test_contacts_not_sent_for_a_long_time_expire(romeo, settings):
    settings.ADDRESS_BOOK_DAYS = 400
    now = timezone.now()
    book(romeo, "ab", now - timedelta(days=401)).save()
    # Sent again, so it stays.
    book(romeo, "b", now - timedelta(days=300)).save()
    book(romeo, "c", now - timedelta(days=399)).save()

    assert expiry.expire(60) == {"expired": 1, "dropped": 0}
    assert book(romeo).stored.keys() == set("bc")


def test_seen_at_of_a_contact_is_updated_after_30_days(romeo):
    def seen(days: int) -> datetime:
        book(romeo, "a", NOON + timedelta(days=days)).save()
        return AddressBookEntry.objects.get().seen_at

    assert [seen(0), seen(30), seen(31)] == [NOON, NOON, NOON + timedelta(days=31)]


def test_expiry_works_in_batches_and_stops_in_time(romeo, monkeypatch):
    book(romeo, "abcde", timezone.now() - timedelta(days=500)).save()
    monkeypatch.setattr(expiry, "BATCH_SIZE", 2)

    assert expiry.expire(0) == {"expired": 2, "dropped": 0}
    assert expiry.expire(60) == {"expired": 3, "dropped": 0}


# --- The detector -------------------------------------------------------------------


@pytest.fixture
def rich(settings) -> Account:
    settings.DISCOVERY_BURST = 10_000
    return Account.objects.create(jid=ROMEO)


def scan(begin: int, count: int) -> list[Number]:
    return [Number(f"+3934711{number:05d}") for number in range(begin, begin + count)]


def test_an_owner_who_scans_is_flagged_and_gets_no_more_answers(rich):
    numbers = scan(0, 2_000)
    today = book(rich, numbers)
    assert not today.budget.covers(numbers)
    assert today.budget.left == 10_000
    assert today.budget.retry_after(numbers) == FLAGGED_RETRY_SECONDS
    today.save()

    flag = Flag.objects.get()
    assert flag.owner == rich
    assert flag.released_at is None
    assert flag.reasons[0]["rule"] == "run"
    later = book(rich, ["+393470000001"])
    assert not later.budget.covers(["+393470000001"])
    later.save()
    assert Flag.objects.count() == 1


def test_scanning_one_number_at_a_time_is_flagged_too(rich):
    first, second = scan(0, 1_500)[::2], scan(0, 1_500)[1::2]
    for part in (first[n : n + 50] for n in range(0, 750, 50)):
        opened = book(rich, part)
        opened.budget.covers(part)
        opened.save()
    for number in second:
        opened = book(rich, [number])
        opened.budget.covers([number])
        opened.save()
        if opened.budget.is_flagged:
            break

    assert Flag.objects.get().reasons[0]["rule"] == "crowd"
    assert AddressBookEntry.objects.exclude(asked_at=None).count() < 1_500


def test_a_flagged_owner_gets_no_answer_even_about_known_contacts(rich):
    opened = book(rich, ["+393470000001"])
    opened.budget.covers(["+393470000001"])
    opened.save()
    Flag.objects.create(owner=rich)

    later = book(rich, ["+393470000001", "+393470000002"])
    assert not later.budget.covers(["+393470000001"])
    assert later.budget.covered(["+393470000001", "+393470000002"]) == set()
    assert later.budget.free(["+393470000001"]) == set()
    assert later.budget.retry_after([]) == FLAGGED_RETRY_SECONDS


def test_after_a_flag_is_cleared_only_later_contacts_count(rich):
    for part in (scan(0, 200), scan(500, 200)):
        opened = book(rich, part)
        opened.budget.covers(part)
        opened.save()
    Flag.objects.create(owner=rich, raised_at=NOON, released_at=timezone.now())

    later = book(rich, scan(99_999, 1), timezone.now())
    assert later.budget.covers(later.contacts)
    assert later.budget._history.charged_numbers.total == 1


def test_refused_contacts_are_answered_after_the_flag_is_cleared(rich):
    """The same numbers do not flag an owner twice."""
    numbers = scan(0, 2_000)
    refused = book(rich, numbers, NOON)
    assert not refused.budget.covers(numbers)
    refused.save()
    Flag.objects.update(released_at=NOON + timedelta(hours=1))

    again = book(rich, numbers, NOON + timedelta(hours=2))
    assert again.budget.covers(numbers)
    again.save()

    assert Flag.objects.count() == 1
    more = scan(5_000, 2_000)
    assert not book(rich, more, NOON + timedelta(hours=3)).budget.covers(more)


def test_contacts_without_a_number_do_not_count_as_a_crowd(rich):
    names = [f"user{n}@localhost" for n in range(2_000)]
    opened = book(rich, names)
    assert opened.budget.covers(names)
    assert opened.budget._history.charged_numbers.total == 0


def test_neighbouring_numbers_share_a_prefix_for_one_owner_only(rich):
    juliet = Account.objects.create(jid=JULIET)
    a, b, c = map(Number, ("+393471110001", "+393471119999", "+393471120000"))

    prefixes = [digests.prefix_of(rich, one) for one in (a, b, c)]

    assert prefixes[0] == prefixes[1] != prefixes[2]
    assert digests.prefix_of(juliet, a) != prefixes[0]


def test_the_usual_share_of_hits_is_the_median_of_many_owners():
    cache.delete(hit_rate.RATE_KEY)
    for n in range(hit_rate.MIN_OWNERS):
        owner = Account.objects.create(jid=f"o{n}@localhost")
        numbers = [f"+39347{n:03d}{line:04d}" for line in range(20)]
        opened = book(owner, numbers)
        opened.budget.covers(numbers)
        opened.hits = set(numbers[: n % 2 * 8 + 2])
        opened.save()
        if n == 0:
            assert hit_rate._usual() is None

    assert hit_rate._usual() == pytest.approx(0.3)


def test_the_usual_share_of_hits_is_cached(monkeypatch):
    cache.delete_many([hit_rate.RATE_KEY, hit_rate.UNKNOWN_KEY])
    looks: list[float | None] = [0.5, None]
    monkeypatch.setattr(hit_rate, "_usual", looks.pop)

    assert [hit_rate.usual_hit_rate(), hit_rate.usual_hit_rate()] == [None, None]
    assert looks == [0.5]
    # A share that is not known yet is computed again soon.
    cache.delete(hit_rate.UNKNOWN_KEY)
    assert [hit_rate.usual_hit_rate(), hit_rate.usual_hit_rate()] == [0.5, 0.5]
    cache.delete(hit_rate.RATE_KEY)
