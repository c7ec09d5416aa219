"""The duration of a start, then CPU and memory when idle."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

from tests.bench.load import cpu_seconds
from tests.bench.report import Report
from tests.bench.times import bar, say
from tests.service import Service

SETTLE, WATCHED, STARTS = 5, 20, 3  # seconds, seconds, times
CPU, MEMORY, START = 2, 130, 2  # percent, MB, seconds


def measure(report: Report) -> None:
    say("\nidle")
    with TemporaryDirectory() as folder, Service(Path(folder)) as service:
        starts = sorted(_start(service) for _ in range(STARTS))
        report.add(
            "start until clients are answered", starts[1], "at most", START, " s"
        )
        sleep(SETTLE)
        before = cpu_seconds(service.pid)
        for second in range(WATCHED):
            bar("idle", second, WATCHED)
            sleep(1)
        bar("idle", WATCHED, WATCHED)
        percent = 100 * (cpu_seconds(service.pid) - before) / WATCHED
        report.add("CPU when idle", percent, "at most", CPU, " %")
        report.add("memory when idle", memory(service.pid), "at most", MEMORY, " MB")


def _start(service: Service) -> float:
    service.stop()
    began = monotonic()
    service.start()
    return monotonic() - began


def memory(pid: int, what: str = "VmRSS") -> int:
    """Megabytes that a process holds now, or with ``VmHWM`` has ever held."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith(what))
    return int(line.split()[1]) // 1024
