"""Accounts from files, in two passes: all is checked before anything is written.

Checked rows are kept in an unnamed file, so that each line is parsed once and memory
use does not grow with the files. They are written in batches; each records its
progress (Load) in its own transaction.
"""

import csv
import hashlib
import json
import re
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

import click
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import ProhibitNullCharactersValidator
from django.db import DatabaseError, connection, transaction

from roster.accounts import bulk
from roster.accounts.bulk import OPTIONAL_COLUMNS, Row
from roster.models import Account, Load
from xmppservice.runtime import wakeups

BATCH_SIZE = 10_000
MAX_LINE_BYTES = 16_384
PROGRESS_SECONDS = 10
CACHE_KIB = 65_536
PAUSE_SECONDS = 0.11

FLAGS = {"true": True, "1": True, "false": False, "0": False}

_HEADER = re.compile(r'"?account"?\s*(?:$|([,;|\t]))', re.IGNORECASE)


class Batch(NamedTuple):
    """Checked rows of a file, to be written in one transaction.

    ``file`` is the digest of its content, ``end`` the byte offset after the batch.
    """

    file: str
    end: int
    columns: list[str]
    rows: list[Row]
    last: bool


class Command(BaseCommand):
    help = (
        "Load accounts from files: one JID or international phone number per line, or "
        "CSV with a header: account first, then any of name, enabled, discoverable. "
        "If a line is invalid, nothing is loaded. To resume an interrupted load, run "
        "the command again with the same files."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        started = time.monotonic()
        # Not in /tmp, which may be in memory.
        with TemporaryFile("w+", encoding="utf-8", dir=settings.VAR_DIR) as checked:
            with _report_failure("Nothing was changed."):
                read = self._check(options["files"], checked)
            checked.seek(0)
            with _report_failure("Run the same command again to resume."):
                new, changed = self._write(checked, read)
        seconds = time.monotonic() - started
        self.stdout.write(
            f"{read:,} accounts read, {new:,} of them new, {changed:,} changed. "
            f"{seconds:.1f} seconds, {read / seconds:,.0f} rows/s."
        )

    def _check(self, paths: Sequence[Path], checked: IO[str]) -> int:
        read = 0
        with self._progress("Checking", sum(map(_size, paths))) as advance:
            for path in paths:
                before = 0
                for batch in self._batches(path):
                    checked.write(json.dumps(batch) + "\n")
                    read += len(batch.rows)
                    advance(batch.end - before)
                    before = batch.end
        return read

    def _batches(self, path: Path) -> Iterator[Batch]:
        """Yield checked rows, without those that an interrupted load has written."""
        with _open(path) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            load = Load.objects.filter(pk=digest).first()
            if load:
                written = f"the first {load.offset:,} bytes are already loaded"
                self.stderr.write(f"{path}: {written}, resuming there.")
            source = Source(path, file)
            rows = source.rows(load.offset if load else 0)
            while part := list(islice(rows, BATCH_SIZE)):
                yield Batch(digest, source.end, source.columns, part, last=False)
            yield Batch(digest, source.end, source.columns, [], last=True)

    def _write(self, checked: Iterable[str], total: int) -> tuple[int, int]:
        """Write all batches; return how many accounts are new, how many changed."""
        new = changed = 0
        _enlarge_cache()
        with self._progress("Writing", total) as advance:
            for line in checked:
                batch = Batch(*json.loads(line))
                created, updated = _store(batch)
                new, changed = new + created, changed + updated
                advance(len(batch.rows))
                _let_others_write()
        return new, changed

    @contextmanager
    def _progress(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """Show progress: a bar on a terminal, else lines. Call it with increments."""
        if self.stderr.isatty():
            with click.progressbar(length=total, label=what, file=sys.stderr) as bar:
                yield bar.update
        else:
            yield ProgressLines(self.stderr.write, what, total)


class ProgressLines:
    """Progress without a terminal: a line now and then."""

    def __init__(self, write: Callable[[str], None], what: str, total: int) -> None:
        self._write, self._what, self._total = write, what, total
        self._done, self._written_at = 0, time.monotonic()

    def __call__(self, more: int) -> None:
        self._done += more
        if time.monotonic() - self._written_at >= PROGRESS_SECONDS:
            self._written_at = time.monotonic()
            self._write(f"{self._what}: {self._done / self._total:.0%}")


@contextmanager
def _report_failure(outcome: str) -> Iterator[None]:
    """End with one line if it is interrupted or the database fails."""
    try:
        yield
    except KeyboardInterrupt:
        raise CommandError(f"Interrupted. {outcome}", returncode=130) from None
    except DatabaseError as error:
        # Only its name: the text may show the row, and so a number.
        reason = f"The database failed ({type(error).__name__})."
        raise CommandError(f"{reason} {outcome}") from None


# --- Reading --------------------------------------------------------------------


class Source:
    """The rows of an open file. Reading sets ``columns`` and ``end``."""

    def __init__(self, path: Path, file: BufferedReader) -> None:
        self._path, self._file = path, file
        self._plain = False
        self.columns: list[str] = []
        self.end = 0

    def rows(self, start: int) -> Iterator[Row]:
        """Checked rows of the lines that end after the offset ``start``."""
        for number, line in enumerate(self._lines(), start=1):
            try:
                row = self._row(_text(line, number), self.end > start)
            except ValidationError as error:
                place, reason = f"{self._path}, line {number}", error.messages[0]
                raise CommandError(f"{place}: {reason} Nothing was changed.") from None
            if row:
                yield row

    def _lines(self) -> Iterator[bytes]:
        while line := self._file.readline(MAX_LINE_BYTES + 1):
            self.end += len(line)
            yield line

    def _row(self, text: str, is_wanted: bool) -> Row | None:
        if not text or text.startswith("#"):
            return None
        if not self.columns:
            self.columns = _header(text)
            self._plain = not self.columns
            if not self._plain:
                return None
            self.columns = ["account"]
        return (
            self._checked([text] if self._plain else _cells(text))
            if is_wanted
            else None
        )

    def _checked(self, cells: Sequence[str]) -> Row:
        if len(cells) != len(self.columns):
            expected = len(self.columns)
            raise ValidationError(f"{len(cells)} columns instead of {expected}.")
        values = map(_value, self.columns[1:], cells[1:])
        return [*bulk.parse_account(cells[0]), *values]


def _size(path: Path) -> int:
    with _open(path) as file:
        return file.seek(0, 2)


@contextmanager
def _open(path: Path) -> Iterator[BufferedReader]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}. Nothing was changed.") from None
    with file:
        yield file


def _text(line: bytes, number: int) -> str:
    if len(line) > MAX_LINE_BYTES:
        raise ValidationError(f"longer than {MAX_LINE_BYTES} bytes.")
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
    except UnicodeDecodeError:
        raise ValidationError("not UTF-8 text.") from None


def _header(text: str) -> list[str]:
    """The columns of a CSV; empty if this line is already an account."""
    match = _HEADER.match(text)
    if not match:
        return []
    if match[1] not in (None, ","):
        raise ValidationError("columns are separated by commas.")
    names = [cell.lower() for cell in _cells(text)]
    for place, name in enumerate(names[1:], start=2):
        if name not in OPTIONAL_COLUMNS:
            known = ", ".join(OPTIONAL_COLUMNS)
            raise ValidationError(f"column {place} must be one of {known}.")
        if name in names[: place - 1]:
            raise ValidationError(f"column {place} is a duplicate.")
    return names


def _cells(text: str) -> list[str]:
    """Read one line as one row: an open quote must not swallow the next accounts."""
    try:
        return [cell.strip() for cell in next(csv.reader([text], strict=True))]
    except csv.Error:
        raise ValidationError("not valid CSV; check the quotes.") from None


def _value(column: str, cell: str) -> str | bool:
    if column == "name":
        # PostgreSQL cannot store NUL.
        ProhibitNullCharactersValidator()(cell)
        Account._meta.get_field("name").clean(cell, None)
        return cell
    if cell.lower() not in FLAGS:
        raise ValidationError(f"{column} must be true or false (or 1 or 0).")
    return FLAGS[cell.lower()]


# --- Writing --------------------------------------------------------------------


def _enlarge_cache() -> None:
    """Let SQLite keep the indexes in memory.

    Accounts come in any order: with the default 2 MiB, most pages are rewritten often.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


def _let_others_write() -> None:
    """Pause: SQLite has one writer at a time, and waiting ones retry every 0.1 s."""
    if connection.vendor == "sqlite":
        time.sleep(PAUSE_SECONDS)


@transaction.atomic
def _store(batch: Batch) -> tuple[int, int]:
    """Write a batch and its progress; return how many are new, how many changed."""
    columns = batch.columns[1:]
    stored = bulk.store((row, columns) for row in batch.rows)
    _save_progress(batch)
    return stored


def _save_progress(batch: Batch) -> None:
    if batch.last:
        # Those of other files, too: if an interrupted one is loaded after all, its
        # first half must not be skipped.
        Load.objects.all().delete()
        wakeups.wake_worker(wakeups.JOIN_LATE)
    elif batch.rows:
        Load(file=batch.file, offset=batch.end).save()
