"""The outcome of claimed commands: answered, failed or deferred."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import uniform

from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest, Length

from roster.commands.claims import ClaimedWork, end_claims, rows_of, take_next
from roster.commands.lock import lock_commands, shared
from roster.models import Claim, Command
from xmppservice.protocol import redaction
from xmppservice.runtime import wakeups
from xmppservice.runtime.queries import in_order, write_rows

logger = logging.getLogger(__name__)

State = Command.State
_TABLE = Command._meta.db_table
MAX_ATTEMPTS = 8
MAX_BACKOFF_SECONDS = 60
DEFER_DURATION = timedelta(seconds=1)


_STORE_ANSWER = f"""
    WITH given (id, answer, final) AS (VALUES {{}})
    UPDATE {_TABLE} SET state = '{State.DONE}', answer = given.answer,
    final = given.final, done_at = %s, claim_id = NULL, error = ''
    FROM given WHERE {_TABLE}.id = given.id
"""  # noqa: S608  (nothing in it is from outside)


@dataclass(slots=True)
class Settled:
    """The outcome of claimed work, to be stored in one transaction.

    ``answers``: pk → (payload, final). ``failures``: pk → why, without any
    number or payload; it is retried later. Commands in neither are deferred for a
    second, ahead of all others of their owner, without counting an attempt.
    ``useless``: commands whose payload nobody needs once they are answered.
    ``effects`` store what belongs to the work.
    """

    work: ClaimedWork
    answers: dict[int, tuple[str, bool]] = field(default_factory=dict)
    failures: dict[int, str] = field(default_factory=dict)
    useless: set[int] = field(default_factory=set)
    effects: list[Callable[[], None]] = field(default_factory=list)


def finish(
    settled: Sequence[Settled], sql_error: str, *, claim_more: bool = True
) -> list[ClaimedWork]:
    """Store the outcome of work and claim the next, in one transaction.

    Without ``claim_more`` nothing is claimed: another task is woken.

    Work whose claim was lost in the meantime is left to its new holder.
    ``sql_error`` is the answer for a command that fails for the last time.
    """
    with shared() as now:
        _store(settled, sql_error, now)
        wakeups.wake_stream(wakeups.ANSWERS)
        if not claim_more:
            wakeups.wake_worker(wakeups.RUN_COMMANDS)
            return []
        # After a retry, continue with commands that have not failed.
        has_retried = any(row.attempts for one in settled for row in one.work.commands)
        return take_next(now, may_retry=not has_retried)


def fail(work: Sequence[ClaimedWork], why: str, sql_error: str) -> None:
    """Count an attempt for each command of ``work``, and claim nothing.

    ``why`` holds no number and no payload. A failed command is claimed alone the
    next time, so that a poison command fails only itself.
    """
    with shared() as now:
        _store(
            [Settled(w, {}, dict.fromkeys(w.pks, why)) for w in work], sql_error, now
        )
        wakeups.wake_stream(wakeups.ANSWERS)
        wakeups.wake_worker(wakeups.RUN_COMMANDS)


def defer(work: Sequence[ClaimedWork]) -> None:
    """Give work back untouched, because the XMPP server cannot be reached now."""
    with shared() as now:
        _store([Settled(one) for one in work], "", now)


def _store(settled: Sequence[Settled], sql_error: str, now: datetime) -> None:
    claims = Claim.objects.filter(pk__in=[one.work.claim.pk for one in settled])
    # Only the holder of the claim may finish.
    locked = claims.order_by(in_order("owner")).select_for_update()
    owned = set(locked.values_list("pk", flat=True))
    owned_work = [one for one in settled if one.work.claim.pk in owned]
    deferred = {row.owner for row in _settle(owned_work, sql_error, now)}
    if deferred:
        # Keep these claims: later commands would use their part of the owner's budget.
        claims.filter(owner__in=deferred).update(expires_at=now + DEFER_DURATION)
    end_claims(one.work.claim for one in owned_work if one.work.owner not in deferred)


def _settle(
    settled: Sequence[Settled], sql_error: str, now: datetime
) -> Sequence[Command]:
    """Store the outcome of commands; return those that are deferred."""
    # Accounts are locked in JID order everywhere, to avoid deadlocks.
    by_owner = sorted(settled, key=lambda one: one.work.owner)
    for effect in (effect for one in by_owner for effect in one.effects):
        effect()
    answers = {pk: answer for one in settled for pk, answer in one.answers.items()}
    failed = {pk: why for one in settled for pk, why in one.failures.items()}
    useless = {pk for one in settled for pk in one.useless & one.answers.keys()}
    rows = [row for one in settled for row in one.work.commands]
    unanswered = [row for row in rows if row.pk not in answers]
    lock_commands([row.pk for row in rows])
    if unanswered:
        # One whose owner has registered anew meanwhile is deleted.
        left = set(rows_of(unanswered).values_list("pk", flat=True))
        unanswered = [row for row in unanswered if row.pk in left]
    _answer([row for row in rows if row.pk in answers], answers, now)
    if useless:
        sent = Length("payload")  # characters; its bytes are not worth a look
        Command.objects.filter(pk__in=useless).update(
            payload="", size=Greatest(F("size") - sent, 0)
        )
    for row in unanswered:
        if row.pk in failed:
            _fail(row, failed[row.pk], sql_error, now)
    deferred = [row for row in unanswered if row.pk not in failed]
    if deferred:
        # Behind the owners that wait now, or a long roster would come first again.
        rows_of(deferred).update(state=State.RECEIVED, claim=None, not_before=now)
    return deferred


def _answer(
    rows: Sequence[Command], answers: Mapping[int, tuple[str, bool]], now: datetime
) -> None:
    for row in rows:
        row.answer, row.final = answers[row.pk]
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug(
                "answered", extra={**_log_fields(row), **_outcome_fields(row, now)}
            )
    at = connection.ops.adapt_datetimefield_value(now)
    # Not bulk_update: building its CASE costs more than all else in a batch.
    write_rows(_STORE_ANSWER, [(row.pk, row.answer, row.final) for row in rows], at)


def _fail(row: Command, why: str, sql_error: str, now: datetime) -> None:
    row.claim, row.error = None, why[:200]
    row.attempts += 1
    if row.attempts < MAX_ATTEMPTS:
        seconds = min(MAX_BACKOFF_SECONDS, 2**row.attempts) * uniform(0.75, 1.25)  # noqa: S311  (jitter, no secret)
        row.state, row.not_before = State.RECEIVED, now + timedelta(seconds=seconds)
        logger.warning("an attempt failed: %s", row.error, extra=_log_fields(row))
    else:
        row.state, row.done_at = State.DEAD, now
        row.answer, row.final = sql_error, False
        logger.error("dead after its attempts: %s", row.error, extra=_log_fields(row))
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


def _log_fields(row: Command) -> dict[str, object]:
    """What the log shows of a command."""
    return {
        "command_id": row.pk,
        "stanza_id": redaction.shown(row.stanza_id),
        "owner": redaction.alias(row.owner),
        "command": redaction.shown(row.command),
        "attempts": row.attempts,
    }


def _outcome_fields(row: Command, now: datetime) -> dict[str, object]:
    answer = json.loads(row.answer)
    return {
        "status": answer.get("status"),
        "error_code": answer.get("errorCode"),
        "milliseconds": round((now - row.received_at).total_seconds() * 1000),
    }
