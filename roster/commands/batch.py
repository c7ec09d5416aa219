"""The two commands: payload and roster in, changes and answer out.

A batch runs the claimed commands of a few owners together: look up users once,
read rosters once, apply the rules in order to that copy, write each changed item
once. Nothing is stored here: the caller gets what to store.

Source: contract, 3 and 4.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from roster import msisdn
from roster.accounts import directory
from roster.commands import rules
from roster.commands.claims import ClaimedWork
from roster.commands.payloads import (
    ADD_TO_ROSTER,
    NO_CHANNEL_FOUND,
    NO_USER_FOUND,
    OK,
    RATE_LIMITED,
    ParsedCommand,
    Reply,
    RequestedContact,
    parse,
)
from roster.commands.results import Settled
from roster.commands.rules import Contact, Groups
from roster.discovery import address_book
from roster.discovery.address_book import AddressBook
from roster.models import Account
from xmppservice.connection.gateway import Late
from xmppservice.protocol import redaction
from xmppservice.protocol.jids import domain_of
from xmppservice.protocol.roster import RosterItem
from xmppservice.rosters.interface import (
    MISSING,
    PERMANENT,
    RosterChange,
    RosterError,
    Rosters,
)

logger = logging.getLogger(__name__)

ROSTER_BATCH_SIZE = 100  # roster writes in one round trip


@dataclass(slots=True)
class OwnerBatch:
    """One owner's claimed commands on their way through a batch."""

    work: ClaimedWork
    account: Account | None
    requests: list[ParsedCommand]
    book: AddressBook | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    before: dict[str, RosterItem] = field(default_factory=dict)
    after: dict[str, RosterItem] = field(default_factory=dict)
    is_missing: bool = False
    is_unfinished: bool = False
    failure: str = ""

    @property
    def domain(self) -> str:
        return domain_of(self.work.owner)

    @property
    def is_served(self) -> bool:
        return self.account is not None and self.account.enabled

    @property
    def open_requests(self) -> list[ParsedCommand]:
        """Requests without a reply yet."""
        return [request for request in self.requests if request.reply is None]

    @property
    def keys(self) -> set[str]:
        """All contacts of the commands, as the address book knows them."""
        return {key for request in self.requests for key in request.keys}

    @property
    def lookups(self) -> dict[str, str]:
        """Contacts that the budget covers: key → JID."""
        return {
            entry.key: entry.jid
            for request in self.open_requests
            for entry in request.entries
            if entry.key in request.lookups
        }

    @property
    def changes(self) -> list[RosterItem]:
        return [
            item for key, item in self.after.items() if self.before.get(key) != item
        ]

    def reply_to_all(self, reply: Reply) -> None:
        for request in self.requests:
            request.reply = reply
            request.problems = []

    def mark_missing(self) -> None:
        """Note that the XMPP server has no such owner."""
        self.is_missing = True
        self.reply_to_all(NOT_A_USER)


def run(
    work: Sequence[ClaimedWork], rosters: Rosters, deadline: float
) -> list[Settled]:
    """Run claimed commands; return what to store.

    ``deadline`` (as of ``time.time()``) covers all requests to the XMPP server.
    Roster writes that do not fit in are left for the next batch.

    Raises gateway.Down and gateway.Late.
    """
    batches = decide(work, rosters, deadline)
    _write(batches, rosters, deadline)
    return [_settle(batch) for batch in batches]


def decide(
    work: Sequence[ClaimedWork], rosters: Rosters, deadline: float
) -> list[OwnerBatch]:
    """Decide what the commands answer and write; no roster is written yet.

    Raises gateway.Down and gateway.Late.
    """
    batches = _begin(work)
    _look_up(batches, lambda jids: rosters.exist(jids, deadline))
    _read([batch for batch in batches if not batch.failure], rosters, deadline)
    for batch in batches:
        for request in batch.open_requests:
            _apply(batch, request)
    return batches


def _begin(work: Sequence[ClaimedWork]) -> list[OwnerBatch]:
    accounts = directory.owners_of([item.owner for item in work])
    batches = [_parse(item, accounts.get(item.owner)) for item in work]
    served = {
        batch.account: batch for batch in batches if batch.account and batch.is_served
    }
    keys = {account: batch.keys for account, batch in served.items()}
    books = address_book.open_books(keys, timezone.now())
    for account, batch in served.items():
        batch.book = books[account]
        for request in batch.open_requests:
            _charge(batch.book, request)
    return batches


def _parse(work: ClaimedWork, account: Account | None) -> OwnerBatch:
    domain = domain_of(work.owner)
    batch = OwnerBatch(
        work, account, [parse(command, domain) for command in work.commands]
    )
    _log_unusable(batch)
    if not batch.is_served:
        batch.reply_to_all(NOT_A_USER)
    return batch


def _charge(book: AddressBook, request: ParsedCommand) -> None:
    """Charge the owner's budget before any contact is looked up."""
    if request.command.command == ADD_TO_ROSTER:
        # Only contacts on the owner's own domain can be verified.
        domain = domain_of(book.owner.jid)
        local_keys = [e.key for e in request.entries if domain_of(e.jid) == domain]
        own_key = msisdn.contact_key(book.owner.jid, domain)
        request.lookups = book.budget.covered(
            key for key in local_keys if key != own_key
        )
    elif book.budget.covers(request.keys):
        request.lookups = set(request.keys)
    else:
        request.is_limited, request.lookups = True, book.budget.free(request.keys)


def _log_unusable(batch: OwnerBatch) -> None:
    for request in batch.requests:
        if request.reply is not None:
            logger.info(
                "a command of %s is unusable (%s, %d characters)",
                redaction.alias(batch.work.owner),
                request.reply.code[1],
                len(request.command.payload),
            )


NOT_A_USER = Reply(NO_USER_FOUND, ("You are not a user of this service.",))


def _look_up(batches: Sequence[OwnerBatch], exist: directory.Exist) -> None:
    """Find out which contacts are users, for all owners together."""
    for domain in {batch.domain for batch in batches}:
        batch_contacts = [
            (batch, batch.lookups) for batch in batches if batch.domain == domain
        ]
        contacts_of_all = {
            key: jid for _, contacts in batch_contacts for key, jid in contacts.items()
        }
        lookup = directory.AccountLookup(contacts_of_all, domain)
        try:
            lookup.ask([contacts for _, contacts in batch_contacts], exist)
        except RosterError:
            # Perhaps because of one owner's contacts.
            _look_up_each(batch_contacts, lookup, exist)
        for batch, contacts in batch_contacts:
            _set_users(batch, lookup.users(contacts))


def _look_up_each(
    books: Iterable[tuple[OwnerBatch, Mapping[str, str]]],
    lookup: directory.AccountLookup,
    exist: directory.Exist,
) -> None:
    for batch, contacts in books:
        try:
            lookup.ask([contacts], exist)
        except RosterError as refusal:
            batch.failure = f"users not looked up: {refusal}"


def _set_users(batch: OwnerBatch, users: dict[str, str]) -> None:
    if not batch.failure:
        batch.users = users
        if batch.book is not None:
            batch.book.hits.update(users)


def _read(batches: Sequence[OwnerBatch], rosters: Rosters, deadline: float) -> None:
    touched = [
        batch
        for batch in batches
        if any(map(_touches_roster(batch), batch.open_requests))
    ]
    read = rosters.read([batch.work.owner for batch in touched], deadline)
    for batch, items in zip(touched, read, strict=True):
        if isinstance(items, RosterError):
            batch.failure = f"roster not read: {items}"
        else:
            batch.before = {
                msisdn.contact_key(item.jid, batch.domain): item for item in items
            }
            batch.after = dict(batch.before)
    # A user who does not exist has an empty roster, too.
    empty = [batch for batch in touched if not batch.before and not batch.failure]
    for batch in empty:
        _check_owner(batch, rosters, deadline)


def _check_owner(batch: OwnerBatch, rosters: Rosters, deadline: float) -> None:
    try:
        (exists,) = rosters.exist([batch.work.owner], deadline)
    except RosterError as refusal:
        batch.failure = f"owner not looked up: {refusal}"
    else:
        if not exists:
            batch.mark_missing()


def _touches_roster(batch: OwnerBatch) -> Callable[[ParsedCommand], bool]:
    def touches(request: ParsedCommand) -> bool:
        if request.command.command == ADD_TO_ROSTER:
            return True
        return any(key in batch.users for key in request.lookups)

    return touches


def _apply(batch: OwnerBatch, request: ParsedCommand) -> None:
    if request.command.command == ADD_TO_ROSTER:
        _add_to_roster(batch, request)
    else:
        _search_users(batch, request)


def _add_to_roster(batch: OwnerBatch, request: ParsedCommand) -> None:
    for entry in request.entries:
        verified = entry.key in request.lookups and entry.key in batch.users
        _decide(batch, entry, verified=verified)
    request.reply = Reply(OK)


def _search_users(batch: OwnerBatch, request: ParsedCommand) -> None:
    users = request.lookups & batch.users.keys()
    hits = [entry for entry in request.entries if entry.key in users]
    for entry in hits:
        _decide(batch, entry, verified=True)
    extra: dict[str, Any] = {"userList": [entry.address for entry in hits]}
    if request.is_limited and batch.book is not None:
        extra["retryAfter"] = batch.book.budget.retry_after(request.keys)
        text = "Too many new numbers: repeat after retryAfter seconds."
        request.reply = Reply(RATE_LIMITED, (text,), extra)
    else:
        request.reply = Reply(OK, (), extra)


def _decide(batch: OwnerBatch, entry: RequestedContact, *, verified: bool) -> None:
    if entry.key == msisdn.contact_key(batch.work.owner, batch.domain):
        return
    jid = batch.users.get(entry.key, entry.jid)
    contact = Contact(jid, entry.address, entry.name, verified)
    groups = Groups(settings.ROSTER_GROUP_OTHERS, settings.ROSTER_GROUP_VERIFIED)
    item = rules.decide(batch.after.get(entry.key), contact, groups)
    if item is not None:
        batch.after[entry.key] = item


def _write(batches: Sequence[OwnerBatch], rosters: Rosters, deadline: float) -> None:
    changes = waiting = _interleaved(batches)
    while waiting:
        chunk, waiting = waiting[:ROSTER_BATCH_SIZE], waiting[ROSTER_BATCH_SIZE:]
        try:
            requests = [RosterChange(batch.work.owner, item) for batch, item in chunk]
            conditions = rosters.write(requests, deadline)
        except Late as late:
            if len(chunk) + len(waiting) < len(changes):
                _defer([*chunk, *waiting])
                return
            # Do not repeat for ever: an attempt is counted. Lookups are charged,
            # because some changes may have been written.
            for batch, _ in changes:
                batch.failure = f"roster not written: {late}"
            return
        for (batch, item), condition in zip(chunk, conditions, strict=True):
            _record(batch, item, condition)
        if time.time() > deadline:
            _defer(waiting)
            return


def _interleaved(batches: Sequence[OwnerBatch]) -> list[tuple[OwnerBatch, RosterItem]]:
    """Interleave the owners' changes, so that a large roster delays no others."""
    ranked = [
        (rank, (batch, item))
        for batch in batches
        if not batch.failure
        for rank, item in enumerate(batch.changes)
    ]
    return [change for _, change in sorted(ranked, key=lambda pair: pair[0])]


def _defer(changes: Iterable[tuple[OwnerBatch, RosterItem]]) -> None:
    for batch, _ in changes:
        batch.is_unfinished = True


def _record(batch: OwnerBatch, item: RosterItem, condition: str) -> None:
    if condition == MISSING:
        batch.mark_missing()
    elif condition in PERMANENT:
        key = msisdn.contact_key(item.jid, batch.domain)
        for request in batch.requests:
            for entry in request.entries:
                if entry.key == key:
                    request.refused.add(key)
                    text = f"{entry.place}: the XMPP server refuses it ({condition})"
                    request.problems.append(text)
    elif condition:
        batch.failure = f"roster not written: {condition}"


def _settle(batch: OwnerBatch) -> Settled:
    settled = Settled(batch.work)
    if batch.is_unfinished:
        return settled
    for request in batch.requests:
        reply, pk = request.reply, request.command.pk
        if batch.failure and request.entries:
            settled.failures[pk] = batch.failure
        elif reply is not None:
            complete = _with_problems(reply, request)
            settled.answers[pk] = (complete.dumps(), complete.final)
    settled.effects += _effects(batch)
    return settled


def _with_problems(reply: Reply, request: ParsedCommand) -> Reply:
    """Add the entries' problems to the reply; not OK if all entries were refused."""
    is_add = request.command.command == ADD_TO_ROSTER
    none_usable = request.refused and len(request.refused) == len(request.entries)
    code = NO_CHANNEL_FOUND if is_add and none_usable else reply.code
    return replace(reply, code=code, messages=(*reply.messages, *request.problems))


def _effects(batch: OwnerBatch) -> list[Callable[[], None]]:
    if batch.account is None or batch.book is None:
        return []
    if batch.is_missing:
        return [partial(directory.mark_gone, [batch.account])]
    # Also after a failure: what the XMPP server was asked is charged, once.
    return [batch.book.save]
