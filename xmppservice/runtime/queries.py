"""Many values in several queries: each takes so many parameters."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

MAX_PARAMETERS = 1_000  # parameters of one query


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of up to ``size`` items: what one query takes as parameters."""
    waiting = iter(items)
    while part := list(islice(waiting, size)):
        yield part
