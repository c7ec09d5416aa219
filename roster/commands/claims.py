"""Commands' life as rows: the database is the queue of record.

receive → claim → finish → unsent → confirm. A command is a row before anything
else happens; whoever dies, the row stays, and somebody takes it up again.
"""

import json
import logging
import time
import uuid
from collections import Counter
from collections.abc import (
    Callable,
    Collection,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from random import uniform
from typing import NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.crypto import salted_hmac

from roster.models import Claim, Command
from xmppservice.connection.events import Answer, Message
from xmppservice.protocol import redaction
from xmppservice.runtime import wakeups

logger = logging.getLogger(__name__)

State = Command.State

CLAIM = timedelta(seconds=30)
# Of one turn: owners, commands of one of them, and of all.
OWNERS, ROWS, TURN = 50, 25, 100
# Characters of payloads in one turn, and of one owner's, if he has more than one
# command in it: a long address book has a turn of its own.
TURN_SIZE, SHARE = 20_000, 5_000
# The oldest commands, so many at a time, until they are of enough owners.
WINDOW, WINDOWS = 400, 4
ATTEMPTS = 8
LONGEST_BACKOFF = 60  # seconds
REST = timedelta(seconds=1)
SWEPT = 1000  # rows in one transaction
SWEEP, SWEEP_PAUSE = 30, 0.05  # seconds
LET_GO, LET_GO_PAUSE = 10, 0.01  # owners in one transaction, seconds

# Of PostgreSQL, for the writers of all processes. Without it, those who lock the
# same rows in different orders end each other (a repeat that meets its answer).
_WRITING = 0x6C6564676572


_ANSWERED = f"""
    UPDATE {Command._meta.db_table} SET state = %s, answer = %s, final = %s,
    done_at = %s, claim_id = NULL, error = '' WHERE id = %s
"""  # noqa: S608  (nothing in it is from outside)


@contextmanager
def _exclusive() -> Iterator[datetime]:
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_WRITING])
        yield timezone.now()


# --- In -----------------------------------------------------------------------


def receive(messages: Sequence[Message]) -> None:
    """Write a batch of commands down. A repeat becomes no second row.

    A repeat of an answered command is answered again with the first answer; one
    whose answer was sent, and not final, runs again. Either way the answer goes
    to the full JID of the latest repeat.
    """
    arrived = {_key(message): message for message in messages}
    with _exclusive() as now:
        known = {
            row.key: row
            for row in Command.objects.select_for_update().filter(key__in=arrived)
        }
        _repeat([(row, arrived[key]) for key, row in known.items()], now)
        Command.objects.bulk_create(
            _row(key, message) for key, message in arrived.items() if key not in known
        )
        wakeups.worker(wakeups.RUN_COMMANDS)
        if known:
            wakeups.stream(wakeups.ANSWERS)


def _key(message: Message) -> str:
    if not message["id"]:
        return uuid.uuid4().hex
    parts = (message["owner"], message["command"], message["id"], message["payload"])
    # Keyed: a payload of one number could be found by trying all numbers.
    mac = salted_hmac("roster.ledger", "\0".join(parts), algorithm="sha256")
    return mac.hexdigest()


def _row(key: str, message: Message) -> Command:
    return Command(
        key=key,
        owner=message["owner"],
        sender=message["sender"],
        stanza_id=message["id"],
        thread=message["thread"],
        message_type=message["message_type"],
        namespace=message["namespace"],
        envelope_type=message["envelope_type"],
        envelope_action=message["envelope_action"],
        command=message["command"],
        payload=message["payload"],
    )


def _repeat(repeats: Iterable[tuple[Command, Message]], now: datetime) -> None:
    again, known = [], []
    for row, message in repeats:
        row.sender = message["sender"]
        if row.state in (State.SENT, State.DEAD) and not row.final:
            # The key has the payload in it, so this is the same one: a row
            # whose payload has been cleared gets it back.
            row.payload = message["payload"]
            row.state, row.attempts, row.not_before = State.RECEIVED, 0, now
            row.answer, row.sent_at, row.received_at = "", None, now
            again.append(row)
        else:
            if row.state in (State.DONE, State.SENT):
                # Its answer may be on its way to a client that has lost the stream.
                row.state, row.sent_at, row.received_at = State.DONE, None, now
            known.append(row)
    answered = ["sender", "state", "sent_at", "received_at"]
    Command.objects.bulk_update(known, answered)
    Command.objects.bulk_update(
        again, [*answered, "payload", "attempts", "not_before", "answer"]
    )


# --- Work ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Work:
    """An owner's claimed commands, the oldest first."""

    claim: Claim
    commands: list[Command]

    @property
    def owner(self) -> str:
        return self.claim.owner

    @property
    def pks(self) -> list[int]:
        return [command.pk for command in self.commands]


@dataclass(slots=True)
class Settled:
    """What became of claimed work, to be stored in one transaction.

    ``answers``: pk → (payload, final). ``failed``: pk → why, without any
    number or payload; it is tried again later. What is in neither rests for a
    second, before anything else of its owner, and no attempt is counted.
    ``effects`` store what belongs to it.
    """

    work: Work
    answers: dict[int, tuple[str, bool]] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    effects: list[Callable[[], None]] = field(default_factory=list)


def claim() -> list[Work]:
    """Take up to OWNERS owners' oldest commands; nobody else gets them now."""
    with _exclusive() as now:
        return _claim(now)


def finish(
    settled: Sequence[Settled], sql_error: str, *, more: bool = True
) -> list[Work]:
    """Store what became of work and claim the next, in one transaction.

    Without ``more`` nothing is claimed: the bell rings for another task.

    Work whose claim was lost in the meantime is left to who has it now.
    ``sql_error`` is the answer for a command that fails for the last time.
    """
    with _exclusive() as now:
        _store(settled, sql_error, now)
        wakeups.stream(wakeups.ANSWERS)
        if not more:
            wakeups.worker(wakeups.RUN_COMMANDS)
            return []
        # Who has tried one again goes on with those who have not failed.
        tried = any(row.attempts for one in settled for row in one.work.commands)
        return _claim(now, again=not tried)


def fail(work: Sequence[Work], why: str, sql_error: str) -> None:
    """Count an attempt for each command of ``work``, and claim nothing.

    ``why`` holds no number and no payload. Whoever failed is claimed alone the
    next time, so that a poison command fails nobody but itself.
    """
    with _exclusive() as now:
        _store(
            [Settled(w, {}, dict.fromkeys(w.pks, why)) for w in work], sql_error, now
        )
        wakeups.stream(wakeups.ANSWERS)
        wakeups.worker(wakeups.RUN_COMMANDS)


def rest(work: Sequence[Work]) -> None:
    """Give work back untouched: the XMPP server cannot be asked just now."""
    with _exclusive() as now:
        _store([Settled(one) for one in work], "", now)


def _store(settled: Sequence[Settled], sql_error: str, now: datetime) -> None:
    ours = Claim.objects.filter(pk__in=[one.work.claim.pk for one in settled])
    # Only who still has the claim may finish.
    held = set(ours.select_for_update().values_list("pk", flat=True))
    mine = [one for one in settled if one.work.claim.pk in held]
    resting = _settle(mine, sql_error, now)
    # Still held: what came after these would take their part of the owner's budget.
    rest = ours.filter(owner__in={row.owner for row in resting})
    rest.update(expires_at=now + REST)
    ours.exclude(pk__in=rest.values("pk")).delete()


def _claim(now: datetime, *, again: bool = False) -> list[Work]:
    chosen = _chosen(_busy(now), now, again=again)
    if not chosen:
        return []
    claims = {claim.owner: claim for claim in _claims(list(chosen), now)}
    work = [Work(claims[one], rows) for one, rows in chosen.items() if one in claims]
    mine = Claim.objects.filter(owner=OuterRef("owner")).values("pk")[:1]
    rows = [row for one in work for row in one.commands]
    _rows(rows).update(state=State.RUNNING, claim=Subquery(mine))
    if len(rows) >= ROWS:
        # A full claim: there is probably more, for another worker too.
        wakeups.worker(wakeups.RUN_COMMANDS)
    return work


def _busy(now: datetime) -> set[str]:
    """Owners whose commands run now, once what has expired is given back."""
    claims = dict(Claim.objects.values_list("owner", "expires_at"))
    if any(at < now for at in claims.values()):
        _expire(now)
    return {owner for owner, at in claims.items() if at >= now}


def _expire(now: datetime) -> None:
    expired = Claim.objects.filter(expires_at__lt=now)
    Command.objects.filter(claim__in=expired).update(state=State.RECEIVED, claim=None)
    expired.delete()


def _due(now: datetime) -> Q:
    return Q(state=State.RECEIVED, not_before__lte=now)


def _chosen(busy: set[str], now: datetime, *, again: bool) -> dict[str, list[Command]]:
    """Commands for a turn, by their owners: who has waited longest, with his oldest.

    Or one command alone that has failed before: when nothing else waits, and
    ``again`` unless another one is being tried.
    """
    queues, failed = _waiting(busy, now)
    if failed and (not queues or (again and not _trying())):
        queues = dict(islice(failed.items(), 1))
    first = (pk for queue in queues.values() for pk in queue[:ROWS])
    rows = Command.objects.in_bulk(pks := list(islice(first, TURN)))
    taken = _together([rows[pk] for pk in pks])
    more = [queues[owner][len(mine) :] for owner, mine in taken.items()]
    # With what is left they are behind everybody who waits now.
    served = Command.objects.filter(pk__in=[queue[0] for queue in more if queue])
    if served.update(not_before=now) or len(taken) < len(queues):
        wakeups.worker(wakeups.RUN_COMMANDS)
    return taken


def _trying() -> bool:
    running = Command.objects.filter(state=State.RUNNING)
    return running.filter(attempts__gt=0).exists()


def _waiting(
    busy: set[str], now: datetime
) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
    """Who waits, the longest first: the keys of commands that can share a turn.

    Those of each owner, up to the first that has failed before; and the keys of such
    as are their owners' oldest.
    """
    due = Command.objects.filter(_due(now)).order_by("pk")
    seen = set(busy)
    queues: dict[str, list[int]] = {}
    since: dict[str, datetime] = {}
    failed: dict[str, list[int]] = {}
    for _ in range(WINDOWS):
        window = due.exclude(owner__in=seen)
        rows = window.values_list("pk", "owner", "attempts", "not_before")[:WINDOW]
        for pk, owner, attempts, not_before in rows:
            if owner in failed:
                continue
            if attempts:
                # It is to be alone, and nothing of its owner goes before it.
                failed[owner] = [pk]
            else:
                since.setdefault(owner, not_before)
                queues.setdefault(owner, []).append(pk)
        seen |= {row[1] for row in rows}
        if len(rows) < WINDOW or len(queues) >= OWNERS:
            break
    owners = sorted(queues, key=since.__getitem__)[:OWNERS]
    alone = {owner: pks for owner, pks in failed.items() if owner not in queues}
    return {owner: queues[owner] for owner in owners}, alone


def _claims(owners: Sequence[str], now: datetime) -> list[Claim]:
    new = [Claim(uuid.uuid4(), owner, now + CLAIM) for owner in owners]
    Claim.objects.bulk_create(new, ignore_conflicts=True)
    # On PostgreSQL another worker may have been first for some of them.
    return list(Claim.objects.filter(pk__in=[claim.pk for claim in new]))


def _together(rows: Sequence[Command]) -> dict[str, list[Command]]:
    """What a turn has room for, by owner: a share of the size, or one command."""
    taken: dict[str, list[Command]] = {}
    sizes: Counter[str] = Counter()
    full: set[str] = set()
    for row in rows:
        size = len(row.payload)
        is_large = row.owner in taken and sizes[row.owner] + size > SHARE
        if is_large or (taken and sizes.total() + size > TURN_SIZE):
            # Nothing of this owner after it, either: in their order.
            full.add(row.owner)
        if row.owner not in full:
            taken.setdefault(row.owner, []).append(row)
            sizes[row.owner] += size
    return taken


def _settle(
    settled: Sequence[Settled], sql_error: str, now: datetime
) -> Sequence[Command]:
    """Store what became of commands; return those that are to rest."""
    # Accounts are locked by their JIDs everywhere: no two wait for each other.
    by_owner = sorted(settled, key=lambda one: one.work.owner)
    for effect in (effect for one in by_owner for effect in one.effects):
        effect()
    answers = {pk: answer for one in settled for pk, answer in one.answers.items()}
    failed = {pk: why for one in settled for pk, why in one.failed.items()}
    rows = [row for one in settled for row in one.work.commands]
    _answer([row for row in rows if row.pk in answers], answers, now)
    for row in rows:
        if row.pk in failed:
            _fail(row, failed[row.pk], sql_error, now)
    resting = [row for row in rows if not (row.pk in answers or row.pk in failed)]
    _rows(resting).update(state=State.RECEIVED, claim=None)
    return resting


def _answer(
    rows: Sequence[Command], answers: Mapping[int, tuple[str, bool]], now: datetime
) -> None:
    for row in rows:
        row.answer, row.final = answers[row.pk]
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("answered", extra={**_known(row), **_outcome(row, now)})
    at = connection.ops.adapt_datetimefield_value(now)
    values = [(State.DONE, row.answer, row.final, at, row.pk) for row in rows]
    # Not bulk_update: to build its CASE costs more than everything else in a turn.
    with connection.cursor() as cursor:
        cursor.executemany(_ANSWERED, values)


def _rows(rows: Iterable[Command]) -> QuerySet[Command]:
    return Command.objects.filter(pk__in=[row.pk for row in rows])


def _fail(row: Command, why: str, sql_error: str, now: datetime) -> None:
    row.claim, row.error = None, why[:200]
    row.attempts += 1
    if row.attempts < ATTEMPTS:
        seconds = min(LONGEST_BACKOFF, 2**row.attempts) * uniform(0.75, 1.25)  # noqa: S311  (jitter, no secret)
        row.state, row.not_before = State.RECEIVED, now + timedelta(seconds=seconds)
        logger.warning("an attempt failed: %s", row.error, extra=_known(row))
    else:
        row.state, row.done_at = State.DEAD, now
        row.answer, row.final = sql_error, False
        logger.error("dead after its attempts: %s", row.error, extra=_known(row))
    row.save(
        update_fields=[
            "claim",
            "error",
            "attempts",
            "state",
            "not_before",
            "done_at",
            "answer",
            "final",
        ]
    )


def _known(row: Command) -> dict[str, object]:
    """What the log says of a command."""
    return {
        "command_id": row.pk,
        "stanza_id": redaction.shown(row.stanza_id),
        "owner": redaction.alias(row.owner),
        "command": redaction.shown(row.command),
        "attempts": row.attempts,
    }


def _outcome(row: Command, now: datetime) -> dict[str, object]:
    answer = json.loads(row.answer)
    return {
        "status": answer.get("status"),
        "error_code": answer.get("errorCode"),
        "milliseconds": round((now - row.received_at).total_seconds() * 1000),
    }


def hold(owners: Collection[str]) -> list[Claim]:
    """Claim owners for something else than their commands; who is busy is left out."""
    with _exclusive() as now:
        return _claims(sorted(set(owners) - _busy(now)), now)


def renew(claims: Collection[Claim]) -> None:
    """Hold for longer what is still held."""
    rows = Claim.objects.filter(pk__in=[claim.pk for claim in claims])
    rows.update(expires_at=timezone.now() + CLAIM)


def let_go(claims: Sequence[Claim], effects: Mapping[str, Callable[[], None]]) -> None:
    """Store the effect of each owner whose claim was not lost, and end the claims.

    A few owners at a time: meanwhile everybody's commands wait.
    """
    for at in range(0, len(claims), LET_GO):
        time.sleep(LET_GO_PAUSE if at else 0)
        _let_go(claims[at : at + LET_GO], effects)
    wakeups.worker(wakeups.RUN_COMMANDS)


def _let_go(claims: Sequence[Claim], effects: Mapping[str, Callable[[], None]]) -> None:
    with _exclusive():
        rows = Claim.objects.select_for_update().filter(pk__in=[c.pk for c in claims])
        for claim in rows.order_by("owner"):
            if claim.owner in effects:
                effects[claim.owner]()
        rows.delete()


def forget(owner: str) -> int:
    """Delete all commands of an owner; return how many there were."""
    with _exclusive():
        Claim.objects.filter(owner=owner).delete()
        return Command.objects.filter(owner=owner).delete()[0]


def clear_claims() -> None:
    """Give up every claim. For a process that is alone, at its start."""
    with _exclusive():
        Command.objects.filter(state=State.RUNNING).update(state=State.RECEIVED)
        Claim.objects.all().delete()


def retry(commands: Collection[Command]) -> int:
    """Give dead commands another set of attempts; return how many there were."""
    with _exclusive() as now:
        dead = Command.objects.filter(
            pk__in=[row.pk for row in commands], state=State.DEAD
        ).exclude(payload="")
        wakeups.worker(wakeups.RUN_COMMANDS)
        return dead.update(
            state=State.RECEIVED,
            attempts=0,
            received_at=now,
            not_before=now,
            answer="",
            sent_at=None,
        )


# --- Out ----------------------------------------------------------------------


def unsent(most: int, but: Collection[int]) -> list[Answer]:
    """Up to ``most`` answers that no client has yet, except those rows."""
    rows = Command.objects.filter(
        state__in=(State.DONE, State.DEAD), sent_at=None
    ).exclude(pk__in=but)
    return [
        Answer(
            key=row.pk,
            to=row.sender,
            id=row.stanza_id,
            thread=row.thread,
            message_type=row.message_type,
            namespace=row.namespace,
            envelope_type=row.envelope_type,
            envelope_action=row.envelope_action,
            payload=row.answer,
            received_at=row.received_at,
        )
        for row in rows.order_by("pk").defer("payload")[:most]
    ]


def confirm(answers: Sequence[Answer]) -> None:
    """Note that the XMPP server took these answers.

    A row whose client has repeated since they were read stays unsent: it is owed
    another.
    """
    taken = {answer["key"]: answer["received_at"] for answer in answers}
    with _exclusive() as now:
        rows = Command.objects.select_for_update().filter(
            pk__in=taken, state__in=(State.DONE, State.DEAD)
        )
        opened = rows.values_list("pk", "received_at")
        sent = [pk for pk, received_at in opened if received_at == taken[pk]]
        confirmed = Command.objects.filter(pk__in=sent)
        confirmed.filter(state=State.DONE).update(state=State.SENT)
        confirmed.update(sent_at=now)


# --- Upkeep -------------------------------------------------------------------


def has_work() -> bool:
    """Whether some command waits to be run, or its claim has expired."""
    now = timezone.now()
    return (
        Command.objects.filter(_due(now)).exists()
        or Claim.objects.filter(expires_at__lt=now).exists()
    )


class Swept(NamedTuple):
    """How many answered commands have gone, and how many dead ones' payloads."""

    deleted: int
    cleared: int


def sweep(seconds: float = SWEEP) -> Swept:
    """Delete what was answered long ago; of a dead command, its payload.

    In batches, so that nobody waits; what is left after ``seconds`` is left to the
    next call. Source: contract, 3: numbers of people who never registered are not
    readable at rest after seven days.
    """
    end = time.monotonic() + seconds
    swept = Swept(_batches(_delete_sent, end), _batches(_clear_dead, end))
    if any(swept):
        transaction.on_commit(empty_log)
    return swept


def _batches(batch: Callable[[datetime], int], end: float) -> int:
    days = timedelta(days=settings.PAYLOAD_DAYS)
    count = done = batch(timezone.now() - days)
    while done == SWEPT and time.monotonic() < end:
        # A lock is not fair: without a pause the same thread takes it again.
        time.sleep(SWEEP_PAUSE)
        done = batch(timezone.now() - days)
        count += done
    return count


def _delete_sent(before: datetime) -> int:
    # Not by the state: nearly all are sent, and sent_at has an index of its own.
    sent = Command.objects.filter(sent_at__lt=before).exclude(state=State.DEAD)
    with _exclusive():
        pks = list(sent.order_by("sent_at").values_list("pk", flat=True)[:SWEPT])
        # Asked again: on PostgreSQL a repeat may open one in between.
        deleted, _ = sent.filter(pk__in=pks).delete()
    return deleted


def _clear_dead(before: datetime) -> int:
    dead = Command.objects.filter(state=State.DEAD, done_at__lt=before)
    with _exclusive():
        kept = dead.exclude(payload="").order_by()
        pks = list(kept.values_list("pk", flat=True)[:SWEPT])
        return dead.filter(pk__in=pks).update(payload="")


def empty_log() -> None:
    """Empty SQLite's write-ahead log: what was cleared stays readable there."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
