"""Receives commands: each becomes a row before anything else happens."""

import uuid
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.conf import settings
from django.utils.crypto import salted_hmac

from roster.accounts import directory
from roster.commands.lock import exclusive
from roster.commands.payloads import ADD_TO_ROSTER, SEARCH_USERS
from roster.commands.quota import StorageQuota, size_of
from roster.models import Account, Command
from xmppservice.connection.events import Message
from xmppservice.protocol.jids import domain_of
from xmppservice.runtime import wakeups

State = Command.State


_quota = StorageQuota()


def receive(messages: Sequence[Message]) -> list[Message]:
    """Store a batch of commands; return those of owners who have too much stored.

    A repeat does not become a second row, and is always taken.

    A repeat of an answered command gets the first answer again; if that was sent and
    not final, the command runs again. Either way the answer goes to the full JID of
    the latest repeat.
    """
    keys = [_key(message) for message in messages]
    arrived = dict(zip(keys, messages, strict=True))
    with exclusive() as now:
        known = {
            row.key: row
            for row in Command.objects.select_for_update().filter(key__in=arrived)
        }
        _forget_former_holders(known)
        _apply_repeats([(row, arrived[key]) for key, row in known.items()], now)
        new = {key: _row(key, arrived[key]) for key in arrived if key not in known}
        _quota.begin()
        refused = {
            key for key, row in new.items() if not _quota.admits(row.owner, row.size)
        }
        Command.objects.bulk_create(new[key] for key in new if key not in refused)
        wakeups.wake_worker(wakeups.RUN_COMMANDS)
        if known:
            wakeups.wake_stream(wakeups.ANSWERS)
    return [
        message for key, message in zip(keys, messages, strict=True) if key in refused
    ]


def repeats(messages: Sequence[Message]) -> list[Message]:
    """Those of ``messages`` whose command is stored already; nothing is locked."""
    keys = [_key(message) for message in messages]
    known = set(Command.objects.filter(key__in=keys).values_list("key", flat=True))
    return [
        message for key, message in zip(keys, messages, strict=True) if key in known
    ]


def _forget_former_holders(known: dict[str, Command]) -> None:
    """Drop what the previous holder of an owner's number has sent.

    The owner's account is gone, as far as we know: it has registered anew.
    """
    owners = {row.owner for row in known.values()}
    accounts = Account.objects.filter(jid__in=owners).exclude(gone_at=None)
    gone = set(accounts.values_list("jid", flat=True)) if owners else set()
    if gone:
        directory.forget_commands(gone)
        mine = {key: row for key, row in known.items() if row.owner in gone}
        rows = Command.objects.filter(key__in=mine)
        for key in mine.keys() - set(rows.values_list("key", flat=True)):
            del known[key]


def _key(message: Message) -> str:
    if not message["id"]:
        return uuid.uuid4().hex
    parts = (message["owner"], message["command"], message["id"], message["payload"])
    # Keyed, or a payload of one number could be found by trying all numbers.
    mac = salted_hmac("roster.commands", "\0".join(parts), algorithm="sha256")
    return mac.hexdigest()


def _row(key: str, message: Message) -> Command:
    row = Command(
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
        payload=message["payload"] if _is_payload_of_use(message) else "",
    )
    row.size = size_of(row)
    return row


def _is_payload_of_use(message: Message) -> bool:
    """Whether a payload is looked at: the key is enough to recognise a repeat."""
    is_served = domain_of(message["owner"]) in settings.XMPP_DOMAINS
    return is_served and message["command"] in (ADD_TO_ROSTER, SEARCH_USERS)


def _apply_repeats(repeats: Iterable[tuple[Command, Message]], now: datetime) -> None:
    reopened, resent = [], []
    for row, message in repeats:
        row.sender = message["sender"]
        if row.state in (State.SENT, State.DEAD) and not row.final:
            # The key covers the payload, so this is the same one: a row
            # whose payload has been cleared gets it back.
            row.payload = message["payload"]
            row.state, row.attempts, row.not_before = State.RECEIVED, 0, now
            row.answer, row.sent_at, row.received_at = "", None, now
            reopened.append(row)
        else:
            if row.state in (State.DONE, State.SENT):
                # Its answer may be on its way to a client that has lost the stream.
                row.state, row.sent_at, row.received_at = State.DONE, None, now
            resent.append(row)
    fields = ["sender", "state", "sent_at", "received_at"]
    Command.objects.bulk_update(resent, fields)
    Command.objects.bulk_update(
        reopened, [*fields, "payload", "attempts", "not_before", "answer"]
    )


def retry(keys: Collection[int]) -> int:
    """Give dead commands another set of attempts; return how many there were."""
    with exclusive() as now:
        dead = Command.objects.filter(pk__in=keys, state=State.DEAD).exclude(payload="")
        wakeups.wake_worker(wakeups.RUN_COMMANDS)
        return dead.update(
            state=State.RECEIVED,
            attempts=0,
            received_at=now,
            not_before=now,
            answer="",
            sent_at=None,
        )
