"""Split many values into several queries, each with a limited number of parameters."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

MAX_PARAMETERS = 1_000  # of one query


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of up to ``size`` items, such as the parameters of one query."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch
