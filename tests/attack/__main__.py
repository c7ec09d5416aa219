"""`make attack`: what number enumeration reveals, at the running service.

It has a Prosody, the service, 100,000 users in blocks of Italian mobiles, and 200
ordinary owners who have sent their address books, so that the service knows the usual
hit rate. The attackers know which blocks are in use. Each has `--seconds`. The
statistics go into docs/discovery.md.
"""

import argparse
import asyncio
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests import prosody_files
from tests.attack import timing
from tests.attack.attackers import Attack, attacks, play
from tests.attack.population import HONEST, Population, friends, honest
from tests.attack.projection import Outcome, per_account_year
from tests.bench import numbers
from tests.bench.service import inside, measured
from tests.bench.times import say, shown
from tests.service import PASSWORD, SERVICE, Service

OWNERS = HONEST + 100
# Sources: docs/discovery.md.
PUBLISHED = """
For comparison, as published:
  "All the Numbers are US" (NDSS 2021): 10 % of all US mobile numbers tried at
    WhatsApp, 100 % at Signal
  "Hey there! You are using WhatsApp" (arXiv 2511.20252): more than 100 million numbers
    an hour, 3.5 billion accounts found; since remedied"""


def main() -> None:
    options = _options()
    population = Population(options.accounts)
    with measured("postgresql", _furnish) as service:
        _fill(service, population)
        asyncio.run(_send_books(service))
        # The usual hit rate is computed once an hour.
        service.stop()
        service.start()
        _attack(service, population, options)
        asyncio.run(_listen(service, population, options.timings))
    say(PUBLISHED)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make attack")
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=60, help="for each attack")
    parser.add_argument("--timings", type=int, default=300, help="of each kind")
    return parser.parse_args()


def _furnish(server: Path) -> None:
    owners = (numbers.owner(place) for place in range(OWNERS))
    prosody_files.accounts(server, owners, PASSWORD)


def _fill(service: Service, population: Population) -> None:
    users = sorted({*population.users, *friends()})
    path = service.folder / "users"
    path.write_text("\n".join(users))
    inside(service, f"read_accounts({str(path)!r})")
    inside(service, f"hidden({timing.MAX_PER_KIND}, {timing.MAX_PER_KIND})")


async def _send_books(service: Service) -> None:
    """Ordinary owners send their address books, each as one command."""
    books = honest()
    locals = [numbers.owner(place) for place in range(len(books))]
    for local, book in shown("address books", zip(locals, books, strict=True), HONEST):
        async with service.client(local) as client:
            sent = {"userList": [numbers.local(one) for one in book.numbers]}
            await client.command(SERVICE, "cmd_search_users", sent, timeout=120)
    jids = [f"{local}@localhost" for local in locals]
    outcomes = await asyncio.to_thread(inside, service, f"asked({jids})")
    flagged = sum(bool(one["rules"]) for one in outcomes.values())
    say(f"ordinary owners taken for attackers: {flagged} of {HONEST}")


# --- Attacks --------------------------------------------------------------------------


def _attack(
    service: Service, population: Population, options: argparse.Namespace
) -> None:
    owners = map(numbers.owner, count(HONEST))
    say(HEAD)
    for attack in attacks(population):
        locals = [next(owners) for _ in range(attack.accounts)]
        outcome = asyncio.run(play(service, attack, locals, options.seconds))
        say("".join(f"{cell:>{width}}" for cell, width in _row(attack, outcome)))


COLUMNS = (
    ("attack", 23),
    ("accounts", 10),
    ("answered", 10),
    ("each", 8),
    ("users", 7),
    ("seconds", 9),
    ("account-year", 14),
    ("5", 11),
    ("100", 13),
    ("stopped by", 26),
)
HEAD = (
    "\nNumbers answered, and projected for one account, for 5 and for 100 in a year\n"
)
HEAD += "".join(f"{name:>{width}}" for name, width in COLUMNS)


def _row(attack: Attack, outcome: Outcome) -> Iterator[tuple[str, int]]:
    year = per_account_year(outcome)
    # An attack that only ran out of time may still be stopped later.
    most = "" if outcome.is_stopped else "≤ "
    cells = (
        attack.name,
        attack.accounts,
        f"{outcome.total:,}",
        f"{outcome.each:,}",
        f"{outcome.hits:,}",
        round(outcome.seconds),
        *(f"{most}{accounts * year:,}" for accounts in (1, 5, 100)),
        _stopped(outcome),
    )
    widths = (width for _, width in COLUMNS)
    yield from zip(map(str, cells), widths, strict=True)


def _stopped(outcome: Outcome) -> str:
    rules = sorted({rule for found in outcome.rules.values() for rule in found})
    if rules:
        accounts = len(outcome.answered)
        how_many = f", {len(outcome.flagged)} of {accounts}" if accounts > 1 else ""
        return f"rule {' and '.join(rules)}{how_many}"
    return "the budget" if outcome.refused else "the end of the time"


# --- Timing ---------------------------------------------------------------------------


async def _listen(service: Service, population: Population, count: int) -> None:
    local = numbers.owner(OWNERS - 1)
    users = population.users[::50]
    async with service.client(local) as client:
        for label, measure in (("first", timing.first), ("again", timing.again)):
            taken = await measure(client, users, count)
            say(f"\nThe time of an answer about one number, asked {label}")
            for line in timing.verdicts(taken):
                say(f"  {line}")


if __name__ == "__main__":
    main()
