"""Reads the rosters of the owners of a batch."""

from collections.abc import Sequence

from roster.accounts import directory
from roster.commands.contacts import by_contact, other_spellings
from roster.commands.owner_batch import OwnerBatch
from xmppservice.protocol.roster import Roster
from xmppservice.rosters.interface import NoAccount, RosterError, Rosters


def read(batches: Sequence[OwnerBatch], rosters: Rosters, deadline: float) -> None:
    """Read the owners' rosters; note in the batches what came of it."""
    results = rosters.read([batch.work.owner for batch in batches], deadline)
    found = list(zip(batches, results, strict=True))
    spellings = (
        other_spellings(result.items, batch.domain)
        for batch, result in found
        if isinstance(result, Roster)
    )
    accounts = directory.registered({jid for jids in spellings for jid in jids})
    for batch, result in found:
        if isinstance(result, Roster):
            contacts = by_contact(result.items, batch.domain, accounts)
            batch.load(contacts, result.version)
        elif isinstance(result, NoAccount):
            batch.mark_missing()
        else:
            batch.failure = f"roster not read: {result}"
    for batch, result in found:
        # Some servers have an empty roster for a user who does not exist, too.
        if result == Roster([]):
            _check_owner(batch, rosters, deadline)


def _check_owner(batch: OwnerBatch, rosters: Rosters, deadline: float) -> None:
    try:
        (exists,) = rosters.exist([batch.work.owner], deadline)
    except RosterError as refusal:
        batch.failure = f"owner not looked up: {refusal}"
    else:
        if not exists:
            batch.mark_missing()
