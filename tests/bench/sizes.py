"""The bytes of a row in PostgreSQL, with indexes: docs/scale.md uses them."""

import asyncio
from pathlib import Path

from tests import prosody_files
from tests.bench import commands, numbers
from tests.bench.load import MESSAGE, pipes
from tests.bench.report import Report
from tests.bench.service import inside, measured
from tests.bench.times import say
from tests.service import COMPONENT, PASSWORD

ACCOUNTS, OWNERS, CONTACTS = 100_000, 200, 300


def measure(_: Report) -> None:
    owners = [numbers.owner(place) for place in range(OWNERS)]

    def furnish(server: Path) -> None:
        prosody_files.accounts(server, owners, PASSWORD)

    say(f"\nbytes in PostgreSQL; each command is a search for {CONTACTS} numbers")
    with measured("postgresql", furnish) as service:
        inside(service, f"users(0, {ACCOUNTS})")
        asyncio.run(_search(owners, service.server.c2s_port))
        for what, (rows, size) in inside(service, "sizes()").items():
            say(f"    {what:24} {size / rows:9,.0f} of {rows:,} rows")


async def _search(owners: list[str], port: int) -> None:
    """Let each owner search once, for different numbers."""
    async with pipes(owners, port) as clients:
        for place, client in enumerate(clients):
            book = numbers.mixed(ACCOUNTS, CONTACTS, 0, place)
            asked = commands.search(COMPONENT, [numbers.local(one) for one in book])
            await client.ask(asked, MESSAGE, 1)
