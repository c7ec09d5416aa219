"""A number that changes hands: nothing of the one who left is the next one's."""

import json
import random
import time
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from roster import tasks
from roster.accounts import bulk, directory
from roster.commands import batch, claims, intake, results
from roster.models import (
    Account,
    AddressBookEntry,
    Claim,
    Command,
    Flag,
    LateJoin,
    Subscriber,
)
from roster.privacy import holders
from tests.roster.conftest import (
    ADD,
    JULIET,
    MARIO,
    ROMEO,
    SEARCH,
    ask,
    message,
    numbers,
    settle,
    users,
)
from xmppservice.rosters.interface import MISSING, all_refused

pytestmark = pytest.mark.django_db

BOOK = users(("Mario", "+393471111111"), ("Liam", "liam"))


@pytest.fixture
def juliet(rosters, settings) -> Account:
    """Juliet has sent a command; every kind of data is stored about her."""
    settings.DISCOVERY_PER_YEAR = 0
    for owner in (JULIET, ROMEO):
        ask(rosters, message(ADD, BOOK, owner, id="same"))
    account = Account.objects.get(jid=JULIET)
    romeo = Account.objects.get(jid=ROMEO)
    Account.objects.filter(pk=account.pk).update(name="Juliet", discoverable=False)
    Flag.objects.create(owner=account, reasons=[{"rule": "run"}])
    Flag.objects.create(owner=account, released_at=timezone.now())
    LateJoin.objects.create(owner=account, joined=romeo, place=0)
    Subscriber.objects.create(jid=JULIET, told=7)
    intake.receive([message(SEARCH, numbers("+393471111111"), JULIET)])
    return account


def stored() -> dict[str, int]:
    """How many rows there are about Juliet, of what her successor must not get."""
    account = Account.objects.get(jid=JULIET)
    rows = {
        "contacts": AddressBookEntry.objects.filter(owner=account),
        "commands": Command.objects.filter(owner=JULIET),
        "claims": Claim.objects.filter(owner=JULIET),
        "late joins": LateJoin.objects.filter(owner=account),
        "cleared flags": Flag.objects.filter(owner=account).exclude(released_at=None),
        "subscription": Subscriber.objects.filter(jid=JULIET),
        "name": Account.objects.filter(jid=JULIET).exclude(name=""),
    }
    return {kind: count for kind, one in rows.items() if (count := one.count())}


def outlives() -> tuple[int, int, bool]:
    """What is used of the budget, open flags, and whether Juliet may be found."""
    account = Account.objects.get(jid=JULIET)
    used = 0 if account.budget is None else 10_000 - int(account.budget)
    flags = Flag.objects.filter(owner=account, released_at=None).count()
    return used, flags, account.discoverable


def now() -> datetime:
    return timezone.now() + timedelta(seconds=1)


def test_a_deleted_account_leaves_nothing_but_what_limits_the_next(juliet):
    assert len(stored()) == 6

    holders.deleted([JULIET], now())

    assert stored() == {}
    assert outlives() == (2, 1, False)
    # Nobody else is touched.
    assert AddressBookEntry.objects.filter(owner__jid=ROMEO).count() == 2
    assert Command.objects.filter(owner=ROMEO).exists()


def test_another_holder_starts_afresh(juliet):
    holders.reassigned([JULIET], now())
    assert stored() == {}
    assert outlives() == (0, 0, True)
    assert Account.objects.get(jid=JULIET).visible


def test_a_notice_that_arrives_again_leaves_the_next_holder_alone(juliet, rosters):
    at = now()
    holders.reassigned([JULIET], at)
    after = at + timedelta(seconds=1)
    Command.objects.filter(owner=JULIET).delete()
    AddressBookEntry.objects.create(owner=juliet, digest=b"new", added_at=after)
    Account.objects.filter(pk=juliet.pk).update(budget=5, budget_at=after)
    Account.objects.filter(pk=juliet.pk).update(enabled=False)
    Flag.objects.create(owner=juliet, raised_at=after)

    for notice in (holders.reassigned, holders.deleted):
        notice([JULIET], at)

    assert stored() == {"contacts": 1}
    account = Account.objects.get(jid=JULIET)
    assert (account.budget, account.enabled) == (5, False)
    assert Flag.objects.filter(owner=juliet).count() == 1


def test_a_late_notice_deletes_only_what_is_older(juliet, rosters):
    """The successor has sent a command before we hear that Juliet left."""
    left = now()
    new = left + timedelta(seconds=1)
    Account.objects.filter(pk=juliet.pk).update(checked_at=new)
    AddressBookEntry.objects.create(owner=juliet, digest=b"new", added_at=new)

    holders.deleted([JULIET], left)

    assert stored()["contacts"] == 1
    assert "commands" not in stored()
    assert Account.objects.get(jid=JULIET).visible is False  # not discoverable
    assert Account.objects.get(jid=JULIET).gone_at is None


def test_an_absent_account_is_not_served_and_purged_after_days(juliet, settings):
    settings.ACCOUNT_GONE_DAYS = 7
    directory.apply_listing("localhost", [ROMEO, MARIO], now())
    assert Account.objects.get(jid=JULIET).gone_at is not None

    assert holders.purge_gone() == 0
    assert len(stored()) == 6

    long_ago = timezone.now() - timedelta(days=7, seconds=1)
    AddressBookEntry.objects.update(added_at=long_ago)
    Command.objects.update(received_at=long_ago)
    Flag.objects.exclude(released_at=None).update(released_at=long_ago)
    Account.objects.filter(jid=JULIET).update(gone_at=long_ago)
    tasks.clean_up()
    assert stored() == {}
    assert outlives() == (2, 1, False)
    assert holders.purge_gone() == 0


@pytest.mark.parametrize("days", [0, 7])
def test_an_account_that_returns_later_has_no_contacts(juliet, rosters, settings, days):
    """Also if the service was down when they were due."""
    settings.ACCOUNT_GONE_DAYS = days
    gone = timezone.now() - timedelta(days=days, seconds=1)
    directory.mark_gone([juliet])
    Account.objects.filter(jid=JULIET).update(gone_at=gone)

    bulk_row = ([JULIET, ""], ())
    bulk.store([bulk_row]) if days else directory.owners_of([JULIET])

    account = Account.objects.get(jid=JULIET)
    assert account.gone_at is None
    assert account.returned_at is not None
    assert "contacts" not in stored()


def test_a_listing_that_was_wrong_for_an_hour_costs_nothing(juliet, rosters):
    directory.mark_gone([juliet], timezone.now())
    directory.apply_listing("localhost", [ROMEO, JULIET, MARIO], now())
    assert stored()["contacts"] == 2
    assert Account.objects.get(jid=JULIET).returned_at is not None


@pytest.mark.parametrize("how", ["deleted", "absent"])
def test_the_old_holders_command_runs_for_the_new_one(juliet, rosters, how):
    settle(rosters)
    if how == "deleted":
        holders.deleted([JULIET], now())
    else:
        directory.mark_gone([juliet])
    rosters.register(JULIET)
    before = set(Command.objects.values_list("pk", flat=True))

    intake.receive([message(ADD, BOOK, JULIET, id="same")])

    (new,) = Command.objects.exclude(pk__in=before)
    assert (new.state, new.answer) == ("received", "")
    settle(rosters)
    new.refresh_from_db()
    assert json.loads(new.answer)["status"] == 0
    assert set(rosters.rosters[JULIET]) == {MARIO, "liam@localhost"}


def test_a_flagged_owner_is_told_nothing_that_a_former_holder_asked(rosters):
    asked = [f"+3934711{n:05}" for n in range(0, 120 * 7, 7)]
    for number in asked:
        rosters.register(f"00{number[1:]}@localhost")
    ask(rosters, message(SEARCH, numbers(*asked)))
    flood = [f"+3934722{n:05}" for n in range(450)]

    flagged, known, added = ask(
        rosters,
        message(SEARCH, numbers(*flood)),
        message(SEARCH, numbers(*asked)),
        message(ADD, users(("Friend", asked[0]), ("New", flood[0]))),
    )

    for answer in (flagged, known):
        assert (answer["errorCode"], answer["userList"]) == ("RATE_LIMITED", [])
        assert answer["retryAfter"] == 24 * 60 * 60
    assert added["status"] == 0
    assert rosters.rosters[ROMEO][f"00{flood[0][1:]}@localhost"].groups == ("others",)


def test_what_was_told_is_charged_although_the_account_is_deleted_meanwhile(rosters):
    """Deleted while its roster is written, and registered again: no fresh budget."""

    def leave(writes, deadline):
        rosters.rosters.pop(ROMEO, None)
        return [all_refused(write, MISSING) for write in writes]

    rosters.write = leave
    lines = random.Random(1).sample(range(10_000_000), 900)
    many = users(*(("C", f"+39347{line:07}") for line in lines))
    (answer,) = ask(rosters, message(ADD, many))
    assert answer["errorCode"] == "NO_USER_FOUND"

    account = directory.owners_of([ROMEO])[ROMEO]

    assert account.returned_at is not None
    assert round(10_000 - account.budget) == 900


# --- What happens meanwhile -----------------------------------------------------------


def test_what_a_returned_user_sends_waits_for_its_answer(juliet, rosters):
    """Also while the command that brought them back has not run."""
    directory.mark_gone([juliet], timezone.now())
    intake.receive([message(ADD, BOOK, JULIET, id=id) for id in ("a", "b")])

    intake.receive([message(ADD, BOOK, JULIET, id="a")])
    Account.objects.filter(jid=JULIET).update(gone_at=timezone.now() - DAYS)
    Command.objects.filter(stanza_id="same").update(received_at="2000-01-01T00:00Z")
    holders.purge_gone()

    waiting = Command.objects.filter(owner=JULIET, state="received")
    assert {row.stanza_id for row in waiting} >= {"a", "b"}


DAYS = timedelta(days=8)


@pytest.mark.parametrize("is_reported", [False, True])
def test_a_former_answer_is_gone_whatever_the_next_holder_sends_first(
    juliet, rosters, is_reported
):
    settle(rosters)
    Command.objects.filter(owner=JULIET).update(received_at=timezone.now() - DAYS)
    left = timezone.now() - timedelta(days=1)
    Account.objects.filter(jid=JULIET).update(gone_at=left, checked_at=left)

    if is_reported:
        directory.apply_notices({JULIET: True}, timezone.now())
    else:
        ask(rosters, message(ADD, BOOK, JULIET, id="first"))

    assert not Command.objects.filter(owner=JULIET, stanza_id="same").exists()


@pytest.mark.parametrize("notice", [holders.deleted, holders.reassigned])
def test_work_in_progress_ends_when_the_number_changes_hands(rosters, notice):
    intake.receive([message(ADD, BOOK, JULIET)])
    work = claims.claim()
    read = rosters.read

    def read_and_leave(owners, deadline):
        items = read(owners, deadline)
        notice([JULIET], timezone.now())
        return items

    rosters.read = read_and_leave
    settled = batch.run(work, rosters, time.time() + 60)
    results.finish(settled, "")

    assert rosters.rosters[JULIET] == {}
    assert stored() == {}
    assert outlives()[0] == 0


def test_late_joins_that_wait_for_another_attempt_are_deleted_too(juliet):
    later = timezone.now() + timedelta(minutes=1)
    LateJoin.objects.update(attempts=3, not_before=later)
    holders.deleted([JULIET], timezone.now())
    assert not LateJoin.objects.exists()


def test_a_late_notice_frees_a_holder_who_has_already_asked(juliet, rosters, settings):
    settings.DISCOVERY_PER_YEAR = 0
    Flag.objects.all().delete()
    Account.objects.filter(jid=JULIET).update(budget=3, budget_at=timezone.now())
    left = timezone.now()
    ask(rosters, message(SEARCH, numbers("+393472222222"), JULIET))

    holders.reassigned([JULIET], left)

    assert Account.objects.get(jid=JULIET).budget == settings.DISCOVERY_BURST - 1


def test_a_late_notice_leaves_the_subscription_of_the_next_holder(juliet):
    Account.objects.filter(jid=JULIET).update(checked_at=now())
    holders.deleted([JULIET], timezone.now())
    assert Subscriber.objects.filter(jid=JULIET).exists()
