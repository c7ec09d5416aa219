"""`make bench-search`: the cost of a search for 1,000 numbers, by number of accounts.

It measures the storage part alone (account look-up, the owner's address book), and the
whole command over a stream through a real Prosody. Each search is by an owner who has
asked nothing yet. Only the whole command includes look-ups by Prosody:

- hits: all numbers are users, none is looked up; 1,000 items are written;
- mixed: a quarter are users, Prosody looks up the others;
- listed: the same when the XMPP server has just listed its accounts: none is looked up.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from tests import prosody_files
from tests.bench import numbers
from tests.bench.service import inside, measured
from tests.bench.times import percentile, say, summary
from tests.service import PASSWORD, SERVICE, Service

SIZE = 1_000  # numbers of a search
SIZES = {
    "postgresql": (10_000, 100_000, 1_000_000),
    "sqlite": (10_000, 100_000),
}
# The percentage of users among the numbers, and whether accounts are freshly listed.
KINDS = {"hits": (100, False), "mixed": (25, False), "listed": (25, True)}
OWNERS = 2_000

# Seconds, by what was measured.
Times = dict[str, list[float]]


def main() -> None:
    options = _options()
    for database in options.databases:
        with measured(database, _furnish, DISCOVERY_BURST="100000") as service:
            _grow(service, database, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-search")
    parser.add_argument("databases", nargs="*", default=list(SIZES))
    parser.add_argument("--largest", type=int, default=1_000_000, help="accounts")
    parser.add_argument("--rounds", type=int, default=100, help="of the storage part")
    parser.add_argument("--seconds", type=float, default=15, help="for each command")
    return parser.parse_args()


def _furnish(server: Path) -> None:
    owners = (numbers.owner(place) for place in range(OWNERS))
    prosody_files.accounts(server, owners, PASSWORD)


def _grow(service: Service, database: str, options: argparse.Namespace) -> None:
    """Measure with a few accounts, then with more of them."""
    owners = count()
    smallest: Times = {}
    here = 0
    for size in SIZES[database]:
        if size > options.largest:
            return
        inside(service, f"users({here}, {size})")
        here = size
        taken = {
            "storage part": inside(
                service, f"storage({size}, {SIZE}, {options.rounds})"
            )
        }
        taken |= _commands(service, size, owners, options.seconds)
        smallest = smallest or taken
        _say(f"{database}, {size:,} accounts", taken, smallest)
        plan = inside(service, f"plan({size}, {SIZE})")
        say(f"  the look-up of accounts is {plan['queries']} query:")
        say("\n".join(f"    {line}" for line in plan["plan"]))


def _say(title: str, taken: Times, smallest: Times) -> None:
    say(f"\n{title}: a search for {SIZE:,} numbers")
    for what, seconds in taken.items():
        ratio = percentile(seconds, 50) / percentile(smallest[what], 50)
        say(f"  {what:13} {summary(seconds)}   {ratio:.2f} times the smallest's p50")


def _commands(
    service: Service, population: int, owners: Iterator[int], seconds: float
) -> Times:
    taken: Times = {}
    for kind, (share, is_listed) in KINDS.items():
        inside(service, f"listed({is_listed})")
        asking = _ask(service, population, share, owners, seconds)
        taken[f"command {kind}"] = asyncio.run(asking)
    return taken


async def _ask(
    service: Service, population: int, share: int, owners: Iterator[int], seconds: float
) -> list[float]:
    """Searches by one owner after the other, until the time is over."""
    taken: list[float] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        place = next(owners)
        asked = numbers.mixed(population, SIZE, share, place)
        async with service.client(numbers.owner(place)) as client:
            began = time.monotonic()
            answer = await client.command(
                SERVICE, "cmd_search_users", {"userList": asked}
            )
            taken.append(time.monotonic() - began)
        assert len(answer["userList"]) == SIZE * share // 100, answer["errorCode"]
    return taken


if __name__ == "__main__":
    main()
