"""What clients notice at half, all and twice the load that the service can answer.

The capacity is measured first, so that the results are about the software and not about
the machine: commands answered a second when 50 clients always wait for 20 answers.
An edit at leisure, of the same run, is what edits under load are compared with. Both
deployments: all in one process with SQLite, and several with PostgreSQL and Redis.
A command that is refused until later counts as refused, not as a failure.
"""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from demo.client import ClientError
from demo.server import descendants
from tests import prosody_files
from tests.bench import commands, numbers
from tests.bench.edits import MAX_SECONDS, WATCHER, Editor, load_document
from tests.bench.load import MESSAGE, Request, logged_in, pipes, rate
from tests.bench.offered import Caller, offer
from tests.bench.report import Report
from tests.bench.times import bar, percentile, say, summary
from tests.service import COMPONENT, PASSWORD, Service

DEPLOYMENTS = {"one": "one process", "redis": "several processes"}
CLIENTS, CONTACTS = 50, 10
# Of each client: fewer would measure how long an answer takes in several processes.
OUTSTANDING = 20
CAPACITY_SECONDS = 6.0
# As docs/deployment.md advises: the XMPP server, and so the clients of this bench, and
# the process that has the stream have three times the weight of all others.
FIRST, NICE = "xmpp", 5
ENTRIES = 1_000
EDITS = 12  # at leisure
PAUSE = (0.5, 1.5)  # seconds between edits, at random: releases are a second apart
GET_PAUSE_SECONDS = 0.25
READER = "reader"
# The load as a multiple of the capacity → for how many seconds. At twice, the queue
# must have the time to become as old as it may.
LOADS = {0.5: 15.0, 1.0: 20.0, 2.0: 30.0}

TIMES_LEISURE = 5.0
WORST_SECONDS, GET_SECONDS, ANSWER_SECONDS = 3.0, 1.0, 30.0


def measure(report: Report) -> None:
    for deployment in DEPLOYMENTS:
        measure_on(deployment, report)


def measure_on(deployment: str, report: Report) -> None:
    owners = [numbers.owner(place) for place in range(CLIENTS)]
    say(f"\n{DEPLOYMENTS[deployment]}")
    with TemporaryDirectory() as folder:
        service = Service(
            Path(folder),
            deployment=deployment,
            own=deployment != "one",
            DISCOVERY_BURST="100000",
            OWNER_STORAGE_BYTES="1000000000",
        )
        accounts = [*owners, WATCHER, READER]
        prosody_files.accounts(service.server.folder, accounts, PASSWORD)
        with service:
            load_document(service, ENTRIES)
            bench = _Bench(service, owners, DEPLOYMENTS[deployment], report)
            asyncio.run(bench.run())


def _let_others_go_first(service: Service) -> None:
    """Give all that edits pass through the time that it needs: see FIRST.

    It shares this machine's cores with the service and its database: without it, twice
    the capacity would measure how long the XMPP server's queue is. Linux may compare
    whole sessions instead of processes (sched(7), "The autogroup feature"), and each
    connection to PostgreSQL is one.
    """
    for pid in _pids(service):
        # It may just have ended.
        with suppress(ProcessLookupError, FileNotFoundError):
            os.setpriority(os.PRIO_PROCESS, pid, NICE)
            group = Path(f"/proc/{pid}/autogroup")
            if group.exists():
                group.write_text(f"{NICE}")


def _pids(service: Service) -> set[int]:
    """The processes of the service that do not go first, and of what they share."""
    mains = {one.pid for name, one in service.processes.items() if name != FIRST}
    shared = (backend.processes for backend in service.backends.values())
    return mains.union(*map(descendants, mains), *shared)


class _Bench:
    """A service, an editor of its document, and a client that reads it."""

    def __init__(
        self, service: Service, owners: list[str], name: str, report: Report
    ) -> None:
        self._service, self._name, self._report = service, name, report
        self._owners = owners
        self._port = service.server.c2s_port
        self._places = count()
        self._randomly = random.Random(1)

    async def run(self) -> None:
        service = self._service
        async with (
            service.client(WATCHER, "watch") as watcher,
            service.client(READER) as self._reader,
        ):
            self._editor = Editor(service, watcher)
            await self._editor.begin()
            capacity = await self._capacity()
            leisure = await self._leisure()
            async with logged_in(self._owners, self._port) as streams:
                callers = [Caller(one.jid, one.transport) for one in streams]
                for load, seconds in LOADS.items():
                    await self._under(load, capacity, seconds, callers, leisure)

    async def _capacity(self) -> float:
        _let_others_go_first(self._service)
        async with pipes(self._owners, self._port) as clients:
            asked = {client.jid: self._search() for client in clients}
            measured = await rate(
                clients,
                lambda client: asked[client.jid],
                MESSAGE,
                outstanding=OUTSTANDING,
                seconds=CAPACITY_SECONDS,
                processes={},
            )
        say(f"    capacity: {measured.per_second:,.0f} commands a second")
        return measured.per_second

    async def _leisure(self) -> list[float]:
        taken = []
        for turn in range(EDITS):
            bar("edits at leisure", turn, EDITS)
            taken.append(await self._edit())
        bar("edits at leisure", EDITS, EDITS)
        say(f"    edits at leisure: {summary(taken)}")
        return taken

    async def _under(
        self,
        load: float,
        capacity: float,
        seconds: float,
        callers: list[Caller],
        leisure: list[float],
    ) -> None:
        # Workers have opened connections to the database meanwhile.
        _let_others_go_first(self._service)
        label = f"{load:g} times the capacity"
        asked = {caller.jid: self._search() for caller in callers}
        offering = offer(
            callers,
            lambda caller: asked[caller.jid],
            load * capacity,
            seconds,
            label,
        )
        async with _repeated(self._edit) as edits, _repeated(self._get) as gets:
            await offering
        self._judge_edits(label, edits, leisure)
        say(f"    {label}: vCard gets {summary(gets)}")
        what = f"{self._name}, {label}: vCard get, p99"
        self._report.add(what, percentile(gets, 99), "at most", GET_SECONDS, " s")
        self._judge_answers(label, callers)

    def _judge_edits(
        self, label: str, edits: list[float], leisure: list[float]
    ) -> None:
        say(f"    {label}: edits {summary(edits)}")
        what = f"{self._name}, {label}: edit"
        for percent in (50, 99):
            times = percentile(edits, percent) / percentile(leisure, percent)
            self._report.add(
                f"{what}, p{percent}: times leisure", times, "at most", TIMES_LEISURE
            )
        self._report.add(f"{what}, worst", max(edits), "at most", WORST_SECONDS, " s")

    def _judge_answers(self, label: str, callers: list[Caller]) -> None:
        waits = [wait for caller in callers for wait in caller.waits]
        refused = sum(caller.refused for caller in callers)
        lost = sum(caller.outstanding for caller in callers)
        say(f"    {label}: {len(waits):,} answered, {refused:,} refused")
        say(f"    {label}: answers {summary(waits)}")
        what = f"{self._name}, {label}"
        self._report.add(
            f"{what}: answer, worst", max(waits), "at most", ANSWER_SECONDS, " s"
        )
        share = lost / (len(waits) + refused + lost)
        self._report.add(
            f"{what}: no answer, no error", 100 * share, "at most", 0, " %"
        )

    async def _edit(self) -> float:
        await asyncio.sleep(self._randomly.uniform(*PAUSE))
        return await self._editor.edit()

    async def _get(self) -> float:
        await asyncio.sleep(GET_PAUSE_SECONDS)
        began = monotonic()
        try:
            await self._reader.document(COMPONENT)
        except ClientError:
            return MAX_SECONDS
        self._reader.stanzas.clear()
        return monotonic() - began

    def _search(self) -> Request:
        places = (next(self._places) for _ in range(CONTACTS))
        asked = [numbers.local(numbers.unregistered(place)) for place in places]
        return commands.search(COMPONENT, asked)


@asynccontextmanager
async def _repeated(
    measure: Callable[[], Awaitable[float]],
) -> AsyncIterator[list[float]]:
    """Measure again and again; yield the list of results, whole when this ends."""
    results: list[float] = []
    is_over = asyncio.Event()

    async def repeat() -> None:
        while not is_over.is_set():
            results.append(await measure())

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(repeat())
        yield results
        is_over.set()
