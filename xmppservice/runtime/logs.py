"""How a line of the log looks: for eyes, or as one JSON object for a machine.

What a line about a command says of it comes as ``extra=``, by the names of FIELDS.
Of an exception the log has the type and the place. Its text may hold a payload or
a number: PostgreSQL, for one, names the key that is there already.
"""

import logging
import traceback
from collections.abc import Iterator
from http import HTTPStatus
from types import TracebackType
from typing import Any

import structlog

FIELDS = (
    "command_id",
    "stanza_id",
    "owner",
    "command",
    "attempts",
    "status",
    "error_code",
    "milliseconds",
)

ExcInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None]
    | tuple[None, None, None]
)


class LineFormatter(logging.Formatter):
    """A line of text, with what is known of the command at its end."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        known = {
            name: getattr(record, name) for name in FIELDS if hasattr(record, name)
        }
        line = super().formatMessage(record)
        return line + "".join(f" {name}={value}" for name, value in known.items())

    def formatException(self, ei: ExcInfo) -> str:
        return without_texts(ei)


def json_lines() -> logging.Formatter:
    """A formatter of one JSON object a line."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(allow=FIELDS),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(without_texts),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


def without_texts(exc_info: Any) -> str:
    """Type and place of an exception, and of those that led to it."""
    error = exc_info[1]
    return "\n".join("".join(_lines(one)).rstrip() for one in _chain(error))


def _chain(error: BaseException | None) -> list[BaseException]:
    """The causes of an exception, the first one first, and itself."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.insert(0, error)
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)
    return chain


def _lines(error: BaseException) -> Iterator[str]:
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}\n"
    for one in getattr(error, "exceptions", ()):
        yield from _lines(one)


def plain_task(record: logging.LogRecord) -> bool:
    """A failed task in our words: Celery's hold its arguments and the error's text."""
    if isinstance(record.args, dict) and "exc" in record.args:
        record.msg, record.args = "the task %s failed", (record.args["name"],)
    return True


def plain_refusal(record: logging.LogRecord) -> bool:
    """A refusal is no failure of the code: one line, without where it was said."""
    if getattr(record, "status_code", None) == HTTPStatus.FORBIDDEN:
        record.exc_info = record.exc_text = None
    return True


def plain_probe(record: logging.LogRecord) -> bool:
    """A probe that is told the truth is no failure either: it asks again and again."""
    path = getattr(getattr(record, "request", None), "path_info", "")
    unavailable = getattr(record, "status_code", None) == HTTPStatus.SERVICE_UNAVAILABLE
    return not (unavailable and path in ("/readyz", "/metrics"))
