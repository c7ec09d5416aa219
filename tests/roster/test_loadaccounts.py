"""loadaccounts: every line of every file, or none."""

from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from roster.models import Account

pytestmark = pytest.mark.django_db


@pytest.fixture
def save(tmp_path: Path):
    def write(content: str | bytes, name: str = "accounts.txt") -> str:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


def jids() -> set[str]:
    return set(Account.objects.values_list("jid", flat=True))


def test_numbers_and_jids_become_accounts(save, capsys):
    one = save("# the cast\n\n  +39 347 1111111  \nROMEO@localhost\n")
    two = save("juliet@localhost", "more.txt")

    call_command("loadaccounts", one, two)

    assert jids() == {"00393471111111@localhost", "romeo@localhost", "juliet@localhost"}
    mario = Account.objects.get(msisdn="+393471111111")
    assert mario.enabled
    assert mario.discoverable
    assert mario.checked_at is None
    assert capsys.readouterr().out == "3 accounts read, 3 of them new.\n"


def test_an_account_that_exists_stays_as_it_is(save, capsys):
    Account.objects.create(jid="romeo@localhost", name="Romeo", enabled=False)

    call_command("loadaccounts", save("romeo@localhost\njuliet@localhost"))

    romeo = Account.objects.get(jid="romeo@localhost")
    assert (romeo.name, romeo.enabled) == ("Romeo", False)
    assert capsys.readouterr().out == "2 accounts read, 1 of them new.\n"


def test_an_account_that_is_named_twice_is_made_once(save):
    call_command("loadaccounts", save("+393471111111\n0039 347 1111111"))
    assert jids() == {"00393471111111@localhost"}


def test_a_number_is_an_account_of_the_first_domain(save, settings):
    settings.XMPP_DOMAINS = ["verona.example", "localhost"]
    call_command("loadaccounts", save("+393471111111"))
    assert jids() == {"00393471111111@verona.example"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("romeo@elsewhere.example", "Must be in a served domain (XMPP_DOMAINS)."),
        ("3471111111", "neither a JID nor an international phone number."),
        ("romeo juliet@localhost", "Must be a bare JID"),
        ("localhost", "neither a JID nor an international phone number."),
        ("@", "Must be a bare JID"),
    ],
)
def test_a_bad_line_is_refused_with_its_place_and_nothing_is_stored(save, line, reason):
    good, bad = save("romeo@localhost"), save(f"# cast\n\n{line}\n", "bad.txt")

    with pytest.raises(CommandError) as caught:
        call_command("loadaccounts", good, bad)

    assert str(caught.value).startswith(f"{bad}, line 3: {reason}")
    assert str(caught.value).endswith("Nothing was changed.")
    assert jids() == set()


def test_files_that_cannot_be_read_are_refused(save, tmp_path):
    missing, latin = str(tmp_path / "missing"), save(b"caf\xe9@localhost")

    for path, reason in ((missing, "No such file or directory"), (latin, "not UTF-8")):
        with pytest.raises(CommandError) as caught:
            call_command("loadaccounts", save("romeo@localhost", "good.txt"), path)
        assert str(caught.value) == f"{path}: {reason}. Nothing was changed."
    assert jids() == set()
