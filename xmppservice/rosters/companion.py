"""Rosters by mod_xmppservice, our module for Prosody: many items in one request."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

from xmppservice.connection import gateway
from xmppservice.protocol import companion, roster
from xmppservice.protocol.jids import domain_of, local_of
from xmppservice.protocol.namespaces import MAX_LIST_BYTES
from xmppservice.protocol.roster import Roster, RosterItem
from xmppservice.rosters.interface import (
    CONFLICT,
    MISSING,
    NoAccount,
    Room,
    RosterError,
    RosterWrite,
    Written,
)

T = TypeVar("T")

NAME = "mod_xmppservice"
# In one request. The module takes more, but a save cannot be interrupted.
MAX_NAMES, MAX_ITEMS = 1_000, 500
MAX_ITEMS_AT_ONCE = 1_000  # in several requests
PAGE_SIZE = 1_000

NO_ANSWER = "no answer"  # in place of a condition
CONDITIONS = {companion.MISSING: MISSING, companion.CONFLICT: CONFLICT}


class CompanionRosters:
    """Asks the hosts of the owners, which answer for each user by name.

    A write names the version that was read, so that it never undoes what the user has
    changed meanwhile. An error for a whole request is never taken for an absent user.
    """

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[Roster | RosterError]:
        found: dict[str, Roster | RosterError] = {}
        # An answer may leave users for the next request, but not all of them.
        while left := [owner for owner in owners if owner not in found]:
            before = len(found)
            for part, answer in _ask_about(left, companion.read, deadline):
                found |= _rosters(part, answer)
            if len(found) == before:
                found |= {owner: RosterError(companion.LATER) for owner in left}
        return [found[owner] for owner in owners]

    def room(self) -> Room:
        return Room(MAX_ITEMS_AT_ONCE, MAX_ITEMS)

    def write(self, writes: Sequence[RosterWrite], deadline: float) -> list[Written]:
        pending = [_Pending(write) for write in writes]
        # A long write takes several requests, each after the one before.
        while left := [one for one in pending if one.slices]:
            parts = list(_packed(left, _owner_of, _count_of, _size_of, MAX_ITEMS))
            requests = [
                gateway.IqRequest("set", host, companion.write(map(_next_slice, part)))
                for host, part in parts
            ]
            answers = _ask(requests, deadline)
            for (_, part), answer in zip(parts, answers, strict=True):
                _note(part, answer)
        return [Written(one.conditions, one.version) for one in pending]

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        existing: set[str] = set()
        for part, answer in _ask_about(jids, companion.exist, deadline):
            if answer.condition:
                raise RosterError(answer.condition)
            locals = companion.users_of(answer.payload)
            existing |= {jid for jid in part if local_of(jid) in locals}
        return [jid in existing for jid in jids]

    def accounts(self, domain: str, deadline: float) -> set[str] | None:
        accounts: set[str] = set()
        cursor = ""
        while True:
            page = companion.list_accounts(PAGE_SIZE, cursor)
            (answer,) = _ask([gateway.IqRequest("get", domain, page)], deadline)
            # The verb is not permitted, or the storage has no list.
            if answer.condition in ("forbidden", "feature-not-implemented"):
                return None
            if answer.condition:
                raise RosterError(answer.condition)
            locals, cursor = companion.page_of(answer.payload)
            accounts |= {f"{local}@{domain}" for local in locals}
            if not cursor:
                return accounts


# --- Requests about users ---------------------------------------------------------


def _ask(
    requests: Sequence[gateway.IqRequest], deadline: float
) -> list[gateway.IqResult]:
    """Return the answers; one that is not the module's counts as an error."""
    return [
        answer
        if answer.condition or companion.is_answer(answer.payload)
        else answer._replace(condition=NO_ANSWER)
        for answer in gateway.ask(requests, deadline)
    ]


def _ask_about(
    jids: Iterable[str], verb: Callable[[Iterable[str]], str], deadline: float
) -> list[tuple[list[str], gateway.IqResult]]:
    """Ask about users by name; return each request's users and its answer."""
    parts = list(_packed(jids, str, lambda jid: 1, _size_of_name, MAX_NAMES))
    requests = [
        gateway.IqRequest("get", host, verb(map(local_of, part)))
        for host, part in parts
    ]
    answers = _ask(requests, deadline)
    return [(part, one) for (_, part), one in zip(parts, answers, strict=True)]


def _packed(
    items: Iterable[T],
    owner_of: Callable[[T], str],
    count_of: Callable[[T], int],
    size_of: Callable[[T], int],
    max_count: int,
) -> Iterator[tuple[str, list[T]]]:
    """Yield what fits into one request, with its host."""

    def host_of(item: T) -> str:
        return domain_of(owner_of(item))

    for host, group in groupby(sorted(items, key=host_of), host_of):
        part: list[T] = []
        count = size = 0
        for item in group:
            count, size = count + count_of(item), size + size_of(item)
            if part and (count > max_count or size > MAX_LIST_BYTES):
                yield host, part
                part, count, size = [], count_of(item), size_of(item)
            part.append(item)
        yield host, part


def _size_of_name(jid: str) -> int:
    return len(companion.exist([local_of(jid)]).encode())


def _rosters(
    part: Iterable[str], answer: gateway.IqResult
) -> dict[str, Roster | RosterError]:
    """Return the rosters that an answer holds; those for later are left out."""
    if answer.condition:
        return {owner: RosterError(answer.condition) for owner in part}
    found = companion.rosters_of(answer.payload)
    results = {owner: found.get(local_of(owner), NO_ANSWER) for owner in part}
    return {
        owner: _roster(result)
        for owner, result in results.items()
        if result != companion.LATER
    }


def _roster(result: Roster | str) -> Roster | RosterError:
    if isinstance(result, Roster):
        return result
    is_missing = result == companion.MISSING
    return NoAccount(MISSING) if is_missing else RosterError(result)


# --- Writes -------------------------------------------------------------------------


@dataclass(slots=True)
class _Pending:
    """A write on its way: what is left of it, in slices that fit into one request."""

    write: RosterWrite
    version: str = ""
    slices: deque[tuple[list[RosterItem], int]] = field(default_factory=deque)
    conditions: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.version = self.write.version
        for item in self.write.items:
            size = len(roster.item_of(item.jid, item.name, item.groups).encode())
            if self.slices:
                items, so_far = self.slices[-1]
                if len(items) < MAX_ITEMS and so_far + size <= MAX_LIST_BYTES:
                    items.append(item)
                    self.slices[-1] = items, so_far + size
                    continue
            self.slices.append(([item], size))

    def written(self, result: companion.Written | str) -> None:
        """Note what came of the next slice; nothing more is sent after a failure."""
        items, _ = self.slices.popleft()
        if isinstance(result, companion.Written):
            self.version = result.version
            self.conditions += [result.refused.get(item.jid, "") for item in items]
            return
        rest = len(items) + sum(len(later) for later, _ in self.slices)
        self.conditions += [CONDITIONS.get(result, result)] * rest
        self.slices.clear()


def _owner_of(pending: _Pending) -> str:
    return pending.write.owner


def _count_of(pending: _Pending) -> int:
    return len(pending.slices[0][0])


def _size_of(pending: _Pending) -> int:
    return pending.slices[0][1] + _size_of_name(pending.write.owner)


def _next_slice(pending: _Pending) -> tuple[str, str, list[RosterItem]]:
    return local_of(pending.write.owner), pending.version, pending.slices[0][0]


def _note(part: Iterable[_Pending], answer: gateway.IqResult) -> None:
    if answer.condition:
        # In words of its own: a host without the module answers as MISSING reads.
        for one in part:
            one.written(f"request refused: {answer.condition}")
        return
    written = companion.written_of(answer.payload)
    for one in part:
        one.written(written.get(local_of(one.write.owner), NO_ANSWER))
