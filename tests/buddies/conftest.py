"""Entries to arrange, the tree as text to assert, a PostgreSQL if there is one."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone

from buddies import document, tree
from buddies.models import Buddy
from demo.ejabberd import Ejabberd
from tests.servers import INITDB, Postgres, RabbitMQ, Redis

EDITOR = "juliet"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    found = f"found ({INITDB.parent})" if INITDB else "not found, races ran on SQLite"
    terminalreporter.write_line(f"PostgreSQL: {found}")
    missing = [
        kind.name for kind in (Ejabberd, Redis, RabbitMQ) if not kind.installed()
    ]
    if missing:
        terminalreporter.write_line(f"Not found, so not tested: {', '.join(missing)}")


def group(name: str, parent: Buddy | None = None, **fields: object) -> Buddy:
    """A published group; its address is its name."""
    return _add("group", name, parent, fields)


def channel(name: str, parent: Buddy | None = None, **fields: object) -> Buddy:
    """A published channel; its address is its name."""
    return _add("channel", name, parent, fields)


def _add(kind: str, name: str, parent: Buddy | None, fields: dict) -> Buddy:
    given = {"address": name, "web_is_published": True, **fields}
    return tree.add(Buddy(type=kind, name=name, parent=parent, **given), EDITOR)


def outline() -> list[str]:
    """The stored tree: names in order, two spaces for each level."""
    children: dict[int | None, list[Buddy]] = {}
    for buddy in Buddy.objects.order_by("position", "pk"):
        children.setdefault(buddy.parent_id, []).append(buddy)
    lines = []
    waiting = [(0, buddy) for buddy in reversed(children.get(None, []))]
    while waiting:
        depth, buddy = waiting.pop()
        lines.append("  " * depth + buddy.name)
        below = reversed(children.get(buddy.pk, []))
        waiting.extend((depth + 1, child) for child in below)
    return lines


def named(name: str) -> Buddy:
    """The entry as it is stored now."""
    return Buddy.objects.get(name=name)


def built() -> document.Document:
    """The document that clients would read now."""
    return document.build(Buddy.objects.all(), timezone.now())


def rows() -> list[dict]:
    """All that is stored of the entries, but for the version of their last edit."""
    entries = Buddy.objects.order_by("pk").values()
    return [{k: v for k, v in one.items() if k != "version"} for one in entries]


@pytest.fixture
def quick_passwords(settings) -> None:
    """Hash passwords fast: the default takes a third of a second on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Environment that makes a PostgreSQL of the test's own the database."""
    with Postgres(tmp_path / "postgresql", fsync=False) as server:
        yield {"DATABASE_URL": server.url}


def passed_on(postgresql: dict[str, str], file: str, words: str) -> int:
    """How many tests of a file, chosen by ``words``, pass there; all of them must."""
    command = [sys.executable, "-m", "pytest", file, "-q", "-k", words]
    done = subprocess.run(
        [*command, "--no-cov", "-p", "no:randomly", "-p", "no:cacheprovider"],
        env={**os.environ, **postgresql},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return int(re.search(r"(\d+) passed", done.stdout)[1])
