"""What keeps a process from starting, in one sentence and without a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, DataError, IntegrityError, connection


def explanation(error: Exception) -> str | None:
    """Return the sentence for an error of settings or of the database, else None."""
    if isinstance(error, ImproperlyConfigured):
        return str(error)
    # Values that do not fit are a fault of the code.
    if isinstance(error, DatabaseError) and not isinstance(
        error, DataError | IntegrityError
    ):
        # One line: psycopg continues with advice, and repeats it for each address.
        reason = str(error).partition("\n")[0].rstrip(".")
        return f"The database {connection.settings_dict['NAME']}: {reason}."
    return None


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """End the process with the sentence for an error in the block, if there is one."""
    try:
        yield
    except Exception as error:
        if sentence := explanation(error):
            sys.exit(sentence)
        raise


def refuse_errors() -> None:
    """End the process if a system check finds an error, as manage.py does."""
    errors = [found for found in checks.run_checks() if found.level >= checks.ERROR]
    if errors:
        sys.exit("\n".join(error.msg for error in errors))
