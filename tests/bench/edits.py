"""The time from an edit through the API to its reader, and the cost of a release.

The client is subscribed, as apps are: when presence names another document, it reads
that one. Edits come at random, also sooner than releases may follow each other.
"""

import asyncio
import random
from http import HTTPStatus
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import monotonic

from demo.client import Client, ClientError
from tests import prosody_files
from tests.bench import documents
from tests.bench.report import Report
from tests.bench.service import inside
from tests.bench.times import bar, percentile, say, summary
from tests.conversations.presences import digest, newest, subscribe
from tests.service import COMPONENT, PASSWORD, Service, until

ENTRIES = 1_000
EDITS = 50
PAUSE = (0.3, 3.0)  # seconds between edits, at random
MAX_SECONDS = 60.0  # an edit that takes longer counts as this
WATCHER = "watcher"
SIZES = (30, 1_000, 10_000)
ROUNDS = 7

P50, P99 = 0.15, 1.0  # seconds
OF_JSON = 5


def measure(report: Report) -> None:
    with TemporaryDirectory() as folder:
        service = Service(Path(folder))
        prosody_files.accounts(service.server.folder, [WATCHER], PASSWORD)
        with service:
            load_document(service, ENTRIES)
            asyncio.run(_edits(service, report))
            _releases(service, report)


def load_document(service: Service, entries: int) -> None:
    path = service.folder / "document.json"
    path.write_text(documents.dumps(documents.of_entries(entries)))
    service.manage("loadbuddies", "--replace", str(path))


# --- Edits ----------------------------------------------------------------------------


async def _edits(service: Service, report: Report) -> None:
    what = f"edit to client, {ENTRIES:,} entries"
    say(f"\n{what}")
    randomly = random.Random(1)
    taken: list[float] = []
    async with service.client(WATCHER, "watch") as client:
        editor = Editor(service, client)
        await editor.begin()
        for turn in range(EDITS):
            bar("edits", turn, EDITS)
            await asyncio.sleep(randomly.uniform(*PAUSE))
            taken.append(await editor.edit())
    bar("edits", EDITS, EDITS)
    say(f"    {summary(taken)}")
    report.add(f"{what}: p50", percentile(taken, 50), "at most", P50, " s")
    report.add(f"{what}: p99", percentile(taken, 99), "at most", P99, " s")


class Editor:
    """Edits entries through the API; ``client`` is subscribed, and reads them."""

    def __init__(self, service: Service, client: Client) -> None:
        self._service, self._client = service, client

    async def begin(self) -> None:
        """Subscribe, and wait until the client knows the document."""
        await subscribe(self._client)
        await until(lambda: newest(self._client))
        _, _, page = await asyncio.to_thread(self._service.http, "GET", "/api/buddies/")
        self._pks = cycle([one["id"] for one in page["results"]])
        self._edits = 0

    async def edit(self) -> float:
        """Seconds from an edit until the client has read it, MAX_SECONDS at most."""
        self._edits += 1
        status = f"Edited {self._edits} times"
        path, change = f"/api/buddies/{next(self._pks)}/", {"info": {"status": status}}
        began, last_hash = monotonic(), newest(self._client)
        try:
            async with asyncio.timeout(MAX_SECONDS):
                http = self._service.http
                code, _, _ = await asyncio.to_thread(http, "PATCH", path, change)
                assert code == HTTPStatus.OK
                await self._until_read(last_hash, status)
        except (OSError, ClientError):
            return MAX_SECONDS
        # A thousand edits would keep a thousand documents.
        del self._client.stanzas[:-2]
        return monotonic() - began

    async def _until_read(self, last_hash: str, status: str) -> None:
        while True:
            if newest(self._client) != last_hash:
                last_hash = newest(self._client)
                text = await self._client.document(COMPONENT)
                if status in text:
                    return
                last_hash = digest(text)
            await asyncio.sleep(0.002)


# --- Releases -------------------------------------------------------------------------


def _releases(service: Service, report: Report) -> None:
    for entries in SIZES:
        load_document(service, entries)
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
