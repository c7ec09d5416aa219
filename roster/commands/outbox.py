"""Answers to send, until the XMPP server has accepted them."""

from collections.abc import Collection, Sequence
from typing import cast

from django.db import connection
from django.utils import timezone

from roster.commands.claims import is_due
from roster.commands.lock import lock_commands, shared
from roster.models import Claim, Command
from xmppservice.connection.events import Answer
from xmppservice.runtime.queries import write_rows

State = Command.State
_TABLE = Command._meta.db_table


# The fields of an answer, and the columns they come from.
_COLUMNS = {
    "key": "pk",
    "to": "sender",
    "id": "stanza_id",
    "thread": "thread",
    "message_type": "message_type",
    "namespace": "namespace",
    "envelope_type": "envelope_type",
    "envelope_action": "envelope_action",
    "payload": "answer",
    "received_at": "received_at",
}
# A repeat may have come since the answers were read: its row stays unsent.
_CONFIRM = f"""
    WITH given (id, received_at) AS (VALUES {{}})
    UPDATE {_TABLE} SET sent_at = %s,
    state = CASE state WHEN '{State.DONE}' THEN '{State.SENT}' ELSE state END
    FROM given WHERE {_TABLE}.id = given.id
    AND {_TABLE}.received_at = given.received_at
    AND {_TABLE}.state IN ('{State.DONE}', '{State.DEAD}')
"""  # noqa: S608  (nothing in it is from outside)


def unsent(limit: int, excluded: Collection[int]) -> list[Answer]:
    """Up to ``limit`` answers that no client has yet, except the rows ``excluded``."""
    rows = Command.objects.filter(state__in=(State.DONE, State.DEAD), sent_at=None)
    if excluded:
        rows = rows.exclude(pk__in=excluded)
    values = rows.order_by("pk").values_list(*_COLUMNS.values())[:limit]
    return [cast(Answer, dict(zip(_COLUMNS, row, strict=True))) for row in values]


def confirm(answers: Sequence[Answer]) -> None:
    """Note that the XMPP server accepted these answers.

    If a client has repeated its command since they were read, the row stays unsent:
    the repeat needs an answer, too.
    """
    adapt = connection.ops.adapt_datetimefield_value
    sent = [(answer["key"], adapt(answer["received_at"])) for answer in answers]
    with shared() as now:
        lock_commands([key for key, _ in sent])
        write_rows(_CONFIRM, sent, adapt(now))


def has_work() -> bool:
    """Whether a command is waiting to run, or a claim has expired."""
    now = timezone.now()
    return (
        Command.objects.filter(is_due(now)).exists()
        or Claim.objects.filter(expires_at__lt=now).exists()
    )
