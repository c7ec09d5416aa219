"""Receives commands: each becomes a row before anything else happens."""

import hashlib
import hmac
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from roster.accounts import directory
from roster.commands.lock import Step, begin, exclusive, shared
from roster.commands.payloads import ADD_TO_ROSTER, SEARCH_USERS
from roster.commands.quota import StorageQuota, size_of
from roster.models import Account, Command
from xmppservice.connection.events import Message
from xmppservice.protocol.jids import domain_of
from xmppservice.runtime import wakeups
from xmppservice.runtime.queries import write_rows

State = Command.State


_quota = StorageQuota()


class NewCommand(NamedTuple):
    """What is stored of a command that has arrived: the columns of its row."""

    key: str
    owner: str
    sender: str
    stanza_id: str
    thread: str
    message_type: str
    namespace: str
    envelope_type: str
    envelope_action: str
    command: str
    payload: str

    @property
    def size(self) -> int:
        """About how many bytes it takes, without its answer."""
        return size_of(self[2:])


# What is read of a command that is repeated.
_COMPARED = ("key", "owner", "sender", "state", "final")
# Statements of our own: Django's take four times as long for new rows, and for repeats
# as long as all other work on the commands of a flood.
_TABLE = Command._meta.db_table
_COLUMNS = ", ".join((*NewCommand._fields, "size"))
_INSERT = f"""
    WITH given AS (VALUES {{}})
    INSERT INTO {_TABLE} ({_COLUMNS}, state, attempts, final, error,
    answer, not_before, received_at)
    SELECT given.*, '{State.RECEIVED}', 0, TRUE, '', '', %s, %s FROM given
"""  # noqa: S608  (nothing in it is from outside)
_MOVE = f"""
    WITH given (id, sender) AS (VALUES {{}})
    UPDATE {_TABLE} SET sender = given.sender FROM given WHERE {_TABLE}.id = given.id
"""  # noqa: S608  (nothing in it is from outside)
_RESEND = f"""
    WITH given (id, sender) AS (VALUES {{}})
    UPDATE {_TABLE} SET sender = given.sender, state = '{State.DONE}', sent_at = NULL,
    received_at = %s FROM given WHERE {_TABLE}.id = given.id
"""  # noqa: S608  (nothing in it is from outside)
_REOPEN = f"""
    WITH given (id, sender, payload) AS (VALUES {{}})
    UPDATE {_TABLE} SET sender = given.sender, payload = given.payload,
    state = '{State.RECEIVED}', attempts = 0, answer = '', sent_at = NULL,
    not_before = %s, received_at = %s FROM given WHERE {_TABLE}.id = given.id
"""  # noqa: S608  (nothing in it is from outside)


def receive(messages: Sequence[Message]) -> list[Message]:
    """Store a batch of commands; return those of owners who have too much stored.

    A repeat does not become a second row, and is always taken.

    A repeat of an answered command gets the first answer again; if that was sent and
    not final, the command runs again. Either way the answer goes to the full JID of
    the latest repeat.
    """
    keys = [_key(message) for message in messages]
    arrived = dict(zip(keys, messages, strict=True))
    try:
        refused = _store(arrived)
    except _NewHolders as new:
        with exclusive():
            directory.forget_commands(new.owners)
        refused = _store(arrived, are_forgotten=True)
    return [
        message for key, message in zip(keys, messages, strict=True) if key in refused
    ]


class _NewHolders(Exception):
    """These owners have registered anew: what the former ones sent must go first.

    Not in the same transaction, which has locked other commands.
    """

    def __init__(self, owners: set[str]) -> None:
        self.owners = owners


def _store(arrived: Mapping[str, Message], *, are_forgotten: bool = False) -> set[str]:
    """Store new commands and apply repeats; return the keys of refused ones.

    Raises _NewHolders, unless former holders ``are_forgotten``.
    """
    with shared() as now:
        begin(Step.INTAKE)
        repeated = Command.objects.filter(key__in=arrived).order_by("pk")
        rows = repeated.select_for_update().only(*_COMPARED)
        known = {row.key: row for row in rows}
        gone = _gone({row.owner for row in known.values()})
        if gone and not are_forgotten:
            raise _NewHolders(gone)
        _apply_repeats([(row, arrived[key]) for key, row in known.items()], now)
        new = {key: _row(key, arrived[key]) for key in arrived if key not in known}
        _quota.begin()
        refused = {
            key for key, row in new.items() if not _quota.admits(row.owner, row.size)
        }
        _insert([row for key, row in new.items() if key not in refused], now)
        wakeups.wake_worker(wakeups.RUN_COMMANDS)
        if known:
            wakeups.wake_stream(wakeups.ANSWERS)
    return refused


def repeats(messages: Sequence[Message]) -> list[Message]:
    """Those of ``messages`` whose command is stored already; nothing is locked."""
    keys = [_key(message) for message in messages]
    known = set(Command.objects.filter(key__in=keys).values_list("key", flat=True))
    return [
        message for key, message in zip(keys, messages, strict=True) if key in known
    ]


def _gone(owners: Collection[str]) -> set[str]:
    """Those owners whose accounts are gone, as far as we know."""
    accounts = Account.objects.filter(jid__in=owners).exclude(gone_at=None)
    return set(accounts.values_list("jid", flat=True)) if owners else set()


def _key(message: Message) -> str:
    if not message["id"]:
        return uuid.uuid4().hex
    parts = (message["owner"], message["command"], message["id"], message["payload"])
    # Keyed, or a payload of one number could be found by trying all numbers.
    return hmac.digest(_secret(), "\0".join(parts).encode(), "sha256").hex()


@lru_cache
def _secret() -> bytes:
    return hashlib.sha256(f"roster.commands{settings.SECRET_KEY}".encode()).digest()


def _row(key: str, message: Message) -> NewCommand:
    return NewCommand(
        key,
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


def _insert(rows: Sequence[NewCommand], now: datetime) -> None:
    at = connection.ops.adapt_datetimefield_value(now)
    write_rows(_INSERT, [(*row, row.size) for row in rows], at, at)


def _is_payload_of_use(message: Message) -> bool:
    """Whether a payload is looked at: the key is enough to recognise a repeat."""
    is_served = domain_of(message["owner"]) in settings.XMPP_DOMAINS
    return is_served and message["command"] in (ADD_TO_ROSTER, SEARCH_USERS)


def _apply_repeats(repeats: Iterable[tuple[Command, Message]], now: datetime) -> None:
    reopened, resent, moved = [], [], []
    for row, message in repeats:
        sender = message["sender"]
        if row.state in (State.SENT, State.DEAD) and not row.final:
            # The key covers the payload, so this is the same one: a row
            # whose payload has been cleared gets it back.
            reopened.append((row.pk, sender, message["payload"]))
        elif row.state in (State.DONE, State.SENT):
            # Its answer may be on its way to a client that has lost the stream.
            resent.append((row.pk, sender))
        elif row.sender != sender:
            moved.append((row.pk, sender))
    at = connection.ops.adapt_datetimefield_value(now)
    write_rows(_REOPEN, reopened, at, at)
    write_rows(_RESEND, resent, at)
    write_rows(_MOVE, moved)


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
