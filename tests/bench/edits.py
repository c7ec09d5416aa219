"""The time from an edit through the API to its reader, and the cost of a release.

The client is subscribed, as apps are: when presence names another document, it reads
that one. Edits come at random, also sooner than releases may follow each other.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic

from demo.client import Client
from tests import prosody_files
from tests.bench import commands, documents, numbers
from tests.bench.load import MESSAGE, Pipe, pipes
from tests.bench.report import Report
from tests.bench.service import inside
from tests.bench.times import bar, percentile, say, summary
from tests.conversations.presences import digest, newest, subscribe
from tests.service import COMPONENT, PASSWORD, Service, until

ENTRIES = 1_000
EDITS, EDITS_UNDER_LOAD = 50, 15
PAUSE = (0.3, 3.0)  # seconds between edits, at random
CLIENTS, COMMANDS, ANSWERED = 50, 1_000, 900  # a second
SIZES = (30, 1_000, 10_000)
ROUNDS = 7

P50, P99, WORST = 0.15, 1.0, 2.0  # seconds
OF_JSON = 5


def measure(report: Report) -> None:
    owners = [numbers.owner(place) for place in range(CLIENTS)]
    with TemporaryDirectory() as folder:
        service = Service(Path(folder), DISCOVERY_BURST="100000")
        prosody_files.accounts(service.server.folder, owners, PASSWORD)
        with service:
            _load(service, ENTRIES)
            asyncio.run(_edits(service, owners, report))
            _releases(service, report)


def _load(service: Service, entries: int) -> None:
    path = service.folder / "document.json"
    path.write_text(documents.dumps(documents.of_entries(entries)))
    service.manage("loadbuddies", "--replace", str(path))


# --- Edits ----------------------------------------------------------------------------


async def _edits(service: Service, owners: list[str], report: Report) -> None:
    what = f"edit to client, {ENTRIES:,} entries"
    say(f"\n{what}")
    async with service.client(owners[0], "watch") as client:
        await subscribe(client)
        await until(lambda: newest(client))
        taken = await _edited(service, client, EDITS)
        say(f"    {summary(taken)}")
        report.add(f"{what}: p50", percentile(taken, 50), "at most", P50, " s")
        report.add(f"{what}: p99", percentile(taken, 99), "at most", P99, " s")
        say(f"\nthe same, during {COMMANDS:,} commands a second")
        async with (
            pipes(owners, service.server.c2s_port) as clients,
            _commanding(clients) as answered,
        ):
            began, before = monotonic(), answered()
            taken = await _edited(service, client, EDITS_UNDER_LOAD)
            each = (answered() - before) / (monotonic() - began)
        say(f"    {summary(taken)}")
        report.add(f"{what}, under load: worst", max(taken), "at most", WORST, " s")
        load = "the load: commands answered a second"
        report.add(load, each, "at least", ANSWERED)


async def _edited(service: Service, client: Client, times: int) -> list[float]:
    """Seconds from each edit until the client has read it."""
    _, _, page = await asyncio.to_thread(service.http, "GET", "/api/buddies/")
    pks = [one["id"] for one in page["results"]]
    randomly = random.Random(1)
    taken: list[float] = []
    for turn in range(times):
        bar("edits", turn, times)
        await asyncio.sleep(randomly.uniform(*PAUSE))
        status = f"Edited {turn} of {times}"
        change = {"info": {"status": status}}
        path = f"/api/buddies/{pks[turn % len(pks)]}/"
        began, last_hash = monotonic(), newest(client)
        code, _, _ = await asyncio.to_thread(service.http, "PATCH", path, change)
        assert code == HTTPStatus.OK
        await _until_read(client, last_hash, status)
        taken.append(monotonic() - began)
        # A thousand edits would keep a thousand documents.
        del client.stanzas[:-2]
    bar("edits", times, times)
    return taken


async def _until_read(client: Client, last_hash: str, status: str) -> None:
    end = monotonic() + 30
    while monotonic() < end:
        if newest(client) != last_hash:
            last_hash = newest(client)
            text = await client.document(COMPONENT)
            if status in text:
                return
            last_hash = digest(text)
        await asyncio.sleep(0.002)
    raise AssertionError("the edit did not reach the client in 30 seconds")


@asynccontextmanager
async def _commanding(clients: list[Pipe]) -> AsyncIterator[Callable[[], int]]:
    """Send searches at a constant rate; yield a function that counts the answers."""
    places = count()
    asked = [
        commands.search(
            COMPONENT,
            [numbers.local(numbers.unregistered(next(places))) for _ in range(10)],
        )
        for _ in clients
    ]

    async def ask() -> None:
        began, sent = monotonic(), 0
        while True:
            due = int((monotonic() - began) * COMMANDS)
            while sent < due:
                place = sent % len(clients)
                clients[place].send(asked[place], MESSAGE)
                sent += 1
            await asyncio.sleep(0.01)

    asking = asyncio.create_task(ask())
    try:
        yield lambda: sum(client.answered for client in clients)
    finally:
        asking.cancel()
    for client in clients:
        await client.end()


# --- Releases -------------------------------------------------------------------------


def _releases(service: Service, report: Report) -> None:
    for entries in SIZES:
        _load(service, entries)
        taken = inside(service, f"builds({ROUNDS})")
        build, read, encode = (
            median(taken[name]) for name in ("build", "read", "encode")
        )
        say(
            f"\n{entries:,} entries: encode {1000 * encode:.1f} ms,"
            f" build {1000 * build:.1f} ms, read the rows {1000 * read:.1f} ms"
        )
        what = f"build of {entries:,} entries: times JSON encoding"
        report.add(what, build / encode, "at most", OF_JSON)
