"""AccountNews: stores which accounts the XMPP server has just registered or deleted.

A shortcut: not each way to make or delete an account is reported, so what we know of
accounts is checked anyway.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from django.utils import timezone

from roster.accounts import directory
from roster.privacy import holders
from xmppservice.runtime.threads import DATABASE_ERRORS, Thread

MAX_WAITING = 10_000  # what does not fit in is found out in another way
BATCH_SIZE = 100  # at once: one by one, a deletion takes twenty times as long


class News(NamedTuple):
    """An account has been registered or deleted; we heard of it ``at`` that time."""

    jid: str
    registered: bool
    at: datetime


class AccountNews:
    """Keeps the order of the news. What the database does not take is dropped."""

    def __init__(
        self, thread: Thread, database_lost: Callable[[Exception], None]
    ) -> None:
        self._thread, self._database_lost = thread, database_lost
        self._waiting: asyncio.Queue[News] = asyncio.Queue(MAX_WAITING)

    def note(self, jid: str, registered: bool) -> None:
        if not self._waiting.full():
            self._waiting.put_nowait(News(jid, registered, timezone.now()))

    async def run(self) -> None:
        """Store what waits; for ever."""
        while True:
            news = [await self._waiting.get()]
            while len(news) < BATCH_SIZE and not self._waiting.empty():
                news.append(self._waiting.get_nowait())
            for registered, same in groupby(news, key=attrgetter("registered")):
                await self._store(list(same), registered)

    async def _store(self, news: Sequence[News], registered: bool) -> None:
        # Until the last one, no other news of the first one's account had come.
        at, jids = news[-1].at, {one.jid for one in news}
        try:
            await self._thread.run(_store, jids, registered, at)
        except DATABASE_ERRORS as error:
            self._database_lost(error)


def _store(jids: Collection[str], registered: bool, at: datetime) -> None:
    if registered:
        directory.apply_notices(dict.fromkeys(jids, True), at)
    else:
        holders.deleted(jids, at)
