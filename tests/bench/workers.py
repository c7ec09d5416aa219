"""How many commands a second several workers settle, on PostgreSQL.

Each worker is a process with one child, as `celery worker -c 1` starts it. The XMPP
process only wakes them, and is paused while they are measured: it would need a part of
the cores to send answers. All searches were asked before, so no worker needs it.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psycopg

from tests.bench import numbers
from tests.bench.report import Report
from tests.bench.service import inside
from tests.bench.times import bar, say
from tests.processes import Process
from tests.service import WORKER, Service

CURVE = "commands settled a second, by workers on PostgreSQL"
WORKERS = (1, 2, 3)
TIMES_ONE = 1.6  # of two workers
OWNERS, NUMBERS = 200, 10
ROUNDS, SECONDS = 2, 3.0
WARM_UP, WAITING = 1_000, 12_000  # commands
PATIENCE_SECONDS = 60


def measure(report: Report) -> None:
    say(f"\n{CURVE}")
    with (
        TemporaryDirectory() as folder,
        Service(Path(folder), deployment="redis", own=True) as service,
    ):
        for name in ("commands", "commands-2", "web"):
            service.processes[name].stop()
        rates = _rates(service)
    for workers, per_second in rates.items():
        report.point(CURVE, workers, per_second)
        say(f"    {workers} workers {per_second:9,.0f}/s")
    times = rates[2] / rates[1]
    report.add("commands, two workers: times one", times, "at least", TIMES_ONE)


def _rates(service: Service) -> dict[int, float]:
    """Return the commands settled a second by each number of workers."""
    rates: dict[int, list[float]] = {count: [] for count in WORKERS}
    for turn in range(ROUNDS):
        bar("rounds", turn, ROUNDS)
        for count in WORKERS:
            with _workers(service, count):
                rates[count].append(_rate(service))
    bar("rounds", ROUNDS, ROUNDS)
    return {count: median(found) for count, found in rates.items()}


@contextmanager
def _workers(service: Service, count: int) -> Iterator[None]:
    command = [*WORKER, "-Q", "commands", "-c", "1", "-n"]
    processes = [
        Process(name, [*command, name], service.environment, service.log)
        for name in (f"worker-{number}" for number in range(count))
    ]
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in processes:
            process.ask_to_stop()
        for process in processes:
            process.stop()


def _rate(service: Service) -> float:
    """Commands settled a second; none is left afterwards."""
    asked = [numbers.local(numbers.unregistered(place)) for place in range(NUMBERS)]
    payload = json.dumps({"userList": asked})
    url = service.environment["DATABASE_URL"]
    with psycopg.connect(url, autocommit=True) as database:
        inside(service, f"backlog({WARM_UP}, {OWNERS}, {payload!r})")
        _await(lambda: not _open(database))
        inside(service, f"backlog({WAITING}, {OWNERS}, {payload!r})")
        _await(lambda: _open(database) < WAITING)
        with _paused(service):
            before, began = _open(database), time.monotonic()
            time.sleep(SECONDS)
            after, taken = _open(database), time.monotonic() - began
        database.execute("DELETE FROM roster_command WHERE state = 'received'")
        _await(lambda: not _open(database))
    assert after, "there must be commands left, or workers waited for them"
    return (before - after) / taken


@contextmanager
def _paused(service: Service) -> Iterator[None]:
    os.kill(service.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(service.pid, signal.SIGCONT)


def _open(database: psycopg.Connection[tuple[int]]) -> int:
    query = "SELECT count(*) FROM roster_command WHERE state IN ('received', 'running')"
    ((count,),) = database.execute(query)
    return count


def _await(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "the commands that wait stay as they are"
        time.sleep(0.02)
