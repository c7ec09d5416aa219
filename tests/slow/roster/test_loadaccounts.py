"""A killed load of accounts resumes where it stopped."""

import signal

import pytest

from roster.management.commands import loadaccounts
from roster.models import Account
from tests.roster.management.test_loadaccounts import FIELDS

pytestmark = pytest.mark.django_db


def many(count: int) -> str:
    """Return a CSV of ``count`` accounts, unsorted."""
    rows = [f"+39347{n * 7919 % count:07d},N{n},{n % 2}\n" for n in range(count)]
    return "account,name,enabled\n" + "".join(rows)


@pytest.mark.parametrize(
    ("blow", "steps", "code", "said"),
    [
        (signal.SIGKILL, -1, -9, ""),
        # Python handles it when SQLite is done: after a second.
        (signal.SIGINT, 8_000_000, 130, "Run the same command again to resume.\n"),
    ],
)
def test_a_killed_load_resumes_without_a_difference(
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
    assert "bytes are already loaded, resuming there." in err
    load(content)
    expected = Account.objects.values_list(*FIELDS).order_by("jid")
    fields = ", ".join(FIELDS)
    assert loader.sql(f"SELECT {fields} FROM roster_account ORDER BY jid") == list(
        expected
    )
    assert not loader.sql("SELECT * FROM roster_load")
