"""Many values in a query, rows of them, and the order in which rows are locked."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, TypeVar

from django.db import connection
from django.db.backends.utils import CursorWrapper
from django.db.models.expressions import OrderBy
from django.db.models.functions import Collate

T = TypeVar("T")

MAX_PARAMETERS = 1_000  # of one query


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield lists of up to ``size`` items, such as the parameters of one query."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def read_by_rows(
    statement: str, rows: Sequence[Sequence[Any]], *more: Any
) -> list[tuple[Any, ...]]:
    """What SQL reads that has ``{}`` for rows of parameters, behind VALUES.

    ``more`` are the parameters behind the rows.
    """
    if not rows:
        return []
    with connection.cursor() as cursor:
        _execute(cursor, statement, rows, more)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def write_rows(statement: str, rows: Sequence[Sequence[Any]], *more: Any) -> None:
    """Write what the rows say, by SQL as :func:`read_by_rows` takes it."""
    if not rows:
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            # One prepared statement, because parsing parameters costs more than rows.
            each = [(*row, *more) for row in rows]
            cursor.executemany(statement.format(_places(rows[0])), each)
        else:
            _execute(cursor, statement, rows, more)


def _execute(
    cursor: CursorWrapper,
    statement: str,
    rows: Sequence[Sequence[Any]],
    more: Sequence[Any],
) -> None:
    if connection.vendor == "postgresql":
        cursor.execute(_composed(cursor, statement, rows, more))
    else:
        places = ", ".join([_places(rows[0])] * len(rows))
        cursor.execute(statement.format(places), [*chain.from_iterable(rows), *more])


def _composed(
    cursor: CursorWrapper,
    statement: str,
    rows: Sequence[Sequence[Any]],
    more: Sequence[Any],
) -> str:
    """The statement with its values, as psycopg would compose it.

    Row by row: it keeps what it has parsed of short statements only, and to parse a
    long one takes three times as long as its values.
    """
    head, _, tail = statement.partition("{}")
    place = _places(rows[0])
    values = ", ".join([cursor.mogrify(place, row) for row in rows])
    return f"{cursor.mogrify(head)}{values}{cursor.mogrify(tail, more)}"


def _places(row: Sequence[Any]) -> str:
    return f"({', '.join(['%s'] * len(row))})"


def in_order(column: str) -> OrderBy:
    """The order of Python's ``sorted``, whatever the database's locale.

    For rows that several writers lock: some lock them as the database orders them, and
    others as they were sorted before.
    """
    name = "C" if connection.vendor == "postgresql" else "BINARY"
    return Collate(column, name).asc()
