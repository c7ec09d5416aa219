"""News of accounts are stored in their order, those that wait at once."""

import asyncio

import pytest

from roster.models import Account
from tests.service import until
from xmppservice.runtime.threads import Thread
from xmppservice.service.account_news import AccountNews

pytestmark = pytest.mark.django_db(transaction=True)

Row = tuple[str, bool, object]
LAST = "last@localhost"


async def stored(*news: tuple[str, bool]) -> list[Row]:
    """Store news that have waited; return each account, whether it is gone, and when
    that was found out."""
    lost: list[Exception] = []
    async with Thread("news") as thread:
        account_news = AccountNews(thread, lost.append)
        for jid, registered in (*news, (LAST, True)):
            account_news.note(jid, registered)
        running = asyncio.create_task(account_news.run())
        try:
            last = Account.objects.filter(jid=LAST)
            await until(lambda: thread.run(last.exists))
        finally:
            running.cancel()
            await asyncio.wait([running])
        rows = Account.objects.exclude(jid=LAST).order_by("jid")
        rows = rows.values_list("jid", "gone_at", "checked_at")
        assert not lost
        found = await thread.run(list, rows)
    return [(jid, gone_at is not None, at) for jid, gone_at, at in found]


async def test_many_deletions_are_one_step():
    """Each step has the command queue for itself, and empties SQLite's log."""
    jids = [f"u{number}@localhost" for number in range(30)]

    rows = await stored(*((jid, False) for jid in jids))

    assert [jid for jid, is_gone, _ in rows if is_gone] == sorted(jids)
    assert len({at for _, _, at in rows}) == 1


@pytest.mark.parametrize("registered", [False, True])
async def test_an_account_is_as_the_last_news_say(registered):
    others = [(f"u{number}@localhost", not registered) for number in range(3)]
    changes = [("romeo@localhost", one) for one in (registered, not registered)]

    rows = await stored(*changes, *others, ("romeo@localhost", registered))

    assert [is_gone for jid, is_gone, _ in rows if jid == "romeo@localhost"] == [
        not registered
    ]
