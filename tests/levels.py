"""The share of time of each test level, compared with its budget in budget.toml."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_FILE = tomllib.loads(Path(__file__).with_name("budget.toml").read_text())
BUDGET: Mapping[str, Mapping[str, float]] = _FILE["level"]
LONG: Mapping[str, float] = _FILE["test"]


def durations(stats: Mapping[str, Sequence[Any]]) -> Counter[str]:
    """Return the seconds of each test by its name, without its fixtures."""
    took: Counter[str] = Counter()
    for report in (one for reports in stats.values() for one in reports):
        if getattr(report, "when", "") == "call":
            took[report.nodeid] += report.duration
    return took


def shares(
    took: Mapping[str, float], budget: Mapping[str, Mapping[str, float]] = BUDGET
) -> Iterator[str]:
    """Yield each level's share of a run that has all levels of its kind."""
    levels = _levels(took, budget)
    whole = sum(took.values())
    for level, tests in levels.items():
        percent = 100 * sum(tests.values()) / whole
        yield f"{percent:5.1f} % of the time: {len(tests)} tests of {level}"


def over_budget(
    took: Mapping[str, float],
    budget: Mapping[str, Mapping[str, float]] = BUDGET,
    long: Mapping[str, float] = LONG,
) -> Iterator[str]:
    """Yield a line for each level and test above its share of such a run."""
    whole = sum(took.values())
    for level, tests in _levels(took, budget).items():
        yield from _over(level, sum(tests.values()), whole, budget[level]["all"])
        for name, seconds in tests.items():
            share = long.get(name, budget[level]["one"])
            yield from _over(name, seconds, whole, share)


def _levels(
    took: Mapping[str, float], budget: Mapping[str, Any]
) -> dict[str, dict[str, float]]:
    """Return seconds by level and test; empty unless all levels of a kind have run."""
    levels: dict[str, dict[str, float]] = {level: {} for level in budget}
    for name, seconds in took.items():
        levels[_level(name, budget)][name] = seconds
    ran = {level for level, tests in levels.items() if tests}
    kinds = [{one for one in budget if _slow(one) == slow} for slow in (True, False)]
    return {level: levels[level] for level in levels if ran in kinds and level in ran}


def _over(name: str, seconds: float, whole: float, share: float) -> Iterator[str]:
    percent = 100 * seconds / whole
    if percent > share:
        yield f"Over budget: {name} took {percent:.1f} %, and may take {share:g} %"


def _slow(name: str) -> bool:
    return name.startswith("tests/slow")


def _level(name: str, levels: Iterable[str]) -> str:
    """Return the level that is the nearest folder above a test."""
    above = [level for level in levels if name.startswith(f"{level}/")]
    return max(above, key=len)
