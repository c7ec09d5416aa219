"""Answers to send, until the XMPP server has accepted them."""

from collections.abc import Collection, Sequence

from django.utils import timezone

from roster.commands.claims import is_due
from roster.commands.lock import exclusive
from roster.models import Claim, Command
from xmppservice.connection.events import Answer

State = Command.State


def unsent(limit: int, excluded: Collection[int]) -> list[Answer]:
    """Up to ``limit`` answers that no client has yet, except the rows ``excluded``."""
    rows = Command.objects.filter(
        state__in=(State.DONE, State.DEAD), sent_at=None
    ).exclude(pk__in=excluded)
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
        for row in rows.order_by("pk").defer("payload")[:limit]
    ]


def confirm(answers: Sequence[Answer]) -> None:
    """Note that the XMPP server accepted these answers.

    If a client has repeated its command since they were read, the row stays unsent:
    the repeat needs an answer, too.
    """
    received_at_by_key = {answer["key"]: answer["received_at"] for answer in answers}
    with exclusive() as now:
        rows = Command.objects.select_for_update().filter(
            pk__in=received_at_by_key, state__in=(State.DONE, State.DEAD)
        )
        received = rows.values_list("pk", "received_at")
        sent = [
            pk for pk, received_at in received if received_at == received_at_by_key[pk]
        ]
        confirmed = Command.objects.filter(pk__in=sent)
        confirmed.filter(state=State.DONE).update(state=State.SENT)
        confirmed.update(sent_at=now)


def has_work() -> bool:
    """Whether a command is waiting to run, or a claim has expired."""
    now = timezone.now()
    return (
        Command.objects.filter(is_due(now)).exists()
        or Claim.objects.filter(expires_at__lt=now).exists()
    )
