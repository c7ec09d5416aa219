"""The two commands: payload and roster in, changes and answer out.

A batch runs the claimed commands of a few owners together: look up users once,
read rosters once, apply the rules in order to that copy, store what was charged, write
each changed item once. The caller gets the answers to store.

Source: contract, 3 and 4.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from django.conf import settings
from django.utils import timezone

from roster import msisdn
from roster.accounts import directory
from roster.commands import claims, reading, writing
from roster.commands.claims import ClaimedWork
from roster.commands.owner_batch import NOT_A_USER, OwnerBatch
from roster.commands.payloads import (
    ADD_TO_ROSTER,
    NO_CHANNEL_FOUND,
    OK,
    RATE_LIMITED,
    ParsedCommand,
    Reply,
    RequestedContact,
    parse,
)
from roster.commands.results import Settled
from roster.commands.rules import Contact
from roster.discovery import address_book
from roster.discovery.address_book import AddressBook
from roster.models import Account
from xmppservice.protocol import redaction
from xmppservice.protocol.jids import domain_of
from xmppservice.rosters.interface import RosterError, Rosters

logger = logging.getLogger(__name__)


def run(
    work: Sequence[ClaimedWork], rosters: Rosters, deadline: float
) -> list[Settled]:
    """Run claimed commands; return what to store.

    ``deadline`` (as of ``time.time()``) covers all requests to the XMPP server.
    Roster writes that do not fit in are left for the next batch.

    Raises gateway.Down and gateway.Late.
    """
    batches = decide(work, rosters, deadline)
    _store_books(batches)
    writing.write(batches, rosters, deadline)
    return [_settle(batch) for batch in batches]


def decide(
    work: Sequence[ClaimedWork], rosters: Rosters, deadline: float
) -> list[OwnerBatch]:
    """Decide what the commands answer and write; no roster is written yet.

    Raises gateway.Down and gateway.Late.
    """
    batches = _begin(work)
    _look_up(batches, rosters, deadline)
    touched = [batch for batch in batches if not batch.failure and _is_touched(batch)]
    reading.read(touched, rosters, deadline)
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
    contacts = {account: batch.contacts for account, batch in served.items()}
    books = address_book.open_books(contacts, timezone.now())
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
        own_key = msisdn.account_key(book.owner.jid)
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


def _look_up(batches: Sequence[OwnerBatch], rosters: Rosters, deadline: float) -> None:
    """Find out which contacts are users, for all owners together."""

    def exist(jids: Sequence[str]) -> list[bool]:
        return rosters.exist(jids, deadline)

    for domain in {batch.domain for batch in batches}:
        batch_contacts = [
            (batch, batch.lookups) for batch in batches if batch.domain == domain
        ]
        contacts_of_all = {
            key: jid for _, contacts in batch_contacts for key, jid in contacts.items()
        }
        lookup = directory.AccountLookup(
            contacts_of_all, domain, trust_listing=not rosters.cheap_lookups
        )
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


def _is_touched(batch: OwnerBatch) -> bool:
    """Whether a command may change the owner's roster."""
    return any(
        request.command.command == ADD_TO_ROSTER
        or any(key in batch.users for key in request.lookups)
        for request in batch.open_requests
    )


def _apply(batch: OwnerBatch, request: ParsedCommand) -> None:
    if request.command.command == ADD_TO_ROSTER:
        _add_to_roster(batch, request)
    else:
        _search_users(batch, request)


def _add_to_roster(batch: OwnerBatch, request: ParsedCommand) -> None:
    for entry in request.entries:
        if _is_foreign_and_new(batch, entry) and not _take_foreign(batch, entry):
            request.refused.add(entry.key)
            request.problems.append(f"{entry.place}.address: {TOO_MANY_FOREIGN}")
            continue
        verified = entry.key in request.lookups and entry.key in batch.users
        _decide(batch, entry, verified=verified)
    request.reply = Reply(OK)


TOO_MANY_FOREIGN = (
    "too many new contacts of other domains in a day; send it again tomorrow with a "
    "new id"
)


def _is_foreign_and_new(batch: OwnerBatch, entry: RequestedContact) -> bool:
    is_new = entry.key not in batch.after
    return is_new and domain_of(entry.jid) not in settings.XMPP_DOMAINS


def _take_foreign(batch: OwnerBatch, entry: RequestedContact) -> bool:
    return batch.book is None or batch.book.take_foreign(entry.key)


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
    if entry.key == batch.own_key:
        return
    jid = batch.users.get(entry.key, entry.jid)
    batch.want(entry.key, Contact(jid, entry.address, entry.name, verified))


def _store_books(batches: Sequence[OwnerBatch]) -> None:
    """Store what was looked up and charged: before a roster, or an answer, tells it."""
    books = {
        batch.work.claim: batch.book
        for batch in batches
        if batch.book is not None and batch.book.has_changes() and not batch.is_missing
    }
    claims.store(list(books), {claim.owner: books[claim].save for claim in books})


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
            if not request.entries or not batch.is_served:
                settled.useless.add(pk)
    if batch.is_missing and batch.account is not None:
        settled.effects.append(partial(directory.mark_gone, [batch.account]))
    return settled


def _with_problems(reply: Reply, request: ParsedCommand) -> Reply:
    """Add the entries' problems to the reply; not OK if all entries were refused."""
    is_add = request.command.command == ADD_TO_ROSTER
    none_usable = request.refused and len(request.refused) == len(request.entries)
    code = NO_CHANNEL_FOUND if is_add and none_usable else reply.code
    return replace(reply, code=code, messages=(*reply.messages, *request.problems))
