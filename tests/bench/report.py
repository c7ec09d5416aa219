"""Results beside their targets: on the terminal, and as JSON."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Literal

from tests.bench.load import Rate
from tests.bench.times import say

Bound = Literal["at least", "at most"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A result beside its target; most are ratios of two rates of the same run."""

    what: str
    value: float
    bound: Bound
    target: float
    unit: str = ""

    @property
    def reached(self) -> bool:
        is_least = self.bound == "at least"
        return self.value >= self.target if is_least else self.value <= self.target


@dataclass(slots=True)
class Report:
    """Findings, and the points of curves."""

    findings: list[Finding] = field(default_factory=list)
    curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(
        self, what: str, value: float, bound: Bound, target: float, unit: str = ""
    ) -> None:
        found = Finding(what, value, bound, target, unit)
        self.findings.append(found)
        say(line(found))

    def point(self, curve: str, x: float, y: float) -> None:
        self.curves.setdefault(curve, []).append((x, y))

    def save(self, path: Path) -> None:
        """Write all of it as JSON, and beside it the table of docs/performance.md."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1))
        head = ["| what | figure | target | |", "|---|---|---|---|"]
        rows = map(_row, self.findings)
        path.with_suffix(".md").write_text("\n".join([*head, *rows, ""]))

    def sum_up(self) -> None:
        if not self.findings:
            return
        missed = [found for found in self.findings if not found.reached]
        say(f"\n{len(self.findings) - len(missed)} of {len(self.findings)} reached")
        for found in missed:
            say(line(found))


def line(found: Finding) -> str:
    word = "" if found.reached else "   MISSED"
    value, target = _texts(found)
    return f"  {found.what:62} {value:>9}   ({target}){word}"


def _row(found: Finding) -> str:
    word = "" if found.reached else "**missed**"
    return f"| {' | '.join([found.what, *_texts(found), word])} |"


def _texts(found: Finding) -> tuple[str, str]:
    """Return the result and its target as texts."""
    target = f"{found.bound} {found.target:.3g}{found.unit}"
    return f"{found.value:.3g}{found.unit}", target


def middle(rates: Sequence[Rate]) -> Rate:
    """Return the median of several rounds, of each value by itself."""
    names: Iterable[str] = rates[0].cpu
    cpu = {name: median(rate.cpu[name] for rate in rates) for name in names}
    return Rate(median(rate.per_second for rate in rates), cpu)


def say_rate(what: str, rate: Rate) -> None:
    """Print a rate, and the CPU time of each process for one answer."""
    spent = ", ".join(f"{1e6 * cpu:,.0f} µs {name}" for name, cpu in rate.cpu.items())
    say(f"    {what:28} {rate.per_second:9,.0f}/s   {spent}")
