"""Many contacts for one roster: with our module of Prosody, beside mod_privilege.

Both work on the same Prosody, in turn, for owners who are online; meanwhile another
user pings and logs in. mod_privilege saves the whole roster for each contact, so it
gets a limited time and its rest is computed from its rate, which favours it: it becomes
slower as the roster grows. Then the service itself adds contacts, with the module and
without it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from demo.component import RawComponent
from demo.prosody import Prosody
from demo.stream import log_in
from tests import prosody_files
from tests.bench import numbers
from tests.bench.bystander import Bystander, Span, Waits, bystander
from tests.bench.report import Report
from tests.bench.times import bar, say
from tests.deploy import bulk
from tests.ports import free_port
from tests.service import COMPONENT, PASSWORD, SECRET, SERVICE, Service, until
from xmppservice.protocol import roster

IN_REQUEST = 500  # items that the module gets at once
IN_FLIGHT = 100  # requests that mod_privilege gets at once
LIMIT_SECONDS = 20  # for mod_privilege
IDLE_SECONDS = 4
SETTLE_SECONDS = 0.5  # for what others began to wait for in the run before
PUSH_SECONDS = 60
NEW_CONTACTS = 1_000  # that the service adds
COMMAND_SECONDS = 180
OWNERS = 40


@dataclass(frozen=True, slots=True)
class Case:
    """``new`` contacts for a roster that has ``there``."""

    new: int
    there: int
    rounds: int
    target: float = 0

    def __str__(self) -> str:
        return f"{self.new:,} new on {self.there:,}"


CASES = Case(500, 0, 3, 15), Case(500, 1_000, 1), Case(1_000, 1_000, 1, 50)
CPU_RATIO, PING_SECONDS, LOGIN_SECONDS, SERVICE_RATIO = 30, 0.2, 0.3, 12


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds until the last answer, and until the owner has the last push."""

    answered: float
    pushed: float
    cpu: float  # of Prosody
    span: Span
    done: float = 1  # the part of the contacts that was written in the time

    @property
    def whole(self) -> tuple[float, float, float]:
        """Answer, push and CPU seconds for all of the contacts, at this rate."""
        return self.answered / self.done, self.pushed / self.done, self.cpu / self.done


def measure(report: Report) -> None:
    with TemporaryDirectory() as folder, _prosody(Path(folder)) as server:
        idle, runs, seen = asyncio.run(_compare(server))
    _judge(report, seen.during(idle), runs, seen)
    _through_the_service(report)


@contextmanager
def _prosody(folder: Path) -> Iterator[Prosody]:
    ports = {name: free_port() for name in ("c2s_port", "component_port", "http_port")}
    locals = map(numbers.owner, range(OWNERS + 2))
    prosody_files.accounts(folder, locals, PASSWORD)
    with Prosody(folder, secret=SECRET, component=COMPONENT, **ports) as server:
        yield server


# --- One owner ------------------------------------------------------------------------


class Pushes(asyncio.Protocol):
    """Counts the pushes that an owner gets, without parsing them."""

    _MARK = b"<item "

    def __init__(self, transport: Any) -> None:
        self.count, self.last = 0, 0.0
        self._rest = b""
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        came = data.count(self._MARK)
        self._rest = data[-len(self._MARK) + 1 :]
        if came:
            self.count, self.last = self.count + came, time.monotonic()


@asynccontextmanager
async def _online(server: Prosody, local: str) -> Any:
    stream = await log_in(f"{local}@localhost/phone", PASSWORD, server.c2s_port)
    stream.write("<iq type='get' id='r'><query xmlns='jabber:iq:roster'/></iq>")
    await stream.next()
    yield Pushes(stream.transport)
    stream.transport.close()


Write = Callable[[RawComponent, str, Sequence[int]], Awaitable[int]]


async def with_module(
    component: RawComponent, local: str, contacts: Sequence[int]
) -> int:
    """Write contacts; return how many were written."""
    for at in range(0, len(contacts), IN_REQUEST):
        some = contacts[at : at + IN_REQUEST]
        answer = await bulk.write_one(component, local, bulk.items(len(some), some[0]))
        assert answer.written == str(len(some)), answer
    return len(contacts)


async def with_privilege(
    component: RawComponent, local: str, contacts: Sequence[int]
) -> int:
    """Write contacts until the time is over; return how many were written."""
    until_time = time.monotonic() + LIMIT_SECONDS
    left = iter(contacts)
    written = 0

    async def some() -> None:
        nonlocal written
        for number in left:
            item = roster.set_item(bulk.contact(number), "A name", ["verified"])
            answer = await component.iq("set", item, f"{local}@localhost")
            assert answer.get("type") == "result", bulk.error(answer)
            written += 1
            if time.monotonic() > until_time:
                break

    await asyncio.gather(*(some() for _ in range(IN_FLIGHT)))
    return written


DRIVERS: dict[str, Write] = {"module": with_module, "mod_privilege": with_privilege}
# The module's runs are short: more of them, around those of mod_privilege.
TURNS = "module", "mod_privilege", "module", "module"


async def _run(
    server: Prosody, component: RawComponent, local: str, case: Case, write: Write
) -> Run:
    if case.there:
        await with_module(component, local, range(case.there))
    contacts = range(case.there, case.there + case.new)
    async with _online(server, local) as pushes:
        await asyncio.sleep(SETTLE_SECONDS)
        used, began = _cpu(server), time.monotonic()
        pushes.count = 0
        written = await write(component, local, contacts)
        answered = time.monotonic()
        await until(lambda: pushes.count >= written, PUSH_SECONDS)
        assert pushes.count == written, "a contact was pushed twice"
        cpu = _cpu(server) - used
    span = began, max(answered, pushes.last)
    return Run(answered - began, span[1] - began, cpu, span, written / case.new)


def _cpu(server: Prosody) -> float:
    """Return the seconds that Prosody, which has one thread, was on a CPU so far."""
    # Finer than the ticks of /proc/PID/stat (Linux, Documentation/scheduler).
    used = (Path(f"/proc/{pid}/schedstat").read_text() for pid in server.processes)
    return sum(int(one.split()[0]) for one in used) / 1e9


Runs = dict[Case, dict[str, list[Run]]]


async def _compare(server: Prosody) -> tuple[Span, Runs, Bystander]:
    """Return a span of leisure, all runs, and what another user waited."""
    owners = iter([numbers.owner(place) for place in range(OWNERS)])
    others = [numbers.owner(OWNERS + place) for place in range(2)]
    runs: Runs = {case: {name: [] for name in DRIVERS} for case in CASES}
    component = RawComponent(COMPONENT, SECRET, server.component_port)
    with bystander(server.c2s_port, *others) as seen:
        began = time.monotonic()
        await asyncio.sleep(IDLE_SECONDS)
        idle = began, time.monotonic()
        async with component:
            for case in CASES:
                turns = TURNS * case.rounds
                for place, name in enumerate(turns):
                    bar(str(case), place, len(turns))
                    one = await _run(
                        server, component, next(owners), case, DRIVERS[name]
                    )
                    runs[case][name].append(one)
                bar(str(case), len(turns), len(turns))
    return idle, runs, seen


# --- Results --------------------------------------------------------------------------


def _judge(report: Report, idle: Waits, runs: Runs, seen: Bystander) -> None:
    say(f"\nanother user at leisure: {idle}")
    for case, by_driver in runs.items():
        say(f"\n{case}, the owner online")
        for name, some in by_driver.items():
            waits = seen.during(*(one.span for one in some))
            _say_runs(name, some, waits, idle)
        _compared(report, case, by_driver)
    ours = [one.span for some in runs.values() for one in some["module"]]
    waits = seen.during(*ours)
    report.add(
        "rosters: worst ping meanwhile", max(waits.pings), "at most", PING_SECONDS, " s"
    )
    report.add(
        "rosters: worst login meanwhile",
        max(waits.logins),
        "at most",
        LOGIN_SECONDS,
        " s",
    )


def _say_runs(name: str, runs: list[Run], waits: Waits, idle: Waits) -> None:
    answered, pushed, cpu = _medians(runs)
    say(
        f"  {name:14} answer {answered:7.3f} s   last push {pushed:7.3f} s"
        f"   CPU {cpu:7.3f} s   ({len(runs)} runs)"
    )
    part = min(run.done for run in runs)
    if part < 1:
        say(f"    computed from its rate: {part:.0%} was written in {LIMIT_SECONDS} s")
    times = max(waits.pings) / max(idle.pings), max(waits.logins) / max(idle.logins)
    say(f"    another user: {waits}")
    say(f"    the worst: {times[0]:.1f} and {times[1]:.1f} times those at leisure")


def _medians(runs: list[Run]) -> list[float]:
    """Return answer, push and CPU seconds, each the median by itself."""
    return [median(one) for one in zip(*(run.whole for run in runs), strict=True)]


def _compared(report: Report, case: Case, by_driver: dict[str, list[Run]]) -> None:
    ours, theirs = (_medians(by_driver[name]) for name in DRIVERS)
    answer, push, cpu = (their / our for our, their in zip(ours, theirs, strict=True))
    times = f"answer {answer:.0f}, last push {push:.0f}, CPU {cpu:.0f}"
    say(f"  times mod_privilege: {times}")
    if case.target:
        what = f"rosters: {case}, last push, times mod_privilege"
        report.add(what, push, "at least", case.target)
        report.add(
            f"rosters: {case}, CPU, times mod_privilege", cpu, "at least", CPU_RATIO
        )


# --- The service ----------------------------------------------------------------------


def _through_the_service(report: Report) -> None:
    say(f"\nadd-to-roster of {NEW_CONTACTS:,} new contacts, through the service")
    taken = {}
    for companion in (True, False):
        with TemporaryDirectory() as folder:
            settings = {"DISCOVERY_BURST": "100000"}
            service = Service(Path(folder), companion=companion, **settings)
            owners = [numbers.owner(place) for place in range(2)]
            prosody_files.accounts(service.server.folder, owners, PASSWORD)
            with service:
                taken[companion] = asyncio.run(_add(service, owners))
        driver = "module" if companion else "mod_privilege"
        say(f"  {driver:14} answer {taken[companion]:7.3f} s")
    ratio = taken[False] / taken[True]
    what = f"rosters: add-to-roster of {NEW_CONTACTS:,}, times mod_privilege"
    report.add(what, ratio, "at least", SERVICE_RATIO)


_places = count()


async def _add(service: Service, owners: list[str]) -> float:
    """Return the seconds until the answer to a command, after a small one."""
    small, large = owners
    for local, size in ((small, 1), (large, NEW_CONTACTS)):
        places = [next(_places) for _ in range(size)]
        found = [numbers.local(numbers.unregistered(place)) for place in places]
        asked = {
            "channelUsers": [
                {"name": f"Contact {one}", "address": one} for one in found
            ]
        }
        async with service.client(local) as client:
            await client.roster()
            began = time.monotonic()
            answer = await client.command(
                SERVICE, "cmd_add_to_roster", asked, timeout=COMMAND_SECONDS
            )
            assert answer["status"] == 0, answer["errorCode"]
            taken = time.monotonic() - began
    return taken
