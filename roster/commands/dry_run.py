"""What a command would do for an owner, entry by entry, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from roster import msisdn
from roster.accounts import directory
from roster.commands import batch, rules
from roster.commands.claims import ClaimedWork
from roster.commands.owner_batch import OwnerBatch
from roster.commands.payloads import ParsedCommand, Reply, RequestedContact
from roster.commands.rules import Rule
from roster.discovery import detector
from roster.models import Account, Claim, Command
from xmppservice.protocol.jids import domain_of
from xmppservice.protocol.roster import RosterItem
from xmppservice.rosters.interface import Rosters


class BudgetDecision(StrEnum):
    """How the owner's discovery budget treats an entry."""

    FREE = "free"
    CHARGED = "charged"
    NOT_COVERED = "not covered"
    # Contacts of other domains cannot be verified, and the owner is skipped.
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True)
class DryRunRow:
    """One entry: its account, and how the roster changes, by which rule."""

    entry: RequestedContact
    decision: BudgetDecision
    account: Account | None
    verified: bool
    before: RosterItem | None
    after: RosterItem | None

    @property
    def rule(self) -> Rule:
        return rules.applied(self.before, self.after)


@dataclass(frozen=True, slots=True)
class DryRun:
    """A reply, or in ``failure`` why the command could not be run now.

    ``left`` is the owner's discovery budget afterwards, ``is_flagged`` whether the
    owner is flagged, ``reasons`` why this command flags them.
    """

    reply: Reply | None
    problems: list[str]
    rows: list[DryRunRow]
    left: float | None
    is_flagged: bool
    reasons: list[detector.Reason]
    failure: str


def run(
    owner: Account, word: str, payload: str, rosters: Rosters, deadline: float
) -> DryRun:
    """Simulate a command. Neither the roster nor the budget is changed.

    What the XMPP server reports about accounts is stored, as always.

    Raises gateway.Down and gateway.Late.
    """
    command = Command(pk=0, owner=owner.jid, command=word, payload=payload)
    work = ClaimedWork(Claim(owner=owner.jid), [command])
    (owner_batch,) = batch.decide([work], rosters, deadline)
    (request,) = owner_batch.requests
    contacts = {entry.key: entry.jid for entry in request.entries}
    known = directory.accounts(contacts, owner_batch.domain)
    return DryRun(
        reply=request.reply,
        problems=request.problems,
        rows=[_row(owner_batch, request, entry, known) for entry in request.entries],
        left=owner_batch.book.budget.left if owner_batch.book else None,
        is_flagged=owner_batch.book.budget.is_flagged if owner_batch.book else False,
        reasons=owner_batch.book.budget.reasons if owner_batch.book else [],
        failure=owner_batch.failure,
    )


def _row(
    owner_batch: OwnerBatch,
    request: ParsedCommand,
    entry: RequestedContact,
    known: Mapping[str, Account],
) -> DryRunRow:
    return DryRunRow(
        entry=entry,
        decision=_decision(owner_batch, request, entry),
        account=known.get(entry.key),
        verified=entry.key in request.lookups and entry.key in owner_batch.users,
        before=owner_batch.before.get(entry.key),
        after=owner_batch.after.get(entry.key),
    )


def _decision(
    owner_batch: OwnerBatch, request: ParsedCommand, entry: RequestedContact
) -> BudgetDecision:
    if owner_batch.book is not None and entry.key in owner_batch.book.budget.charged:
        return BudgetDecision.CHARGED
    if entry.key in request.lookups:
        return BudgetDecision.FREE
    own_key = msisdn.account_key(owner_batch.work.owner)
    if domain_of(entry.jid) != owner_batch.domain or entry.key == own_key:
        return BudgetDecision.NOT_ASKED
    return BudgetDecision.NOT_COVERED
