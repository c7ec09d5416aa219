"""Log formats: lines for people, or JSON objects for machines.

Details about a command come as ``extra=``, with the names of FIELDS. Exceptions are
logged by type and place, without their text: it may contain a payload or a number.
PostgreSQL, for example, includes duplicate keys.
"""

import logging
import re
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import Any

import structlog
from amqp.exceptions import AMQPError

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
    """A line of text that ends with the details of the command.

    Its time is that of ISO 8601 with the offset of TIME_ZONE, so that lines of several
    machines, and of the night when clocks change, are in order.
    """

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        moment = datetime.fromtimestamp(record.created, UTC).astimezone()
        return moment.isoformat(timespec="milliseconds")

    def formatMessage(self, record: logging.LogRecord) -> str:
        fields = {
            name: getattr(record, name) for name in FIELDS if hasattr(record, name)
        }
        line = super().formatMessage(record)
        return line + "".join(f" {name}={value}" for name, value in fields.items())

    def formatException(self, ei: ExcInfo) -> str:
        return without_texts(ei)


def json_lines() -> logging.Formatter:
    """Return a formatter that writes one JSON object per line."""
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
    """Return the type and place of an exception and of its causes."""
    error = exc_info[1]
    return "\n".join("".join(_lines(link)).rstrip() for link in _chain(error))


def place_of(error: Exception) -> str:
    """An exception's type and place; its text may carry a number or a payload."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    name = type(error).__name__
    if frame is None:
        return name
    code = frame.tb_frame
    module = code.f_globals.get("__name__", "?")
    return f"{name} in {module}.{code.f_code.co_name}:{frame.tb_lineno}"


def _chain(error: BaseException | None) -> list[BaseException]:
    """Return the causes of an exception, the first one first, and the exception."""
    chain: list[BaseException] = []
    while error is not None and error not in chain:
        chain.insert(0, error)
        is_hidden = error.__suppress_context__
        error = error.__cause__ or (None if is_hidden else error.__context__)
    return chain


def _lines(error: BaseException) -> Iterator[str]:
    yield from traceback.format_tb(error.__traceback__)
    yield f"{type(error).__module__}.{type(error).__qualname__}\n"
    for inner in getattr(error, "exceptions", ()):
        yield from _lines(inner)


def plain_task(record: logging.LogRecord) -> bool:
    """Reword a failed task: Celery's message has its arguments and the error's text."""
    if isinstance(record.args, dict) and "exc" in record.args:
        record.msg, record.args = "the task %s failed", (record.args["name"],)
    return True


def plain_broker(record: logging.LogRecord) -> bool:
    """Say in one line what RabbitMQ refuses for good, such as a wrong password."""
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, AMQPError):
        record.msg = "CELERY_BROKER_URL: the broker refuses: %s"
        record.args = (error.reply_text,)
        record.exc_info = record.exc_text = None
    return True


def plain_loop(record: logging.LogRecord) -> bool:
    """Cut asyncio's report before its objects: a callback's arguments, an error's text.

    These are the ``repr()`` of what was being handled, such as a stanza.
    """
    record.msg, record.args = re.split(r"[\n(<]", record.getMessage())[0], ()
    return True


def plain_refusal(record: logging.LogRecord) -> bool:
    """Log a 403 in one line: it is no failure of the code and needs no traceback."""
    if getattr(record, "status_code", None) == HTTPStatus.FORBIDDEN:
        record.exc_info = record.exc_text = None
    return True


def plain_probe(record: logging.LogRecord) -> bool:
    """Do not log the 503 of a probe: it is not a failure, and probes come often."""
    path = getattr(getattr(record, "request", None), "path_info", "")
    unavailable = getattr(record, "status_code", None) == HTTPStatus.SERVICE_UNAVAILABLE
    return not (unavailable and path in ("/readyz", "/metrics"))
