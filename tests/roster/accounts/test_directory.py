"""Which contacts are users."""

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from roster import msisdn
from roster.accounts import absent, directory
from roster.models import Account, Flag
from tests.roster.accounts.servers import NUMBER, jids, long_ago, visible
from tests.roster.conftest import JULIET, MARIO, ROMEO
from xmppservice.connection.gateway import Late
from xmppservice.runtime.queries import MAX_PARAMETERS

pytestmark = pytest.mark.django_db


@pytest.fixture
def exist(rosters) -> directory.Exist:
    return partial(rosters.exist, deadline=time.time() + 60)


@pytest.mark.parametrize(
    ("jid", "key"),
    [
        ("00393471111111@localhost", NUMBER),
        ("+393471111111@localhost", NUMBER),
        ("romeo@localhost", "romeo@localhost"),
        ("00393471111111@elsewhere.example", "00393471111111@elsewhere.example"),
    ],
)
def test_a_contact_key_is_the_number_on_the_owners_domain_else_the_jid(jid, key):
    assert msisdn.contact_key(jid, "localhost") == key


def test_an_owner_gets_an_account_once():
    made = directory.owners_of([MARIO]).get(MARIO)

    assert made == directory.owners_of([MARIO]).get(MARIO) == Account.objects.get()
    assert (made.jid, made.msisdn, made.enabled) == (MARIO, NUMBER, True)


def test_an_existing_account_becomes_the_owners_unchanged():
    given = Account.objects.create(jid=ROMEO, enabled=False)
    assert directory.owners_of([ROMEO]).get(ROMEO) == given
    assert directory.owners_of([ROMEO]).get(ROMEO).enabled is False


@pytest.mark.parametrize("jid", ["romeo@elsewhere.example", "localhost"])
def test_only_users_of_served_domains_are_owners(jid):
    assert directory.owners_of([jid]).get(jid) is None
    assert not Account.objects.exists()


def test_unknown_contacts_are_looked_up_and_users_are_stored(rosters, exist):
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


def test_new_accounts_are_found_once_the_cache_expires(rosters, exist, settings):
    settings.ACCOUNT_ABSENT_SECONDS = 0
    contacts = {"nurse@localhost": "nurse@localhost"}
    assert directory.users(contacts, "localhost", exist) == {}

    rosters.register("nurse@localhost")

    assert directory.users(contacts, "localhost", exist) == contacts


def test_an_existing_account_is_a_user_without_a_lookup(rosters, exist):
    Account.objects.create(jid="nurse@localhost")
    contacts = {"nurse@localhost": "nurse@localhost"}

    assert directory.users(contacts, "localhost", exist) == contacts
    assert rosters.asked == []


@pytest.mark.parametrize("switch", ["enabled", "discoverable"])
def test_disabled_or_undiscoverable_accounts_are_not_users(exist, switch):
    Account.objects.create(jid=ROMEO, **{switch: False})
    assert directory.users({ROMEO: ROMEO}, "localhost", exist) == {}


@pytest.mark.parametrize("switch", ["enabled", "discoverable"])
def test_hidden_accounts_are_looked_up_like_absent_ones(switch):
    """Otherwise the response time would distinguish the two."""
    Account.objects.create(jid=MARIO, msisdn=NUMBER, **{switch: False})
    asked: list[str] = []

    def exist(jids: Sequence[str]) -> Sequence[bool]:
        asked.extend(jids)
        return [jid == MARIO for jid in jids]

    contacts = {NUMBER: MARIO, "+393472222222": "00393472222222@localhost"}
    for _ in range(2):
        assert directory.users(contacts, "localhost", exist) == {}

    assert sorted(asked) == sorted(contacts.values())
    assert not Account.objects.get().visible


def test_a_thousand_numbers_are_one_query_by_an_index(exist, django_assert_num_queries):
    numbers = [f"+3934700{n:05d}" for n in range(MAX_PARAMETERS)]
    contacts = {number: msisdn.jid_of(number, "localhost") for number in numbers}
    Account.objects.bulk_create(
        Account(jid=jid, msisdn=number) for number, jid in contacts.items()
    )
    with django_assert_num_queries(1) as asked:
        assert directory.users(contacts, "localhost", exist) == contacts

    (query,) = asked.captured_queries
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Otherwise so small a table would be read as a whole.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute(f"EXPLAIN {query['sql']}")
            plan = str(cursor.fetchall())
            assert "Seq Scan" not in plan
        else:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}")
            plan = str(cursor.fetchall())
            assert "SEARCH roster_account USING INDEX" in plan
    assert "jid" in plan


def test_contacts_of_other_domains_are_not_looked_up(rosters, exist, settings):
    settings.XMPP_DOMAINS = ["localhost", "mantua.example"]
    apothecary = "apothecary@mantua.example"
    rosters.register(apothecary)
    Account.objects.create(jid=apothecary)
    Account.objects.create(jid="00393471111111@mantua.example", msisdn=NUMBER)
    contacts = {apothecary: apothecary, "x@y.example": "x@y.example", NUMBER: JULIET}

    assert directory.users(contacts, "localhost", exist) == {NUMBER: JULIET}
    assert rosters.asked == [JULIET]


def test_a_user_checked_long_ago_is_looked_up_again(rosters, exist):
    del rosters.rosters[JULIET]
    for jid in (ROMEO, JULIET):
        Account.objects.create(jid=jid, checked_at=long_ago(), enabled=True)
    Account.objects.create(jid=MARIO, msisdn=NUMBER, checked_at=long_ago(days=1))

    contacts = {ROMEO: ROMEO, JULIET: JULIET, NUMBER: MARIO}
    found = directory.users(contacts, "localhost", exist)

    assert found == {ROMEO: ROMEO, NUMBER: MARIO}
    assert sorted(rosters.asked) == sorted([ROMEO, JULIET])
    assert visible() == {ROMEO, MARIO}
    assert Account.objects.get(jid=ROMEO).checked_at > long_ago(days=1)


def test_a_disabled_account_stays_disabled_after_a_lookup(exist):
    Account.objects.create(jid=ROMEO, checked_at=long_ago(), enabled=False)
    assert directory.users({ROMEO: ROMEO}, "localhost", exist) == {}
    assert Account.objects.get().enabled is False


def test_the_results_of_a_part_are_kept_if_the_next_is_late(rosters):
    many = [f"c{number}@localhost" for number in range(MAX_PARAMETERS + 1)]
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

    assert parts == [MAX_PARAMETERS, 1]
    assert Account.objects.count() == MAX_PARAMETERS


def test_refresh_checks_the_oldest_and_marks_missing_accounts(rosters, exist):
    del rosters.rosters[JULIET]
    for jid, days in ((ROMEO, 20), (JULIET, 30), (MARIO, 10)):
        Account.objects.create(jid=jid, checked_at=long_ago(days))
    Account.objects.create(jid="given@localhost")
    Account.objects.create(jid="fresh@localhost", checked_at=timezone.now())

    assert directory.refresh("localhost", exist, limit=2) == 2
    assert rosters.asked == ["given@localhost", JULIET]
    assert directory.refresh("localhost", exist) == 2
    assert directory.refresh("localhost", exist) == 0

    assert visible() == {ROMEO, MARIO, "fresh@localhost"}


def test_a_deleted_account_comes_back_with_the_budget_that_was_left(rosters, exist):
    romeo = Account.objects.create(jid=ROMEO, budget=7, budget_at=timezone.now())
    directory.mark_gone([romeo])
    contacts = {ROMEO: ROMEO}
    assert directory.users(contacts, "localhost", lambda jids: [False]) == {}
    absent.forget()

    assert directory.users(contacts, "localhost", exist) == contacts
    assert Account.objects.get().budget == 7


def test_a_command_brings_a_deleted_owner_back():
    directory.mark_gone([Account.objects.create(jid=ROMEO)])
    assert directory.owners_of([ROMEO]).get(ROMEO).visible


def test_accounts_gone_for_90_days_are_deleted_whatever_is_known_of_them():
    then = timezone.now() - directory.GONE_RETENTION - timedelta(days=1)
    Account.objects.create(jid=ROMEO, gone_at=then)
    Account.objects.create(jid=JULIET, gone_at=then, enabled=False)
    Account.objects.create(jid=MARIO, gone_at=long_ago(89), budget=1)
    held = Account.objects.create(jid="held@localhost", gone_at=then)
    Flag.objects.create(owner=held)

    assert directory.forget_gone() == 3
    assert jids() == {MARIO}


def test_an_account_disabled_by_staff_is_kept_when_it_is_gone(rosters):
    days_ago = timezone.now() - timedelta(days=30)
    gone = "00393479999999@localhost"
    number = {"msisdn": "+393479999999", "checked_at": days_ago}
    Account.objects.create(jid=gone, enabled=False, **number)

    directory.users({"+393479999999": gone}, "localhost", lambda jids: [False])

    assert Account.objects.get(jid=gone).enabled is False
