"""New users are verified on the rosters of owners who hold their numbers."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from roster.accounts import directory
from roster.commands import batch, claims, intake, late_joins, payloads, results
from roster.discovery.address_book import open_books
from roster.models import Account, AddressBookEntry, Claim, LateJoin
from tests.roster.conftest import (
    JULIET,
    MARIO,
    ROMEO,
    SEARCH,
    ask,
    groups_of,
    message,
    numbers,
    users,
)
from xmppservice.connection.gateway import Down, Late
from xmppservice.protocol.roster import RosterItem

pytestmark = pytest.mark.django_db

NUMBER = "+393479999999"
LATE = "00393479999999@localhost"


@pytest.fixture(autouse=True)
def fast(settings) -> None:
    settings.LATE_JOINS_PER_SECOND = 10_000


def run(rosters) -> bool:
    return late_joins.run(rosters, time.monotonic() + 30)


def announce() -> None:
    late_joins.announce(time.monotonic() + 60, lambda: None)


def register(rosters, jid: str = LATE) -> Account:
    """Register ``jid`` and apply the notice about it."""
    rosters.register(jid)
    directory.apply_notices({jid: True}, timezone.now())
    return Account.objects.get(jid=jid)


def hold(rosters, owner: str, name: str = "Late") -> None:
    """Let ``owner`` hold the number, which is not registered yet."""
    ask(rosters, message(payload=users((name, LATE)), owner=owner))
    assert groups_of(rosters, owner)[LATE] == ("others",)


def test_a_new_user_is_verified_for_every_holder_of_the_number(rosters):
    hold(rosters, ROMEO)
    hold(rosters, JULIET, "Nurse")
    register(rosters)

    assert late_joins.waiting()
    assert not run(rosters)

    for owner, name in ((ROMEO, "Late"), (JULIET, "Nurse")):
        assert rosters.rosters[owner][LATE] == RosterItem(LATE, name, ("verified",))
    assert not late_joins.waiting()
    assert not LateJoin.objects.exists()
    assert not Claim.objects.exists()


def test_the_owners_groups_stay_and_correct_items_are_not_written(rosters):
    for owner, groups in ((ROMEO, ("Family", "others")), (JULIET, ("verified",))):
        hold(rosters, owner)
        rosters.rosters[owner][LATE] = RosterItem(LATE, "X", groups, "both")
    rosters.written.clear()
    register(rosters)

    run(rosters)

    written = RosterItem(LATE, "X", ("Family", "verified"), "both")
    assert [(one.owner, one.item) for one in rosters.written] == [(ROMEO, written)]


def test_a_contact_removed_from_the_roster_is_not_added_back(rosters):
    hold(rosters, ROMEO)
    del rosters.rosters[ROMEO][LATE]
    register(rosters)

    run(rosters)

    assert LATE not in rosters.rosters[ROMEO]


def test_a_search_without_hits_adds_no_item_later(rosters):
    ask(rosters, message(SEARCH, numbers(NUMBER)))
    register(rosters)
    run(rosters)
    assert rosters.rosters[ROMEO] == {}


def test_another_spelling_on_the_roster_is_the_same_contact(rosters):
    hold(rosters, ROMEO)
    plus = f"{NUMBER}@localhost"
    rosters.rosters[ROMEO] = {plus: RosterItem(plus, "Late", ("others",))}
    register(rosters)

    run(rosters)

    assert groups_of(rosters) == {plus: ("verified",)}


@pytest.mark.parametrize("switch", ["enabled", "discoverable"])
def test_hidden_accounts_are_not_announced_until_they_are_visible(rosters, switch):
    hold(rosters, ROMEO)
    account = Account(jid=LATE, **{switch: False})
    account.full_clean()
    account.save()
    run(rosters)
    assert groups_of(rosters)[LATE] == ("others",)
    assert not late_joins.waiting()

    setattr(account, switch, True)
    account.full_clean()
    account.save()
    run(rosters)

    assert groups_of(rosters)[LATE] == ("verified",)


def test_an_account_that_leaves_and_comes_back_is_announced_again(rosters):
    account = register(rosters)
    run(rosters)
    know_later = users(("Late", LATE))
    directory.mark_gone([account])
    del rosters.rosters[LATE]
    directory.apply_notices({LATE: False}, timezone.now())
    ask(rosters, message(payload=know_later))

    register(rosters)
    run(rosters)

    assert groups_of(rosters)[LATE] == ("verified",)


# --- The budget ---------------------------------------------------------------------


def test_an_uncharged_contact_is_not_verified(rosters, settings):
    """Otherwise an owner who stores many numbers would learn of each that registers."""
    settings.DISCOVERY_BURST = 0
    hold(rosters, ROMEO)
    settings.DISCOVERY_BURST = 1
    hold(rosters, JULIET)
    register(rosters)

    run(rosters)

    assert groups_of(rosters, ROMEO)[LATE] == ("others",)
    assert groups_of(rosters, JULIET)[LATE] == ("verified",)
    asked = AddressBookEntry.objects.filter(hit=True)
    assert [entry.owner.jid for entry in asked] == [JULIET]


def test_a_roster_is_not_checked_twice_for_the_same_account(rosters):
    hold(rosters, ROMEO)
    account = register(rosters)
    run(rosters)
    directory.mark_gone([account])
    register(rosters)
    rosters.reads.clear()
    run(rosters)
    assert not any(rosters.reads)


def test_a_late_join_does_not_update_last_seen_of_the_owner(rosters):
    hold(rosters, ROMEO)
    Account.objects.update(last_seen=None)
    register(rosters)
    run(rosters)
    assert Account.objects.get(jid=ROMEO).last_seen is None


# --- Failures and races ---------------------------------------------------------------


def test_a_killed_run_resumes_where_it_stopped(rosters, monkeypatch):
    owners = [f"o{n}@localhost" for n in range(7)]
    for owner in owners:
        rosters.register(owner)
        hold(rosters, owner)
    register(rosters)
    monkeypatch.setattr(late_joins, "ROSTER_BATCH_SIZE", 3)
    rosters.raises[LATE] = Down("gone")

    with pytest.raises(Down):
        run(rosters)
    assert LateJoin.objects.count() == 7
    rosters.raises.clear()
    # As after a kill: the queue is incomplete, and the claims have no holder.
    LateJoin.objects.all()[0].delete()
    Account.objects.filter(jid=LATE).update(announced=False)
    claims.clear_claims()

    assert not run(rosters)

    assert {groups_of(rosters, owner)[LATE] for owner in owners} == {("verified",)}


def test_an_owner_whose_commands_are_running_is_checked_later(rosters):
    hold(rosters, ROMEO)
    hold(rosters, JULIET)
    register(rosters)
    held = claims.claim_owners([ROMEO])

    assert not run(rosters)
    assert groups_of(rosters, JULIET)[LATE] == ("verified",)
    assert groups_of(rosters, ROMEO)[LATE] == ("others",)

    claims.release(held, {})
    LateJoin.objects.update(not_before=timezone.now())
    run(rosters)
    assert groups_of(rosters, ROMEO)[LATE] == ("verified",)


def test_two_workers_do_not_exceed_the_rate(rosters):
    hold(rosters, ROMEO)
    register(rosters)
    claims.claim_owners([late_joins.WORKER])
    assert not run(rosters)
    assert groups_of(rosters)[LATE] == ("others",)


def test_an_account_registered_during_a_command_is_verified(rosters):
    """The account is announced while the batch writes, and its owner is busy."""
    intake.receive([message(payload=users(("Late", LATE)))])
    work = claims.claim()
    settled = batch.run(work, rosters, time.time() + 60)
    register(rosters)
    run(rosters)
    results.finish(settled, payloads.storage_failed())

    assert groups_of(rosters)[LATE] == ("others",)
    LateJoin.objects.update(not_before=timezone.now())
    run(rosters)
    assert groups_of(rosters)[LATE] == ("verified",)


def test_a_roster_that_never_answers_does_not_block_others(rosters, caplog):
    for owner in (ROMEO, JULIET, MARIO):
        hold(rosters, owner)
    rosters.raises[ROMEO] = Late("no answer by the deadline")
    register(rosters)

    for _ in range(5):
        run(rosters)
        LateJoin.objects.update(not_before=timezone.now())

    assert groups_of(rosters, JULIET)[LATE] == ("verified",)
    assert groups_of(rosters, MARIO)[LATE] == ("verified",)
    assert [row.owner.jid for row in LateJoin.objects.all()] == [ROMEO]
    assert "roster not checked: Late" in caplog.text


def test_an_account_that_leaves_while_announced_is_announced_again(
    rosters, monkeypatch
):
    hold(rosters, ROMEO)
    account = register(rosters)
    monkeypatch.setattr(
        late_joins, "digests", lambda contact: directory.mark_gone([account]) or []
    )

    announce()

    account.refresh_from_db()
    assert not account.announced


def test_an_account_announced_during_a_visit_is_visited_again(rosters):
    hold(rosters, ROMEO)
    account = register(rosters)
    announce()
    (visit,) = late_joins._visits(late_joins._next(9))
    Account.objects.filter(pk=account.pk).update(announced=False)
    announce()

    late_joins._settle(visit)

    assert LateJoin.objects.count() == 1


def test_a_number_with_many_holders_does_not_delay_others(rosters, monkeypatch):
    owners = [f"o{n}@localhost" for n in range(6)]
    for owner in owners:
        rosters.register(owner)
        hold(rosters, owner)
    ask(rosters, message(payload=users(("Mario", "00393478888888")), owner=ROMEO))
    register(rosters)
    register(rosters, "00393478888888@localhost")
    announce()

    first = [row.joined.msisdn for row in late_joins._next(3)]

    assert "+393478888888" in first


def test_an_unreadable_roster_is_retried_and_then_given_up(rosters, caplog):
    hold(rosters, ROMEO)
    rosters.unreadable[ROMEO] = "forbidden"
    register(rosters)

    for attempt in range(1, late_joins.MAX_ATTEMPTS):
        run(rosters)
        assert LateJoin.objects.get().attempts == attempt
        LateJoin.objects.update(not_before=timezone.now())
    run(rosters)

    assert not LateJoin.objects.exists()
    assert "roster not read: forbidden" in caplog.text
    assert NUMBER[3:] not in caplog.text


def test_owners_on_another_domain_are_not_updated(rosters, settings):
    settings.XMPP_DOMAINS = ["localhost", "mantua.example"]
    hold(rosters, ROMEO)
    register(rosters, "00393479999999@mantua.example")
    run(rosters)
    assert groups_of(rosters)[LATE] == ("others",)


def test_the_rosters_of_deleted_owners_are_not_read(rosters):
    hold(rosters, ROMEO)
    directory.mark_gone(Account.objects.filter(jid=ROMEO))
    register(rosters)
    rosters.reads.clear()
    run(rosters)
    assert not any(rosters.reads)
    assert not LateJoin.objects.exists()


def test_numbers_under_an_old_key_are_found(rosters, settings):
    hold(rosters, ROMEO)
    settings.ADDRESS_BOOK_KEYS = ["new", *settings.ADDRESS_BOOK_KEYS]
    register(rosters)
    run(rosters)
    assert groups_of(rosters)[LATE] == ("verified",)


def test_an_owner_is_not_a_holder_of_their_own_number(rosters):
    owner = directory.owners_of([MARIO]).get(MARIO)
    (book,) = open_books({owner: {"+393471111111": ""}}, timezone.now()).values()
    book.budget.covers(book.contacts)
    book.save()
    announce()
    assert not LateJoin.objects.exists()


def test_deferred_rows_are_not_due(rosters):
    hold(rosters, ROMEO)
    register(rosters)
    announce()
    LateJoin.objects.update(not_before=timezone.now() + timedelta(minutes=1))
    assert not late_joins.waiting()
