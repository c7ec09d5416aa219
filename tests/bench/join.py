"""`make bench-join`: a number on the rosters of 100,000 users registers.

A real Prosody has an account and a roster for each; the service is on PostgreSQL. All
must get the newcomer in the group `verified`. Meanwhile one user pings the XMPP server
and others search, as they did before. `--seconds` limits the run.
"""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import count
from pathlib import Path

import psycopg

from demo.client import Client
from tests import prosody_files
from tests.bench import numbers
from tests.bench.idle import memory
from tests.bench.service import inside, measured
from tests.bench.times import bar, say, summary
from tests.service import PASSWORD, SERVICE, Service

LATE = "+393990000000"
OTHERS, VERIFIED = "others", "verified"
BASELINE = 20  # seconds
PING = "<ping xmlns='urn:xmpp:ping'/>"
PING_EVERY, SEARCH_EVERY, POLL_EVERY = 0.1, 0.5, 1.0  # seconds
SEARCHERS, SEARCHED = 10, 100  # unrelated users, numbers of each search
USUAL = 100  # LATE_JOINS_PER_SECOND by default


@dataclass
class Latencies:
    """Seconds of each ping and each search of other users."""

    pings: list[float] = field(default_factory=list)
    searches: list[float] = field(default_factory=list)

    def say(self, when: str) -> None:
        say(f"{when:10} ping of the XMPP server   {summary(self.pings)}")
        say(f"{when:10} search for {SEARCHED} numbers  {summary(self.searches)}")


def main() -> None:
    options = _options()
    holders = [numbers.local(numbers.user(n)) for n in range(options.holders)]
    others = [numbers.owner(place) for place in range(SEARCHERS + 1)]

    def furnish(server: Path) -> None:
        prosody_files.accounts(server, [*holders, *others], PASSWORD)
        jid = f"{numbers.local(LATE)}@localhost"
        prosody_files.rosters(server, holders, jid, "Late", OTHERS)

    settings = {"LATE_JOINS_PER_SECOND": str(options.rate), "DISCOVERY_BURST": "100000"}
    say(f"writing {options.holders:,} accounts and rosters ...")
    with measured("postgresql", furnish, **settings) as service:
        inside(service, f"users(0, {options.holders})")
        inside(service, f"holders('{LATE}')")
        asyncio.run(_bench(service, options))
        done = prosody_files.in_group(service.server.folder, holders, VERIFIED)
        say(f"rosters with the newcomer in {VERIFIED}: {done:,} of {options.holders:,}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-join")
    parser.add_argument("--holders", type=int, default=100_000)
    parser.add_argument("--rate", type=int, default=1_000, help="rosters a second")
    parser.add_argument("--seconds", type=int, default=900, help="at most so long")
    return parser.parse_args()


async def _bench(service: Service, options: argparse.Namespace) -> None:
    async with _others(service) as before:
        await asyncio.sleep(BASELINE)
    before.say("before:")
    say(f"memory of the service: {memory(service.pid)} MB")
    service.server.register(numbers.local(LATE), PASSWORD)
    began = time.monotonic()
    jid = {"jid": f"{numbers.local(LATE)}@localhost"}
    status, _, _ = await asyncio.to_thread(service.http, "POST", "/api/accounts/", jid)
    assert status == HTTPStatus.CREATED
    async with _others(service) as meanwhile:
        left = await _watch(service, began, options)
    _say_rate(options.holders - left, time.monotonic() - began, options)
    meanwhile.say("meanwhile:")
    peak = memory(service.pid, "VmHWM")
    say(f"memory of the service: {memory(service.pid)} MB, {peak} MB at most")


def _say_rate(done: int, seconds: float, options: argparse.Namespace) -> None:
    say(f"{done:,} rosters in {seconds:.0f} s: {done / seconds:.0f} a second")
    usual = options.holders / min(USUAL, done / seconds) / 60
    say(f"with LATE_JOINS_PER_SECOND={USUAL}: {usual:.0f} minutes")


async def _watch(service: Service, began: float, options: argparse.Namespace) -> int:
    """Return how many rosters are left when all are done, or the time is over."""
    url, queued = service.environment["DATABASE_URL"], False
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as rows:
        while time.monotonic() < began + options.seconds:
            await asyncio.sleep(POLL_EVERY)
            found = await rows.execute("SELECT count(*) FROM roster_latejoin")
            left: int = (await found.fetchone() or (0,))[0]
            queued = queued or left > 0
            if queued:
                bar("rosters", options.holders - left, options.holders)
                if not left:
                    break
    return left


# --- Other users ----------------------------------------------------------------------


@asynccontextmanager
async def _others(service: Service) -> AsyncIterator[Latencies]:
    """Let unrelated users work; yield their latencies until the end."""
    latencies = Latencies()
    pinger, *searchers = [numbers.owner(place) for place in range(SEARCHERS + 1)]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_ping(service, pinger, latencies))]
        tasks += [
            group.create_task(_search(service, local, place, latencies))
            for place, local in enumerate(searchers)
        ]
        yield latencies
        for task in tasks:
            task.cancel()


async def _ping(service: Service, local: str, latencies: Latencies) -> None:
    async with service.client(local) as client:
        while True:
            began = time.monotonic()
            await client.iq("get", PING, "localhost", timeout=60)
            latencies.pings.append(time.monotonic() - began)
            await asyncio.sleep(PING_EVERY)


_seeds = count()


async def _search(
    service: Service, local: str, place: int, latencies: Latencies
) -> None:
    # Not all at once.
    await asyncio.sleep(SEARCH_EVERY * place)
    async with service.client(local) as client:
        while True:
            latencies.searches.append(await _searched(client, next(_seeds)))
            await asyncio.sleep(SEARCH_EVERY * SEARCHERS)


async def _searched(client: Client, seed: int) -> float:
    """Return the seconds of a search for numbers without an account."""
    asked = {"userList": numbers.mixed(1, SEARCHED, 0, seed)}
    began = time.monotonic()
    answer = await client.command(SERVICE, "cmd_search_users", asked)
    assert answer["status"] == 0, answer["errorCode"]
    return time.monotonic() - began


if __name__ == "__main__":
    main()
