import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from celery import shared_task
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError
from django.utils import timezone

from roster.accounts import directory
from roster.announcements import reach
from roster.commands import batch, claims, late_joins, payloads, results, retention
from roster.commands.claims import ClaimedWork
from roster.commands.results import Settled
from roster.discovery import expiry
from roster.privacy import holders
from xmppservice.api import idempotency
from xmppservice.connection.gateway import Broke, Down, Late
from xmppservice.rosters.configured import driver
from xmppservice.rosters.interface import RosterError, Rosters
from xmppservice.runtime import wakeups
from xmppservice.runtime.logs import place_of
from xmppservice.runtime.threads import work_on_commands

logger = logging.getLogger(__name__)

# What an owner's input does not cause.
NOT_BY_INPUT = (Down, Late, OperationalError, InterfaceError)
# Seconds that all requests of one batch share; a claim lasts longer.
DEADLINE_SECONDS = 20
# Seconds after which a task ends and wakes the next, so that a worker can stop
# while commands keep coming.
SLICE_SECONDS = 5
LISTING_SECONDS = 120  # for the XMPP server to list its accounts
PROBE_PAUSE_SECONDS = 1.0  # after a thousand accounts

# A worker with several threads keeps one for short tasks, so that a flood of commands
# or a listing of accounts does not delay the release of an edit.
_command_slots = threading.BoundedSemaphore(
    max(1, settings.CELERY_WORKER_CONCURRENCY - 2)
)
_accounts_lock = threading.Lock()


@shared_task
def run_commands() -> None:
    """Run waiting commands until none are left, or for SLICE_SECONDS seconds.

    Without the XMPP server nothing is claimed: the next session wakes a worker.
    """
    rosters = driver()
    if rosters.ready() and _command_slots.acquire(blocking=False):
        try:
            _run_all(rosters)
        except (DatabaseError, InterfaceError) as error:
            # The claims expire by themselves.
            logger.error("the ledger cannot be written: %s", type(error).__name__)
        finally:
            _command_slots.release()


def _run_all(rosters: Rosters) -> None:
    end = time.monotonic() + SLICE_SECONDS
    with work_on_commands():
        work = claims.claim()
    while work:
        if not rosters.ready():
            # The service stops, or its stream is lost: the next task continues.
            results.defer(work)
            return
        # Batch by batch, so that storing and answering others has its turn.
        with work_on_commands():
            try:
                settled = _run(work, rosters, time.time() + DEADLINE_SECONDS)
            except Exception as error:
                _defer_or_fail(work, error)
                return
            claim_more = time.monotonic() < end
            sql_error = payloads.storage_failed()
            work = results.finish(settled, sql_error, claim_more=claim_more)


def _run(
    work: Sequence[ClaimedWork], rosters: Rosters, deadline: float
) -> list[Settled]:
    try:
        return batch.run(work, rosters, deadline)
    except NOT_BY_INPUT:
        raise
    except Exception as error:
        if len(work) == 1:
            raise
        logger.error("a turn failed, its commands are tried alone: %s", place_of(error))
    return [_run_one(one, rosters, deadline) for one in work]


def _run_one(work: ClaimedWork, rosters: Rosters, deadline: float) -> Settled:
    """Run one owner's commands; an error counts for these only."""
    try:
        (settled,) = batch.run([work], rosters, deadline)
    except NOT_BY_INPUT:
        raise
    except Exception as error:
        return Settled(work, failures=dict.fromkeys(work.pks, place_of(error)))
    return settled


def _defer_or_fail(work: list[ClaimedWork], error: Exception) -> None:
    """Defer work whose outcome is unknown, or count an attempt for it."""
    if isinstance(error, Down) and not isinstance(error, Broke):
        logger.warning("commands rest: %s", error)
        results.defer(work)
    else:
        logger.error("a turn failed, its commands are tried alone: %s", place_of(error))
        results.fail(work, place_of(error), payloads.storage_failed())


@shared_task
def clean_up() -> None:
    """Delete what is no longer needed, and the data of accounts that are gone."""
    idempotency.forget_old()
    holders.purge_gone()
    reach.forget_old()
    # If another thread is busy, the next minute's run cleans up.
    _run_alone(_clean_up_commands)


def _clean_up_commands() -> None:
    cleaned = retention.clean_up()
    if any(cleaned):
        logger.info("deleted %d commands, and %d payloads of dead ones", *cleaned)


@shared_task
def refresh_accounts() -> None:
    """Update accounts from the XMPP server: list them, or check them one by one."""
    rosters = driver()
    if rosters.ready() and not _run_alone(partial(_refresh, rosters)):
        refresh_accounts.apply_async(countdown=SLICE_SECONDS)


def _run_alone(work: Callable[[], None]) -> bool:
    """Do the work and return True, or return False if another thread is busy."""
    if not _accounts_lock.acquire(blocking=False):
        return False
    try:
        work()
    finally:
        _accounts_lock.release()
    return True


def _refresh(rosters: Rosters) -> None:
    directory.forget_gone()
    try:
        for domain in settings.XMPP_DOMAINS:
            _refresh_domain(rosters, domain)
    except Down as error:
        logger.warning("accounts are not refreshed: %s", error)


def _refresh_domain(rosters: Rosters, domain: str) -> None:
    """List the accounts of a domain if that is due, or check them one by one."""
    if not directory.is_due(domain):
        return
    try:
        if not _apply_listing(rosters, domain):
            _probe(rosters, domain)
    except (Late, RosterError, directory.BrokenListing) as error:
        # The other domains are not affected.
        logger.warning("accounts are not refreshed: %s", error)


def _apply_listing(rosters: Rosters, domain: str) -> bool:
    at = timezone.now()
    jids = rosters.accounts(domain, time.time() + LISTING_SECONDS)
    if jids is None:
        return False
    new, gone = directory.apply_listing(domain, jids, at)
    logger.info("%d accounts of %s: %d new, %d gone", len(jids), domain, new, gone)
    return True


def _probe(rosters: Rosters, domain: str) -> None:
    end = time.monotonic() + SLICE_SECONDS
    while directory.refresh(
        domain, lambda jids: rosters.exist(jids, time.time() + DEADLINE_SECONDS)
    ):
        if time.monotonic() > end:
            wakeups.wake_worker(wakeups.REFRESH_ACCOUNTS)
            return
        # Leave the XMPP server time for other requests.
        time.sleep(PROBE_PAUSE_SECONDS)


@shared_task
def join_late() -> None:
    """Verify new users on the rosters of owners who hold their numbers."""
    rosters = driver()
    if rosters.ready() and late_joins.waiting():
        # If another thread is busy, the poll wakes this task again.
        _run_alone(partial(_join, rosters))


def _join(rosters: Rosters) -> None:
    try:
        if late_joins.run(rosters, time.monotonic() + SLICE_SECONDS):
            wakeups.wake_worker(wakeups.JOIN_LATE)
    except Down as error:
        logger.warning("late joins rest: %s", error)
    except (DatabaseError, InterfaceError) as error:
        # The rows stay, and half-queued accounts are queued again.
        logger.warning("late joins rest: %s", type(error).__name__)


@shared_task
def expire_contacts() -> None:
    """Delete contacts not sent for a long time, and those under dropped keys."""
    if not _run_alone(_expire):
        expire_contacts.apply_async(countdown=SLICE_SECONDS)


def _expire() -> None:
    end = time.monotonic() + SLICE_SECONDS
    deleted = expiry.expire(SLICE_SECONDS)
    if time.monotonic() >= end:
        wakeups.wake_worker(wakeups.EXPIRE_CONTACTS)
    if any(deleted.values()):
        logger.info(
            "deleted %(expired)d expired contacts, %(dropped)d of dropped keys", deleted
        )
