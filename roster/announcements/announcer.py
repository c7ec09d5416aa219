"""The change signal: announces a new release to some subscribers a second.

The table stores which release each subscriber was notified of. After a restart or a
broken stream, an announcement resumes with those who are left; then all are notified
once more, because those who came online meanwhile had no answer and we do not know who
they are. A newer release replaces the announcement.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from django.conf import settings

from roster.announcements import subscribers
from roster.models import Subscriber
from xmppservice.connection import events
from xmppservice.runtime.threads import DATABASE_ERRORS, Thread

MAX_WAITING = 50_000  # subscriptions in memory that are still to be stored
BATCH_SIZE = 500  # subscriptions or announcements at a time
PARTS_PER_SECOND = 4  # batches that a second's announcements are split into, at least
RETRY_SECONDS = 1.0  # after a failure

Rows = Callable[[int, int], list[Subscriber]]


class Announcement(NamedTuple):
    """A session of the stream, and the release that clients read in it (0: none)."""

    session: int
    number: int


class Announcer:
    """Stores the subscribers and notifies them of the release that clients read.

    ``send`` sends an event to the server and raises OSError while there is no stream;
    ``on_failure`` is called with database errors. Neither ends :meth:`run`.
    """

    def __init__(
        self,
        thread: Thread,
        send: Callable[[Any], Awaitable[None]],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self._thread, self._send, self._on_failure = thread, send, on_failure
        self.told = 0  # users who learned of the release here
        self._counted = 0  # that release
        self._waiting: dict[str, int | None] = {}
        self._current = Announcement(session=0, number=0)
        self._must_greet = True  # there was no stream a moment ago
        self._has_waiting, self._is_due = asyncio.Event(), asyncio.Event()

    def note(self, jid: str, number: int | None) -> None:
        """Remember the last release a user was notified of; None unsubscribes them.

        Notes beyond MAX_WAITING are dropped: the next login asks again.
        """
        has_room = jid in self._waiting or len(self._waiting) < MAX_WAITING
        if has_room and subscribers.is_kept(jid):
            self._waiting[jid] = number
            self._has_waiting.set()

    @property
    def counts(self) -> tuple[int, int]:
        """The release that clients read, and how many learned of it here."""
        return self._counted, self.told

    def begin(self, number: int) -> None:
        """Announce release ``number``, which clients now read."""
        # A newer one is announced to all anyway.
        self._must_greet = self._must_greet and self._current.number in (0, number)
        self._current = self._current._replace(number=number)
        if number != self._counted:
            self.told, self._counted = 0, number
        self._is_due.set()

    def pause(self) -> None:
        """Stop announcing, because there is no stream."""
        self._current = Announcement(self._current.session + 1, number=0)
        self._must_greet = True

    async def run(self) -> None:
        """Store and announce until cancelled."""
        async with asyncio.TaskGroup() as pumps:
            pumps.create_task(self._pump_subscribers())
            pumps.create_task(self._pump_announcements())

    # --- Subscribers ----------------------------------------------------------

    async def _pump_subscribers(self) -> None:
        while True:
            await self._has_waiting.wait()
            self._has_waiting.clear()
            while self._waiting:
                await self._store()

    async def _store(self) -> None:
        jids = list(islice(self._waiting, BATCH_SIZE))
        batch = {jid: self._waiting.pop(jid) for jid in jids}
        try:
            counted = self._counted
            told = await self._thread.run(subscribers.note, batch, counted)
            self._count(told, counted)
        except DATABASE_ERRORS as error:
            self._on_failure(error)
            # Notes taken meanwhile are newer.
            self._waiting = {**batch, **self._waiting}
            await asyncio.sleep(RETRY_SECONDS)
        # Some know an older release only: the announcement may have missed them.
        number = self._current.number
        if any(known is not None and known < number for known in batch.values()):
            self._is_due.set()

    # --- Announcements --------------------------------------------------------

    async def _pump_announcements(self) -> None:
        while True:
            await self._is_due.wait()
            self._is_due.clear()
            try:
                await self._announce(self._current)
            except (*DATABASE_ERRORS, OSError) as error:
                if not isinstance(error, OSError):
                    self._on_failure(error)
                await asyncio.sleep(RETRY_SECONDS)
                self._is_due.set()

    async def _announce(self, announcement: Announcement) -> None:
        await self._notify_remaining(announcement)
        if self._must_greet and self._current == announcement:
            await self._greet(announcement)

    async def _notify_remaining(self, announcement: Announcement) -> None:
        """Notify those who do not know the release, until there is a newer one.

        Start at a random place, then go over all rows: it is not always the same
        users who are first, and those who subscribed meanwhile are included.
        """
        for place in (await self._thread.run(subscribers.random_place), 0):
            rows = partial(subscribers.pending, announcement.number)
            await self._announce_in_batches(
                announcement, rows, place, message=settings.CHANGE_MESSAGE
            )

    async def _greet(self, announcement: Announcement) -> None:
        """Notify all once more; this changes nothing for those who know it."""
        await self._announce_in_batches(
            announcement, subscribers.next_rows, 0, message=False
        )
        # If interrupted, it starts over; without a stream it did not happen.
        if announcement.number and self._current == announcement:
            self._must_greet = False

    async def _announce_in_batches(
        self, announcement: Announcement, rows_after: Rows, place: int, *, message: bool
    ) -> None:
        limit = min(
            BATCH_SIZE, max(1, settings.ANNOUNCEMENTS_PER_SECOND // PARTS_PER_SECOND)
        )
        while announcement.number and self._current == announcement:
            rows = await self._thread.run(rows_after, place, limit)
            if not rows:
                return
            await self._notify(rows, announcement.number, message)
            place = rows[-1].pk

    async def _notify(self, rows: list[Subscriber], number: int, message: bool) -> None:
        loop = asyncio.get_running_loop()
        seconds = len(rows) / max(1, settings.ANNOUNCEMENTS_PER_SECOND)
        next_at = loop.time() + seconds
        # Returns when the XMPP server has them, so that a server that is slow, or busy
        # with clients reading the document, gets no more.
        await self._send(events.announce([row.jid for row in rows], message))
        self._count(await self._thread.run(subscribers.mark, rows, number), number)
        await asyncio.sleep(next_at - loop.time())

    def _count(self, told: int, number: int) -> None:
        if number == self._counted:
            self.told += told
