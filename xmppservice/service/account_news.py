"""AccountNews: stores which accounts the XMPP server has just registered or deleted.

A shortcut: not each way to make or delete an account is reported, so what we know of
accounts is checked anyway.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

from roster.accounts import directory
from roster.privacy import holders
from xmppservice.runtime.threads import DATABASE_ERRORS, Thread

MAX_WAITING = 10_000  # what does not fit in is found out in another way


class AccountNews:
    """Keeps the order of the news. What the database does not take is dropped."""

    def __init__(
        self, thread: Thread, database_lost: Callable[[Exception], None]
    ) -> None:
        self._thread, self._database_lost = thread, database_lost
        self._waiting: asyncio.Queue[tuple[str, bool, datetime]] = asyncio.Queue(
            MAX_WAITING
        )

    def note(self, jid: str, registered: bool) -> None:
        if not self._waiting.full():
            self._waiting.put_nowait((jid, registered, timezone.now()))

    async def run(self) -> None:
        while True:
            news = await self._waiting.get()
            try:
                await self._thread.run(_store, *news)
            except DATABASE_ERRORS as error:
                self._database_lost(error)


def _store(jid: str, registered: bool, at: datetime) -> None:
    if registered:
        directory.apply_notices({jid: True}, at)
    else:
        holders.deleted([jid], at)
