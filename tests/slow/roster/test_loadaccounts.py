"""A load of accounts that is killed goes on from there."""

import signal

import pytest

from roster.management.commands import loadaccounts
from roster.models import Account
from tests.roster.management.test_loadaccounts import FIELDS

pytestmark = pytest.mark.django_db


def many(count: int) -> str:
    """A CSV of so many accounts, in no order."""
    rows = [f"+39347{n * 7919 % count:07d},N{n},{n % 2}\n" for n in range(count)]
    return "account,name,enabled\n" + "".join(rows)


@pytest.mark.parametrize(
    ("blow", "steps", "code", "said"),
    [
        (signal.SIGKILL, -1, -9, ""),
        # Python hears of it when SQLite is done: a second.
        (signal.SIGINT, 8_000_000, 130, "The same command goes on from there.\n"),
    ],
)
def test_what_was_killed_goes_on_as_if_nothing_had_been(
    load, save, loader, blow, steps, code, said
):
    count = loadaccounts.BATCH_SIZE + 100
    content = many(count)
    file = save(content, "many.csv")
    last = content.splitlines()[-1].partition(",")[0]
    loader.hold_before(f"00{last[1:]}@localhost", steps)
    child = loader.start("loadaccounts", file)
    loader.wait_for_a_place(child)
    child.send_signal(blow)
    assert child.communicate(timeout=60)[1].endswith(said)
    assert child.returncode == code
    assert loader.sql("SELECT count(*) FROM roster_account") == [
        (loadaccounts.BATCH_SIZE,)
    ]
    loader.sql("DROP TRIGGER hold")

    _, out, err = loader.run("loadaccounts", file)

    assert out.startswith("100 accounts read, 100 of them new, 0 changed. ")
    assert "bytes are written, it goes on from there." in err
    load(content)
    expected = Account.objects.values_list(*FIELDS).order_by("jid")
    fields = ", ".join(FIELDS)
    assert loader.sql(f"SELECT {fields} FROM roster_account ORDER BY jid") == list(
        expected
    )
    assert not loader.sql("SELECT * FROM roster_load")
