"""The initial databases of tests and services: made once per run, then copied.

Tables, the demo's tree, a superuser and a token take five seconds of CPU time to make,
and none to copy. ``TEST_GOLDEN`` names a folder that all processes of a run share
(tests/run.py). There are two databases, each a file there or, on PostgreSQL, a template
database of the server that ``DATABASE_URL`` names:

============  =======================================================================
``migrated``  all tables, without rows
``filled``    also the demo's tree, and a superuser ``admin`` with a token
============  =======================================================================
"""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.processes import ROOT
from tests.shell import Shell

MIGRATE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""
FILL = """
from django.contrib.auth.models import User
from django.core.management import call_command
call_command("loadbuddies", *{documents})
User.objects.create_superuser("admin", "admin@example.org", {password!r})
call_command("createtoken", "admin", "tests")
"""
PAYLOADS = ROOT / "tests" / "payloads"
DOCUMENTS = [
    PAYLOADS / f"{name}.json" for name in ("bots", "mobile-ticketing", "single-channel")
]
PASSWORD = "demo"

_numbers = count(1)


def folder() -> Path | None:
    """Return the folder that the processes of this run share, if there is one."""
    name = os.environ.get("TEST_GOLDEN")
    return Path(name) if name else None


def fill(manage: Sequence[str], environment: Mapping[str, str]) -> str:
    """Migrate and fill an empty database; return the token."""
    with _shell(manage, environment) as shell:
        shell(MIGRATE)
        return _fill(shell)


def copied(
    manage: Sequence[str], environment: Mapping[str, str], var: Path
) -> tuple[str, dict[str, str]]:
    """Put a copy of ``filled`` where a service with the VAR_DIR ``var`` looks for it.

    Return the token, and more variables for the service's environment.
    """
    with _locked() as golden:
        if not (golden / "token").exists():
            _make(golden, manage, environment)
        token = (golden / "token").read_text()
        if _server():
            return token, {"DATABASE_URL": _copy_database("filled")}
        shutil.copytree(golden / "var", var, dirs_exist_ok=True)
        return token, {}


def migrated(manage: Sequence[str], var: Path) -> str:
    """Return the name of a new database with all tables, below ``var`` on SQLite."""
    with _locked() as golden:
        if not (golden / "token").exists():
            _make(golden, manage, os.environ)
        if _server():
            return urlsplit(_copy_database("migrated")).path.strip("/")
        var.mkdir(parents=True, exist_ok=True)
        # SQLite would take files of a killed run for parts of the new database.
        for old in var.glob("test.sqlite3*"):
            old.unlink()
        return str(shutil.copy(golden / "migrated.sqlite3", var / "test.sqlite3"))


def _make(golden: Path, manage: Sequence[str], environment: Mapping[str, str]) -> None:
    var = golden / "var"
    settings = {**environment, "VAR_DIR": str(var)}
    if _server():
        _administer("CREATE DATABASE filled")
        settings["DATABASE_URL"] = _url("filled")
    with _shell(manage, settings) as shell:
        shell(MIGRATE)
        if not _server():
            _back_up(var / "db.sqlite3", golden / "migrated.sqlite3")
    if _server():
        _administer("CREATE DATABASE migrated TEMPLATE filled")
    with _shell(manage, settings) as shell:
        token = _fill(shell)
    (golden / "token").write_text(token)


def _fill(shell: Shell) -> str:
    said = shell(FILL.format(documents=list(map(str, DOCUMENTS)), password=PASSWORD))
    (token,) = (word for word in said.split() if word.startswith("xs_"))
    return token


@contextmanager
def _shell(manage: Sequence[str], environment: Mapping[str, str]) -> Iterator[Shell]:
    shell = Shell(manage, environment)
    try:
        yield shell
    finally:
        shell.close()


@contextmanager
def _locked() -> Iterator[Path]:
    """Lock the folder: the first process makes the databases, the others wait."""
    golden = folder()
    assert golden, "TEST_GOLDEN names no folder"
    with (golden / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield golden


def _back_up(database: Path, copy: Path) -> None:
    with (
        closing(sqlite3.connect(database)) as old,
        closing(sqlite3.connect(copy)) as new,
    ):
        old.backup(new)


# --- On PostgreSQL ----------------------------------------------------------------


def _server() -> str:
    """Return the URL of the run's PostgreSQL, or "" if it has none."""
    url = os.environ.get("DATABASE_URL", "")
    return url if url.startswith("postgres") else ""


def _url(database: str) -> str:
    return urlsplit(_server())._replace(path=f"/{database}").geturl()


def _copy_database(template: str) -> str:
    name = f"{template}_{os.getpid()}_{next(_numbers)}"
    _administer(f"CREATE DATABASE {name} TEMPLATE {template}")
    return _url(name)


def _administer(statement: str) -> None:
    with psycopg.connect(_url("postgres"), autocommit=True) as connection:
        connection.execute(statement)
