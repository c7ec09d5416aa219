"""Commands as rows, for the tests of the queue."""

from collections import Counter

from roster.commands import claims, outbox, results
from roster.commands.results import MAX_ATTEMPTS, Settled
from roster.models import Account, AddressBookEntry, Command
from tests.roster.conftest import ROMEO, make_due

SQL_ERROR = '{"status":1}'
OK = '{"status":0}'


def row() -> Command:
    return Command.objects.get()


def states() -> Counter:
    return Counter(Command.objects.values_list("state", flat=True))


def owners(work: list[claims.ClaimedWork]) -> list[str]:
    return sorted(one.owner for one in work)


def answered(
    work: claims.ClaimedWork, answer: str = OK, *, final: bool = True
) -> Settled:
    return Settled(work, {row.pk: (answer, final) for row in work.commands})


def failed(work: claims.ClaimedWork, why: str = "roster not read") -> Settled:
    return Settled(work, failures={row.pk: why for row in work.commands})


def finish(*settled: Settled) -> list[claims.ClaimedWork]:
    return results.finish(settled, SQL_ERROR)


def run_to(state: str, *, final: bool = True) -> None:
    """Bring the only command to a state of its life."""
    if state == "received":
        return
    (work,) = claims.claim()
    if state == "running":
        return
    finish(answered(work, final=final))
    if state == "sent":
        outbox.confirm(outbox.unsent(9, ()))


def kill() -> None:
    """Let the only command fail until it is dead."""
    for _ in range(MAX_ATTEMPTS):
        make_due()
        (work,) = claims.claim()
        finish(failed(work))


def remember(digest: str):
    owner, _ = Account.objects.get_or_create(jid=ROMEO)
    entry = {"owner": owner, "digest": digest.encode()}
    return lambda: AddressBookEntry.objects.create(**entry)
