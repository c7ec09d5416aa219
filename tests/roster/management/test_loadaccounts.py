"""loadaccounts: loads all lines of all files or none; resumes after a kill."""

import hashlib
import os
import pty
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from roster.management.commands import loadaccounts
from roster.models import Account, Load
from tests.processes import ROOT

pytestmark = pytest.mark.django_db

ROMEO, JULIET = "romeo@localhost", "juliet@localhost"
FIELDS = ("jid", "msisdn", "name", "enabled", "discoverable", "gone_at", "announced")


@pytest.fixture
def save(tmp_path: Path):
    def write(content: str | bytes, name: str = "accounts.txt") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


@pytest.fixture
def load(save, capsys):
    """Load one file with this content; return the output."""

    def run(content: str | bytes) -> str:
        call_command("loadaccounts", save(content))
        return capsys.readouterr().out

    return run


def jids() -> set[str]:
    return set(Account.objects.values_list("jid", flat=True))


def stored(jid: str = ROMEO) -> Account:
    return Account.objects.get(jid=jid)


def test_numbers_and_jids_become_accounts(save, capsys):
    one = save("# the cast\n\n  +39 347 1111111  \nROMEO@localhost\n")
    two = save("juliet@localhost", "more.txt")

    call_command("loadaccounts", one, two)

    assert jids() == {"00393471111111@localhost", ROMEO, JULIET}
    mario = Account.objects.get(msisdn="+393471111111")
    assert mario.enabled
    assert mario.discoverable
    assert mario.checked_at is None
    said = capsys.readouterr().out
    assert said.startswith("3 accounts read, 3 of them new, 0 changed. ")
    assert said.endswith(" rows/s.\n")


def test_an_account_that_exists_stays_as_it_is(load):
    Account.objects.create(jid=ROMEO, name="Romeo", enabled=False, announced=True)

    said = load(f"{ROMEO}\n{JULIET}")

    romeo = stored()
    assert (romeo.name, romeo.enabled, romeo.announced) == ("Romeo", False, True)
    assert said.startswith("2 accounts read, 1 of them new, 0 changed. ")


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("name", "Romeo", "Romeo"),
        ("name", '"Montague, Romeo"', "Montague, Romeo"),
        ("name", "", ""),
        ("enabled", "false", False),
        ("enabled", "0", False),
        ("discoverable", "FALSE", False),
    ],
)
def test_only_given_columns_are_overwritten(load, column, cell, value):
    Account.objects.create(jid=ROMEO, name="R.", budget=7, announced=True)

    said = load(f"account,{column}\n{ROMEO},{cell}\n{JULIET},{cell}\n")

    assert said.startswith("2 accounts read, 1 of them new, 1 changed. ")
    assert getattr(stored(JULIET), column) == value
    before = {"name": "R.", "enabled": True, "discoverable": True, "budget": 7}
    romeo = stored()
    assert {key: getattr(romeo, key) for key in before} == {**before, column: value}
    assert romeo.announced == romeo.visible


@pytest.mark.parametrize(
    ("before", "content", "announced"),
    [
        ({"gone_at": timezone.now()}, ROMEO, False),
        ({"enabled": False}, f"account,enabled\n{ROMEO},true", False),
        ({"discoverable": False}, f"account,discoverable\n{ROMEO},1", False),
        ({"gone_at": timezone.now(), "enabled": False}, ROMEO, False),
        ({}, f"account,enabled\n{ROMEO},0", False),
        # Visible all the time.
        ({}, f"account,enabled,name\n{ROMEO},1,Romeo", True),
    ],
)
def test_accounts_that_become_visible_are_to_be_announced(
    load, before, content, announced
):
    Account.objects.create(jid=ROMEO, announced=True, **before)

    load(content)

    assert stored().announced == announced
    assert stored().gone_at is None


def test_a_header_may_have_the_account_column_alone(load):
    load(f'"Account"\n"{ROMEO}"\n')
    assert jids() == {ROMEO}


def test_an_account_named_twice_is_created_once(load):
    load("+393471111111\n0039 347 1111111")
    assert jids() == {"00393471111111@localhost"}


@pytest.mark.parametrize("batch", [1, 2, 10])
def test_the_last_row_of_an_account_named_twice_wins(load, monkeypatch, batch):
    monkeypatch.setattr(loadaccounts, "BATCH_SIZE", batch)

    load(f"account,name\n{ROMEO},first\n{JULIET},Juliet\nROMEO@localhost,last\n")

    assert jids() == {ROMEO, JULIET}
    assert stored().name == "last"


@pytest.mark.parametrize(
    "content", [f"{ROMEO}\n\n# é\n{JULIET}", f"account\n{ROMEO}\n\n# é\n{JULIET}\n"]
)
def test_files_of_other_systems_are_read(load, content):
    load(b"\xef\xbb\xbf" + content.replace("\n", "\r\n").encode())
    assert jids() == {ROMEO, JULIET}


def test_a_number_becomes_an_account_on_the_first_domain(load, settings):
    settings.XMPP_DOMAINS = ["verona.example", "localhost"]
    load("+393471111111")
    assert jids() == {"00393471111111@verona.example"}


@pytest.mark.parametrize(
    ("spelling", "jid", "number"),
    [
        ("+{number}@{domain}", "+393471111111@localhost", "+393471111111"),
        ("{number}@{domain}", "393471111111@localhost", "+393471111111"),
        ("u{number}@{domain}", "u393471111111@localhost", "+393471111111"),
        ("001{number}@{domain}", "0013934711111@localhost", "+3934711111"),
    ],
)
def test_the_number_of_an_account_is_the_one_the_model_derives(
    load, settings, spelling, jid, number
):
    settings.MSISDN_JID = spelling
    load("+3934711111" if "001" in spelling else "+393471111111")

    account = Account.objects.get()
    assert (account.jid, account.msisdn) == (jid, number)
    account.full_clean()
    assert account.msisdn == number


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("romeo@elsewhere.example", "The domain must be one of XMPP_DOMAINS."),
        ("3471111111", "neither a JID nor an international phone number."),
        ("romeo juliet@localhost", "Enter a JID without a resource"),
        ("localhost", "neither a JID nor an international phone number."),
        ("@", "Enter a JID without a resource"),
        ("x" * 20_000, "longer than 16384 bytes."),
    ],
)
def test_a_bad_line_is_refused_with_its_place_and_nothing_is_stored(save, line, reason):
    good, bad = save(ROMEO), save(f"# cast\n\n{line}\n", "bad.txt")

    with pytest.raises(CommandError) as caught:
        call_command("loadaccounts", good, bad)

    assert str(caught.value).startswith(f"{bad}, line 3: {reason}")
    assert str(caught.value).endswith("Nothing was changed.")
    assert jids() == set()
    assert not Load.objects.exists()


@pytest.mark.parametrize(
    ("content", "line", "reason"),
    [
        ("account,phone", 1, "column 2 must be one of name, enabled, discoverable."),
        ("account,name,NAME", 1, "column 3 is a duplicate."),
        ("account;name", 1, "columns are separated by commas."),
        (f"{ROMEO},Romeo", 1, "The domain must be one of XMPP_DOMAINS."),
        (f"account,name\n\n{ROMEO}", 3, "1 columns instead of 2."),
        (f"account,name\n{ROMEO},a,b", 2, "3 columns instead of 2."),
        (f'account,name\n{ROMEO},"a\n{JULIET},b', 2, "not valid CSV;"),
        (f"account,name\n{ROMEO},{'x' * 256}", 2, "Ensure this value has at most 255"),
        (f"account,name\n{ROMEO},a\0b", 2, "Null characters are not allowed."),
        (f"account,enabled\n{ROMEO},no", 2, "enabled must be true or false"),
        ("account,enabled\n+39347,1", 2, "neither a JID nor an international"),
    ],
)
def test_a_bad_csv_is_refused_in_plain_words(load, tmp_path, content, line, reason):
    with pytest.raises(CommandError) as caught:
        load(f"{content}\n")

    place = f"{tmp_path}/accounts.txt, line {line}: {reason}"
    assert str(caught.value).startswith(place)
    assert str(caught.value).endswith("Nothing was changed.")
    assert jids() == set()


def test_files_that_cannot_be_read_are_refused(save, tmp_path):
    missing, latin = str(tmp_path / "missing"), save(b"caf\xe9@localhost")

    for path, said in (
        (missing, f"{missing}: No such file or directory."),
        (latin, f"{latin}, line 1: not UTF-8 text."),
    ):
        with pytest.raises(CommandError) as caught:
            call_command("loadaccounts", save(ROMEO, "good.txt"), path)
        assert str(caught.value) == f"{said} Nothing was changed."
    assert jids() == set()


# --- Interrupted ----------------------------------------------------------------


def interrupted(content: str, written: str) -> None:
    """Leave the state of a load of ``content`` that stopped after ``written``."""
    assert content.startswith(written)
    digest = hashlib.sha256(content.encode()).hexdigest()
    Load.objects.create(file=digest, offset=len(written.encode()))


def test_a_load_resumes_where_it_was_interrupted(load, capsys):
    written = f"account,name\n# é\n{ROMEO},Romeo\n"
    content = f"{written}{JULIET},Juliet\n"
    interrupted(content, written)

    said = load(content)

    assert said.startswith("1 accounts read, 1 of them new, 0 changed. ")
    assert jids() == {JULIET}
    assert stored(JULIET).name == "Juliet"


def test_a_completed_file_can_be_loaded_again(load):
    content = f"{ROMEO}\n{JULIET}\n"
    interrupted(content, f"{ROMEO}\n")
    load(content)

    load(content)

    assert jids() == {ROMEO, JULIET}
    assert not Load.objects.exists()


def test_a_changed_file_starts_over(load):
    interrupted(f"{ROMEO}\n{JULIET}\n", f"{ROMEO}\n")

    load(f"{ROMEO}\n{JULIET}\n# more\n")

    assert jids() == {ROMEO, JULIET}


def test_an_interrupted_file_starts_over_after_another_load(load):
    first = f"account,name\n{ROMEO},first\n{JULIET},first\n"
    interrupted(first, f"account,name\n{ROMEO},first\n")
    load(f"account,name\n{ROMEO},second\n")

    load(first)

    assert stored().name == "first"


# --- As a process ---------------------------------------------------------------


class Loader:
    """The command as a process, with a SQLite database of its own."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "db.sqlite3"
        self.children: list[subprocess.Popen[str]] = []
        self.environment = {
            **os.environ,
            "VAR_DIR": str(folder),
            "DATABASE_URL": f"sqlite:///{self.database}",
        }

    def start(self, *words: str, **options: int) -> subprocess.Popen[str]:
        # A shell makes its background jobs and their children ignore Ctrl-C.
        heeding = ["env", "--default-signal=INT"]
        child = subprocess.Popen(
            [*heeding, sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )
        self.children.append(child)
        return child

    def run(self, *words: str) -> tuple[int, str, str]:
        child = self.start(*words)
        out, err = child.communicate(timeout=60)
        return child.returncode, out, err

    def sql(self, statement: str) -> list[tuple]:
        connection = sqlite3.connect(self.database)
        with connection:
            rows = connection.execute(statement).fetchall()
        connection.close()
        return rows

    def hold_before(self, jid: str, steps: int) -> None:
        """Slow down the transaction that writes ``jid``."""
        self.sql(
            "CREATE TRIGGER hold BEFORE INSERT ON roster_account"
            f" WHEN NEW.jid = '{jid}' BEGIN SELECT max(i) FROM (WITH RECURSIVE n(i) AS"
            f" (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT {steps}) SELECT i FROM n);"
            " END"
        )

    def wait_for_a_place(self, child: subprocess.Popen[str]) -> None:
        end = time.monotonic() + 60
        while not self.sql("SELECT 1 FROM roster_load"):
            assert child.poll() is None
            assert time.monotonic() < end


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    loader = Loader(tmp_path_factory.mktemp("migrated"))
    assert loader.run("migrate", "-v0")[0] == 0
    return loader.database


@pytest.fixture
def loader(tmp_path: Path, migrated: Path) -> Iterator[Loader]:
    one = Loader(tmp_path / "var")
    one.database.parent.mkdir()
    one.database.write_bytes(migrated.read_bytes())
    yield one
    for child in one.children:
        child.kill()
        child.communicate()


def test_a_terminal_shows_a_bar(save, loader):
    ours, theirs = pty.openpty()

    child = loader.start("loadaccounts", save(ROMEO), stderr=theirs)
    os.close(theirs)
    child.communicate(timeout=60)

    shown = b""
    try:
        while part := os.read(ours, 4096):
            shown += part
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert b"Checking" in shown
    assert b"Writing" in shown
    assert b"100%" in shown


def test_a_log_gets_a_line_now_and_then(save, monkeypatch, capsys):
    monkeypatch.setattr(loadaccounts, "PROGRESS_SECONDS", 0)
    monkeypatch.setattr(loadaccounts, "BATCH_SIZE", 1)

    call_command("loadaccounts", save(f"{ROMEO}\n{JULIET}\n"))

    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Checking: 48%"
    assert lines[-1] == "Writing: 100%"


def test_a_database_failure_is_reported_without_the_data(save, tmp_path):
    loader = Loader(tmp_path)

    code, _, said = loader.run("loadaccounts", save("+393471111111"))

    assert code == 1
    reason = "The database failed (OperationalError). Nothing was changed."
    assert said == f"CommandError: {reason}\n"
