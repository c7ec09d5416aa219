"""How costs grow: with users online, with accounts, with waiting commands.

Each curve begins small, and compares its last cost with its first: the ratio may grow
no more than the logarithm, so that the whole is n log n.
"""

import asyncio
import json
import resource
import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from itertools import count
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from tests import prosody_files
from tests.bench import commands, documents, numbers, vcards
from tests.bench.load import MESSAGE, pipes, rate
from tests.bench.report import Report
from tests.bench.service import inside, measured
from tests.bench.times import say
from tests.service import COMPONENT, PASSWORD, Service

ONLINE = (10, 100, 1_000, 10_000)
ACCOUNTS = (1_000, 10_000, 100_000, 1_000_000)
WAITING = (2_000, 10_000, 100_000)

READERS, SECONDS = 8, 3.0
SPARE = 1_000  # open files, besides those of the crowd
OWNERS = 1_000  # of the waiting commands
WATCHED, PATIENCE = 6.0, 30.0  # seconds


def measure(report: Report) -> None:
    _online(report)
    _accounts(report)
    _waiting(report)


def _judge(report: Report, curve: str, what: str) -> None:
    """Compare the cost of one at the end with that at the beginning."""
    (few, first), *_, (many, last) = report.curves[curve]
    report.add(f"{curve}, {what}", first / last, "at most", log(many) / log(few), " ×")


# --- Users online ---------------------------------------------------------------------


def _online(report: Report) -> None:
    curve = "vCard gets a second, by users online"
    say(f"\n{curve}")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(ONLINE) if hard < 0 else min(max(ONLINE), hard - SPARE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most + SPARE, hard))
    everybody = [numbers.owner(place) for place in range(most + READERS)]
    with TemporaryDirectory() as folder:
        service = Service(Path(folder))
        prosody_files.accounts(service.server.folder, everybody, PASSWORD)
        with service:
            path = Path(folder) / "load.json"
            path.write_text(documents.dumps(documents.of_bytes(10_000)))
            service.manage("loadbuddies", "--replace", str(path))
            crowd, readers = everybody[:most], everybody[most:]
            asyncio.run(_gets(service, crowd, readers, report, curve))
    _judge(report, curve, f"{most:,} online: cost of one")


async def _gets(
    service: Service, crowd: list[str], readers: list[str], report: Report, curve: str
) -> None:
    port = service.server.c2s_port
    online = 0
    async with AsyncExitStack() as stack:
        clients = await stack.enter_async_context(pipes(readers, port))
        for size in sorted({min(size, len(crowd)) for size in ONLINE}):
            await stack.enter_async_context(pipes(crowd[online:size], port))
            online = size
            found = await vcards.gets(clients, COMPONENT, SECONDS, {})
            report.point(curve, size, found.per_second)
            say(f"    {size:>9,} online     {found.per_second:9,.0f}/s")


# --- Accounts -------------------------------------------------------------------------


def _accounts(report: Report) -> None:
    curve = "searches a second, by accounts"
    say(f"\n{curve}, on PostgreSQL")
    owners = [numbers.owner(place) for place in range(commands.CLIENTS)]

    def furnish(server: Path) -> None:
        prosody_files.accounts(server, owners, PASSWORD)

    with measured("postgresql", furnish, DISCOVERY_BURST="100000") as service:
        here = 0
        for size in ACCOUNTS:
            inside(service, f"users({here}, {size})")
            here = size
            found = asyncio.run(_searches(service, owners))
            report.point(curve, size, found)
            say(f"    {size:>9,} accounts   {found:9,.0f}/s")
    _judge(report, curve, f"{ACCOUNTS[-1]:,} accounts: cost of one")


async def _searches(service: Service, owners: list[str]) -> float:
    async with pipes(owners, service.server.c2s_port) as clients:
        places = count()
        asked = {
            client.jid: commands.search(
                COMPONENT,
                [numbers.local(numbers.unregistered(next(places))) for _ in range(10)],
            )
            for client in clients
        }
        # Once before, so that later there is nothing to look up.
        await asyncio.gather(*(one.ask(asked[one.jid], MESSAGE, 1) for one in clients))
        found = await rate(
            clients,
            lambda client: asked[client.jid],
            MESSAGE,
            outstanding=commands.OUTSTANDING,
            seconds=SECONDS,
            processes={},
        )
    return found.per_second


# --- Waiting commands -----------------------------------------------------------------


def _waiting(report: Report) -> None:
    curve = "commands settled a second, by commands that wait"
    say(f"\n{curve}")
    asked = [numbers.local(numbers.unregistered(place)) for place in range(10)]
    payload = json.dumps({"userList": asked})
    with TemporaryDirectory() as folder, Service(Path(folder)) as service:
        # Once before, so that the owners and their numbers are known.
        _settle(service, OWNERS, payload)
        for size in WAITING:
            found = _settle(service, size, payload)
            report.point(curve, size, found)
            say(f"    {size:>9,} waiting    {found:9,.0f}/s")
    _judge(report, curve, f"{WAITING[-1]:,} waiting: cost of one")


def _settle(service: Service, size: int, payload: str) -> float:
    """Return the commands settled a second, of ``size`` waiting; delete the rest."""
    inside(service, f"backlog({size}, {OWNERS}, {payload!r})")
    # Until the workers have seen it, which takes a second at most.
    _await(lambda: _open(service) < size)
    began, before = monotonic(), _open(service)
    left = before
    while left and monotonic() - began < WATCHED:
        sleep(0.02)
        left = _open(service)
    found = (before - left) / (monotonic() - began)
    assert found, "nothing was settled"
    service.sql("DELETE FROM roster_command WHERE state = 'received'")
    _await(lambda: not _open(service))
    return found


def _await(condition: Callable[[], bool]) -> None:
    end = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < end, "the commands that wait stay as they are"
        sleep(0.02)


def _open(service: Service) -> int:
    path = f"file:{service.folder}/db.sqlite3?mode=ro"
    with closing(sqlite3.connect(path, uri=True)) as database:
        query = "SELECT count(*) FROM roster_command WHERE state IN (?, ?)"
        ((found,),) = database.execute(query, ("received", "running"))
    return int(found)
