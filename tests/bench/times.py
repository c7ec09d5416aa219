"""Durations in words, and progress bars."""

import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

WIDTH = 30  # characters of a bar


def percentile(seconds: Sequence[float], percent: float) -> float:
    """Return the time that ``percent`` of them do not exceed (nearest rank)."""
    ordered = sorted(seconds)
    rank = -int(-len(ordered) * percent // 100)
    return ordered[max(0, rank - 1)]


def summary(seconds: Sequence[float]) -> str:
    """Return p50 and p99 in milliseconds, and the count."""
    p50, p99 = (1000 * percentile(seconds, percent) for percent in (50, 99))
    return f"p50 {p50:7.1f} ms   p99 {p99:7.1f} ms   ({len(seconds)} times)"


def say(text: str) -> None:
    print(text, flush=True)


def bar(label: str, done: int, total: int) -> None:
    """Draw the progress: over the last bar on a terminal, once at the end elsewhere.

    On standard error, so that standard output has only results.
    """
    drawn = "#" * (WIDTH * done // max(1, total))
    line = f"{label:34} [{drawn:.<{WIDTH}}] {done:,} of {total:,}"
    if sys.stderr.isatty():
        end = "\n" if done >= total else ""
        print(f"\r{line}", end=end, file=sys.stderr, flush=True)
    elif done >= total:
        print(line, file=sys.stderr, flush=True)


def shown(label: str, items: Iterable[T], total: int) -> Iterator[T]:
    """Yield the items, and draw a bar."""
    drawn = 0.0
    for done, item in enumerate(items):
        if time.monotonic() - drawn > 0.2:
            drawn = time.monotonic()
            bar(label, done, total)
        yield item
    bar(label, total, total)
