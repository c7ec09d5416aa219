"""Which commands run now: owners are claimed, with their oldest commands."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain, islice, takewhile

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from roster.commands.lock import Step, begin, exclusive, shared
from roster.models import Claim, Command
from xmppservice.runtime import wakeups
from xmppservice.runtime.queries import in_order, write_rows

State = Command.State

CLAIM_DURATION = timedelta(seconds=30)
# Per batch: owners, commands of one owner, and commands in total.
MAX_OWNERS, MAX_COMMANDS_OF_OWNER, BATCH_SIZE = 50, 25, 100
# Payload characters per batch, and per owner with more than one command in it: a long
# address book has a batch of its own.
MAX_CHARACTERS, MAX_CHARACTERS_OF_OWNER = 40_000, 5_000
# The oldest commands are read in windows, until they belong to enough owners.
WINDOW_SIZE, MAX_WINDOWS = 400, 4
LOOK_SECONDS = 1.0
RELEASE_BATCH_SIZE = 10  # owners in one transaction
RELEASE_PAUSE_SECONDS = 0.01


class Lookout:
    """Says whether a claim reads on behind the oldest commands.

    Behind a flood that reads all that waits, while other workers wait for this claim:
    after a look that found nobody the next is LOOK_SECONDS later. An owner that a
    flood hides waits as much longer. ``clock`` returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._in_vain_at = float("-inf")

    def is_due(self) -> bool:
        return self._clock() - self._in_vain_at >= LOOK_SECONDS

    def found_nobody(self) -> None:
        self._in_vain_at = self._clock()


_lookout = Lookout()


@dataclass(frozen=True, slots=True)
class ClaimedWork:
    """An owner's claimed commands, the oldest first."""

    claim: Claim
    commands: list[Command]

    @property
    def owner(self) -> str:
        return self.claim.owner

    @property
    def pks(self) -> list[int]:
        return [command.pk for command in self.commands]


# What running a command needs: the rest of its columns is the outbox's.
_FIELDS = ("owner", "command", "payload", "stanza_id", "attempts", "received_at")
_CLAIM = f"""
    INSERT INTO {Claim._meta.db_table} (token, owner, expires_at) VALUES {{}}
"""  # noqa: S608  (nothing in it is from outside)
_RUN = f"""
    WITH given (id, token) AS (VALUES {{}})
    UPDATE {Command._meta.db_table} SET state = '{State.RUNNING}',
    claim_id = given.token FROM given WHERE {Command._meta.db_table}.id = given.id
"""  # noqa: S608  (nothing in it is from outside)
_END = f"DELETE FROM {Claim._meta.db_table} WHERE token IN (VALUES {{}})"  # noqa: S608  (nothing in it is from outside)


def claim() -> list[ClaimedWork]:
    """Claim the oldest commands of up to MAX_OWNERS owners for the caller."""
    with shared() as now:
        return take_next(now)


def take_next(now: datetime, *, may_retry: bool = False) -> list[ClaimedWork]:
    """Claim commands, as the last step of a transaction that may hold other rows.

    Waits for no other writer after :func:`lock.begin`, so there is no deadlock.
    """
    begin(Step.CLAIM)
    chosen = _choose(_busy_owners(now), now, may_retry=may_retry)
    if not chosen:
        return []
    claims = _create_claims(list(chosen), now)
    work = [ClaimedWork(claim, chosen[claim.owner]) for claim in claims]
    rows = [(row.pk, _token(one.claim)) for one in work for row in one.commands]
    write_rows(_RUN, rows)
    if len(rows) >= MAX_COMMANDS_OF_OWNER:
        # A full claim: there is probably more work, for another worker too.
        wakeups.wake_worker(wakeups.RUN_COMMANDS)
    return work


def _busy_owners(now: datetime) -> set[str]:
    """Release expired claims and return the owners whose commands are running."""
    claims = dict(Claim.objects.values_list("owner", "expires_at"))
    if any(at < now for at in claims.values()):
        return claims.keys() - _expire(now)
    return set(claims)


def _expire(now: datetime) -> set[str]:
    """Release expired claims; return their owners.

    Not those of work that is being finished, or has a repeat, at this moment.
    """
    due = Claim.objects.filter(expires_at__lt=now)
    expired = list(due.select_for_update(skip_locked=True))
    rows = Command.objects.filter(claim__in=expired).order_by()
    free = rows.select_for_update(skip_locked=True).values_list("pk", flat=True)
    rows.filter(pk__in=list(free)).update(state=State.RECEIVED, claim=None)
    held = set(rows.values_list("claim", flat=True))
    released = [claim for claim in expired if claim.pk not in held]
    end_claims(released)
    return {claim.owner for claim in released}


def is_due(now: datetime) -> Q:
    return Q(state=State.RECEIVED, not_before__lte=now)


def _choose(
    busy: set[str], now: datetime, *, may_retry: bool
) -> dict[str, list[Command]]:
    """Choose the oldest commands of the owners that have waited longest, by owner.

    Or a single command that has failed before: if nothing else waits, or with
    ``may_retry`` if no other one is being retried.
    """
    queues, failed = _waiting(busy, now)
    if failed and (not queues or (may_retry and not _is_retrying())):
        queues = dict(islice(failed.items(), 1))
    chosen = _fit_into_batch(_lock(queues))
    remaining = [queues[owner][len(part) :] for owner, part in chosen.items()]
    # Their remaining commands queue behind all owners that wait now.
    if continued := [queue[0] for queue in remaining if queue]:
        free = _unlocked(continued).values_list("pk", flat=True)
        Command.objects.filter(pk__in=list(free)).update(not_before=now)
    if continued or len(chosen) < len(queues):
        wakeups.wake_worker(wakeups.RUN_COMMANDS)
    return chosen


def _lock(queues: Mapping[str, Sequence[int]]) -> list[Command]:
    """The queues' first commands, with their payloads, up to the size of a batch.

    An owner's commands run in their order: behind one that has a repeat at this moment,
    none is taken.
    """
    heads = [queue[:MAX_COMMANDS_OF_OWNER] for queue in queues.values()]
    pks = list(islice(chain.from_iterable(heads), BATCH_SIZE))
    # By key alone: nobody else changes what is due now. With the state among the
    # conditions, PostgreSQL reads the whole backlog until its statistics know of it.
    rows = {row.pk: row for row in _unlocked(pks).only(*_FIELDS)}
    return [
        row for head in heads for row in takewhile(bool, map(rows.get, head)) if row
    ]


def _unlocked(pks: Collection[int]) -> QuerySet[Command]:
    """Those commands that no other writer has locked; they are locked now."""
    rows = Command.objects.filter(pk__in=pks).order_by()
    return rows.select_for_update(skip_locked=True)


def _is_retrying() -> bool:
    running = Command.objects.filter(state=State.RUNNING)
    return running.filter(attempts__gt=0).exists()


def _waiting(
    busy: set[str], now: datetime
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Keys of waiting commands by owner, the longest wait first.

    Those that can share a batch: each owner's, up to the first that has failed before.
    Then failed ones that are their owners' oldest.
    """
    due = Command.objects.filter(is_due(now)).order_by("pk")
    seen = set(busy)
    queues: dict[str, list[int]] = {}
    since: dict[str, datetime] = {}
    failed: dict[str, list[int]] = {}
    visible = 0  # owners without a look behind the first window
    for number in range(MAX_WINDOWS):
        window = due.exclude(owner__in=seen)
        columns = "pk", "owner", "attempts", "not_before", "received_at"
        rows = window.values_list(*columns)[:WINDOW_SIZE]
        for pk, owner, attempts, not_before, _ in rows:
            if owner in failed:
                continue
            if attempts:
                # It must run alone, and its owner's later commands after it.
                failed[owner] = [pk]
            else:
                since.setdefault(owner, not_before)
                queues.setdefault(owner, []).append(pk)
        seen |= {row[1] for row in rows}
        if len(rows) < WINDOW_SIZE:
            break
        # Owners with later commands only have waited since then at most. Those with
        # many had their turn meanwhile, and must not hide them.
        end = rows[WINDOW_SIZE - 1][-1]
        if sum(at <= end for at in since.values()) >= MAX_OWNERS:
            break
        if number == 0:
            visible = len(queues)
            if queues and not _lookout.is_due():
                break
    if number and len(queues) == visible:
        _lookout.found_nobody()
    owners = sorted(queues, key=since.__getitem__)[:MAX_OWNERS]
    alone = {owner: pks for owner, pks in failed.items() if owner not in queues}
    return {owner: queues[owner] for owner in owners}, alone


def is_anyone_waiting(besides: Collection[str]) -> bool:
    """Whether a command of any other owner is due."""
    due = Command.objects.filter(is_due(timezone.now()))
    return due.exclude(owner__in=besides).exists()


def _create_claims(owners: Sequence[str], now: datetime) -> list[Claim]:
    """Claim owners without a claim, within Step.CLAIM or an exclusive transaction."""
    new = [Claim(uuid.uuid4(), owner, now + CLAIM_DURATION) for owner in owners]
    at = connection.ops.adapt_datetimefield_value(now + CLAIM_DURATION)
    write_rows(_CLAIM, [(_token(one), one.owner, at) for one in new])
    return new


def end_claims(claims: Iterable[Claim]) -> None:
    """Delete claims that no command has any more."""
    write_rows(_END, [(_token(claim),) for claim in claims])


def _token(claim: Claim) -> uuid.UUID | str:
    """A claim's token as SQL takes it."""
    is_native = connection.features.has_native_uuid_field
    return claim.token if is_native else claim.token.hex


def _fit_into_batch(rows: Sequence[Command]) -> dict[str, list[Command]]:
    """What fits into a batch, by owner: within the size limits, or one command."""
    chosen: dict[str, list[Command]] = {}
    sizes: Counter[str] = Counter()
    full: set[str] = set()
    for row in rows:
        size = len(row.payload)
        is_large = (
            row.owner in chosen and sizes[row.owner] + size > MAX_CHARACTERS_OF_OWNER
        )
        if is_large or (chosen and sizes.total() + size > MAX_CHARACTERS):
            # This owner's later commands wait, too, to keep their order.
            full.add(row.owner)
        if row.owner not in full:
            chosen.setdefault(row.owner, []).append(row)
            sizes[row.owner] += size
    return chosen


def rows_of(rows: Iterable[Command]) -> QuerySet[Command]:
    return Command.objects.filter(pk__in=[row.pk for row in rows])


def claim_owners(owners: Collection[str]) -> list[Claim]:
    """Claim owners for work other than commands; busy owners are left out."""
    with exclusive() as now:
        return _create_claims(sorted(set(owners) - _busy_owners(now)), now)


def renew(claims: Collection[Claim]) -> None:
    """Extend those claims that were not lost."""
    rows = Claim.objects.filter(pk__in=[claim.pk for claim in claims])
    rows.update(expires_at=timezone.now() + CLAIM_DURATION)


def release(claims: Sequence[Claim], effects: Mapping[str, Callable[[], None]]) -> None:
    """Store the effect of each owner whose claim was not lost, and end the claims.

    A few owners at a time, because all commands wait meanwhile.
    """
    for at in range(0, len(claims), RELEASE_BATCH_SIZE):
        time.sleep(RELEASE_PAUSE_SECONDS if at else 0)
        _release_batch(claims[at : at + RELEASE_BATCH_SIZE], effects)
    wakeups.wake_worker(wakeups.RUN_COMMANDS)


def _release_batch(
    claims: Sequence[Claim], effects: Mapping[str, Callable[[], None]]
) -> None:
    with exclusive():
        _apply(claims, effects).delete()


def store(claims: Sequence[Claim], effects: Mapping[str, Callable[[], None]]) -> None:
    """Store the effect of each owner whose claim was not lost; the claims go on."""
    if claims:
        with shared():
            _apply(claims, effects)


def held(claims: Iterable[Claim]) -> set[Claim]:
    """Those of ``claims`` that were not lost: their owners' work may go on."""
    pks = [claim.pk for claim in claims]
    rows = Claim.objects.filter(pk__in=pks, expires_at__gt=timezone.now())
    return set(rows) if pks else set()


def _apply(
    claims: Sequence[Claim], effects: Mapping[str, Callable[[], None]]
) -> QuerySet[Claim]:
    """Store effects, in the order of owners; return the claims that were not lost."""
    rows = Claim.objects.select_for_update().filter(pk__in=[c.pk for c in claims])
    for claim in rows.order_by(in_order("owner")):
        if claim.owner in effects:
            effects[claim.owner]()
    return rows


def clear_claims() -> None:
    """Release every claim. For a process that runs alone, at its start."""
    with exclusive():
        Command.objects.filter(state=State.RUNNING).update(state=State.RECEIVED)
        Claim.objects.all().delete()
