"""Accounts from the listings and notices of the XMPP server."""

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from roster.accounts import directory
from roster.models import Account
from tests.roster.accounts.servers import NUMBER, long_ago, visible
from tests.roster.conftest import JULIET, MARIO, ROMEO

pytestmark = pytest.mark.django_db


@pytest.fixture
def exist(rosters) -> directory.Exist:
    return partial(rosters.exist, deadline=time.time() + 60)


def test_a_listing_adds_new_accounts_and_marks_missing_ones():
    for jid in (ROMEO, JULIET):
        Account.objects.create(jid=jid, checked_at=long_ago())
    Account.objects.create(jid="given@localhost")
    Account.objects.create(jid="nurse@mantua.example", checked_at=long_ago())

    came = directory.apply_listing("localhost", {ROMEO, MARIO}, timezone.now())

    assert came == (1, 2)
    assert visible() == {ROMEO, MARIO, "nurse@mantua.example"}
    assert Account.objects.get(jid=MARIO).msisdn == NUMBER


def test_accounts_added_during_a_listing_stay():
    asked_at = timezone.now()
    directory.owners_of([ROMEO]).get(ROMEO)
    assert directory.apply_listing("localhost", set(), asked_at) == (0, 1)
    assert visible() == {ROMEO}


def test_after_a_listing_only_a_few_accounts_are_looked_up(rosters, exist):
    directory.apply_listing("localhost", {ROMEO}, timezone.now())
    few = {jid: jid for jid in (ROMEO, JULIET)}
    many = {
        f"c{n}@localhost": f"c{n}@localhost"
        for n in range(directory.MAX_SINGLE_LOOKUPS + 1)
    }

    assert directory.users(many | few, "localhost", exist) == {ROMEO: ROMEO}
    assert rosters.asked == []
    assert directory.users(few, "localhost", exist) == few
    assert rosters.asked == [JULIET]


def test_an_old_listing_is_no_longer_trusted(rosters, exist):
    directory.apply_listing(
        "localhost", set(), timezone.now() - directory.LISTING_VALIDITY
    )
    many = {
        f"c{n}@localhost": f"c{n}@localhost"
        for n in range(directory.MAX_SINGLE_LOOKUPS + 1)
    }
    directory.users(many, "localhost", exist)
    assert len(rosters.asked) == len(many)


def test_renewed_accounts_are_checked_once(rosters, exist):
    for jid in (ROMEO, "left@localhost"):
        Account.objects.create(jid=jid, checked_at=timezone.now())
    assert directory.refresh("localhost", exist) == 0

    directory.renew()

    assert directory.refresh("localhost", exist) == 2
    assert directory.refresh("localhost", exist) == 0
    assert visible() == {ROMEO}


def test_a_listing_is_due_initially_hourly_and_when_renewed():
    assert directory.is_due("localhost")
    directory.apply_listing("localhost", set(), timezone.now())
    assert not directory.is_due("localhost")
    directory.renew()
    assert directory.is_due("localhost")
    directory.apply_listing("localhost", set(), timezone.now())
    assert not directory.is_due("localhost")
    directory.apply_listing(
        "localhost", set(), timezone.now() - directory.LISTING_INTERVAL
    )
    assert directory.is_due("localhost")


def test_a_listing_without_most_accounts_is_not_trusted(monkeypatch):
    monkeypatch.setattr(directory, "MAX_GONE_PER_LISTING", 2)
    there = {f"o{n}@localhost" for n in range(5)}
    directory.apply_listing("localhost", there, timezone.now())

    with pytest.raises(directory.BrokenListing, match="lists 1 accounts, of 5"):
        directory.apply_listing("localhost", {"o0@localhost"}, timezone.now())

    assert visible() == there
    directory.apply_listing(
        "localhost", {"o0@localhost", "o1@localhost", "o2@localhost"}, timezone.now()
    )
    assert len(visible()) == 3


def test_a_notice_received_during_a_check_is_not_undone(rosters):
    """A notice is newer than the answer to an earlier request."""
    Account.objects.create(jid=JULIET, checked_at=long_ago())

    def registers_meanwhile(jids: Sequence[str]) -> Sequence[bool]:
        directory.apply_notices({JULIET: True}, timezone.now())
        return [False] * len(jids)

    directory.refresh("localhost", registers_meanwhile)
    assert visible() == {JULIET}


def test_a_notice_received_during_a_listing_is_not_undone():
    asked_at = timezone.now()
    directory.apply_notices(
        {ROMEO: True, JULIET: True}, asked_at - timedelta(seconds=9)
    )
    directory.apply_notices({ROMEO: False}, timezone.now())
    directory.apply_notices({MARIO: True}, timezone.now())

    directory.apply_listing("localhost", {ROMEO, JULIET}, asked_at)

    assert visible() == {JULIET, MARIO}


def test_accounts_of_a_domain_no_longer_served_are_left_alone(rosters, exist):
    Account.objects.create(jid="old@gone.example")
    assert directory.refresh("localhost", exist) == 0


@pytest.mark.parametrize(
    "jid",
    [
        "+393471111111@localhost",
        "00-393471111111@localhost",
        "0039347‐1111111@localhost",
        "393471111111@localhost",
    ],
)
def test_an_account_under_another_spelling_is_not_the_number(exist, jid):
    directory.apply_listing("localhost", [jid], timezone.now())
    assert Account.objects.get().msisdn == ""
    assert directory.users({NUMBER: MARIO}, "localhost", exist) == {NUMBER: MARIO}

    directory.mark_gone(Account.objects.filter(jid=MARIO))
    assert directory.users({NUMBER: MARIO}, "localhost", lambda jids: [False]) == {}


def test_a_notice_counts_from_its_timestamp_on():
    now = timezone.now()
    directory.apply_notices({ROMEO: True, MARIO: True}, now)
    directory.apply_notices({MARIO: False}, now + timedelta(seconds=1))
    # An older notice that arrives late.
    directory.apply_notices({MARIO: True, ROMEO: False}, now - timedelta(seconds=1))

    assert visible() == {ROMEO}


def test_notices_may_arrive_in_any_order_and_twice():
    now = timezone.now()
    directory.apply_notices({ROMEO: False}, now)
    directory.apply_notices({ROMEO: True}, now - timedelta(seconds=1))
    directory.apply_notices({ROMEO: True}, now)
    assert visible() == set()
    directory.apply_notices({ROMEO: True}, now + timedelta(seconds=1))
    assert visible() == {ROMEO}


def test_a_notice_overrides_a_cached_absence(rosters, exist):
    contacts = {"nurse@localhost": "nurse@localhost"}
    assert directory.users(contacts, "localhost", exist) == {}
    directory.apply_notices({"nurse@localhost": True}, timezone.now())
    assert directory.users(contacts, "localhost", exist) == contacts
