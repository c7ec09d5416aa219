"""ServiceConsumer: handles the events of the service's stream.

Handlers only enqueue; the pumps wait. Incoming commands, outgoing answers, releases and
announcements have a thread each, so that a slow answer never delays the inbox, and
commands never delay an edit (docs/decisions/0052-an-edits-own-way.md).
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from channels.consumer import AsyncConsumer
from channels.layers import get_channel_layer

from buddies.document.catalogue import catalogue_entries
from buddies.publishing import live, releases
from roster.announcements.announcer import Announcer
from roster.announcements.reach import Recorder
from roster.commands import late_joins, payloads
from roster.commands.admission import Admission
from roster.commands.outbox import confirm, has_work, unsent
from xmppservice.connection import events
from xmppservice.connection.status import StatusWriter
from xmppservice.runtime import wakeups
from xmppservice.runtime.threads import DATABASE_ERRORS, Thread
from xmppservice.service.account_news import AccountNews
from xmppservice.service.roster_probe import RosterProbe

logger = logging.getLogger(__name__)

T = TypeVar("T")

BATCH_SIZE = 200  # commands or answers in one transaction
# Sent and not yet confirmed, because announcements queue behind: of answers, and of
# refusals, which come faster than workers can answer.
MAX_UNCONFIRMED_BATCHES, MAX_UNCONFIRMED_REPLIES = 2, 6
# Refusals that wait to be sent (35 MB): the XMPP server takes fewer than clients can
# cause.
MAX_REPLIES = 50_000
TICK_SECONDS = 1.0  # a lost wake-up costs two seconds at most


class ServiceConsumer(AsyncConsumer):
    # No layer, because its errors would end the consumer. pump_wakeups listens to it
    # instead, and survives errors.
    channel_layer_alias = "none"

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.base_send = send
        self.incoming: asyncio.Queue[events.Message] = asyncio.Queue(BATCH_SIZE)
        self.connected = asyncio.Event()
        self.answers, self.release = asyncio.Event(), asyncio.Event()
        self.release.set()
        self.unconfirmed: set[int] = set()
        self.slots = asyncio.Semaphore(MAX_UNCONFIRMED_BATCHES)
        self.replies: asyncio.Queue[events.Answer] = asyncio.Queue(MAX_REPLIES)
        self.reply_slots = asyncio.Semaphore(MAX_UNCONFIRMED_REPLIES)
        self.are_replies_lost = False
        self.state = StatusWriter(scope["jid"])
        self.admission = Admission()
        self.roster_probe = RosterProbe(self.state)
        self.live: int | None = None  # number of a release not yet marked as live
        self.is_database_lost = False
        async with (
            Thread("inbox", on_commands=True) as inbox,
            Thread("outbox", on_commands=True) as outbox,
            Thread("announcer") as announcer,
            Thread("release") as release,
        ):
            self.inbox_thread, self.outbox_thread = inbox, outbox
            self.release_thread = release
            self.announcer = Announcer(announcer, send, self._database_lost)
            self.reach, self.reads = Recorder(), scope["reads"]
            self.account_news = AccountNews(announcer, self._database_lost)
            try:
                await self._pump(scope, receive, send)
            finally:
                self.state.closed()
                await self._store(self.state.save)

    async def _pump(self, scope: Any, receive: Any, send: Any) -> None:
        async with asyncio.TaskGroup() as self.pumps:
            self.pumps.create_task(self.pump_in())
            self.pumps.create_task(self.pump_replies())
            self.pumps.create_task(self.pump_out())
            self.pumps.create_task(self.pump_release())
            self.pumps.create_task(self.pump_wakeups())
            self.pumps.create_task(self.pump_ticks())
            self.pumps.create_task(self.announcer.run())
            self.pumps.create_task(self.account_news.run())
            self.pumps.create_task(self.roster_probe.run())
            await super().__call__(scope, receive, send)

    async def dispatch(self, message: Any) -> None:
        # Channels' own dispatch first closes old database connections, which costs a
        # thread switch for every stanza. Nothing here touches the database.
        await getattr(self, message["type"].replace(".", "_"))(message)

    # --- Handlers: they enqueue, and never wait for the network ----------------

    async def xmpp_connected(self, event: events.Connected) -> None:
        self.connected.set()
        self.answers.set()
        self.state.opened(event["privileged"], event["companions"])
        self.admission.begin_session()
        self.roster_probe.connected()
        self.pumps.create_task(self._begin())

    async def xmpp_privileges(self, event: events.Privileges) -> None:
        self.state.set_rights(event["privileged"], event["companions"])
        self.roster_probe.privileges_changed()
        self.pumps.create_task(self._begin())

    async def xmpp_disconnected(self, event: events.Disconnected) -> None:
        self.connected.clear()
        self.announcer.pause()
        self.roster_probe.disconnected()
        self.state.closed(event["reason"])

    async def xmpp_published(self, event: events.Published) -> None:
        self.live = event["number"]
        self.announcer.begin(self.live)
        self.reach.begin(self.live)
        logger.info("clients read version %d", self.live)
        self.pumps.create_task(self._mark_live())

    async def xmpp_subscription(self, event: events.Subscription) -> None:
        self.announcer.note(event["jid"], event["announced"])

    async def xmpp_account(self, event: events.Account) -> None:
        self.account_news.note(event["jid"], event["registered"])

    async def _begin(self) -> None:
        await self._store(self.state.save)
        # Commands were deferred while there was no stream, or no privilege.
        await self._store(wakeups.wake_worker, wakeups.RUN_COMMANDS)
        await self._store(wakeups.wake_worker, wakeups.REFRESH_ACCOUNTS)

    async def _mark_live(self) -> None:
        number = self.live
        stored = number and await self._store(
            live.mark_live, number, thread=self.release_thread
        )
        if stored and self.live == number:
            self.live = None

    async def _store(
        self,
        function: Callable[..., object],
        *args: Any,
        thread: Thread | None = None,
    ) -> bool:
        """Call a function that the next poll can repeat; return whether it worked."""
        try:
            await (thread or self.outbox_thread).run(function, *args)
        except DATABASE_ERRORS as error:
            self._database_lost(error)
            return False
        self._database_restored()
        return True

    def _database_lost(self, error: Exception) -> None:
        if not self.is_database_lost:
            name = type(error).__name__
            logger.error("the database does not answer: %s", name)
        self.is_database_lost = True

    def _database_restored(self) -> None:
        if self.is_database_lost:
            logger.info("the database answers again")
        self.is_database_lost = False

    async def xmpp_message(self, event: events.Message) -> None:
        await self.incoming.put(event)

    # --- Pumps ----------------------------------------------------------------

    async def pump_in(self) -> None:
        """Store incoming commands, each batch in one transaction."""
        while True:
            await self._receive(await _batch(self.incoming))

    async def _receive(self, batch: list[events.Message]) -> None:
        try:
            refusals = await self.inbox_thread.run(self.admission.receive, batch)
        except DATABASE_ERRORS as error:
            self._database_lost(error)
            payload = payloads.storage_failed()
            self._reply(events.answer(message, payload) for message in batch)
            return
        self._reply(events.refusal(message, text) for message, text in refusals)
        refused = {id(message) for message, _ in refusals}
        self._reply(
            events.receipt(message)
            for message in batch
            if "receipt" in message and id(message) not in refused
        )

    def _reply(self, answers: Iterable[events.Answer]) -> None:
        """Put in line what is sent once; what finds no room is dropped.

        The inbox does not wait: behind it commands would grow too old to be answered.
        """
        for answer in answers:
            if self.replies.full():
                if not self.are_replies_lost:
                    logger.warning("too many commands are refused: some get no error")
                self.are_replies_lost = True
                return
            self.replies.put_nowait(answer)

    async def pump_replies(self) -> None:
        """Send refusals, and all else that is not an answer from the outbox."""
        while True:
            await self.reply_slots.acquire()
            self.pumps.create_task(self._send_once(await _batch(self.replies)))
            if self.replies.empty():
                self.are_replies_lost = False

    async def _send_once(self, answers: list[events.Answer]) -> None:
        try:
            await self.base_send(events.send(answers))
        except OSError:
            pass  # The stream broke: clients will repeat their commands.
        finally:
            self.reply_slots.release()

    async def pump_out(self) -> None:
        """Send answers to clients, and confirm them batch by batch."""
        while True:
            await self.answers.wait()
            await self.connected.wait()
            self.answers.clear()
            await self._drain()

    async def _drain(self) -> None:
        while self.connected.is_set():
            await self.slots.acquire()
            answers = await self._unsent()
            if not answers:
                self.slots.release()
                return
            self.unconfirmed |= {answer["key"] for answer in answers}
            self.pumps.create_task(self._deliver(answers))
            if len(answers) < BATCH_SIZE:
                # The next ones wake it again.
                return

    async def _unsent(self) -> list[events.Answer]:
        try:
            return await self.outbox_thread.run(
                unsent, BATCH_SIZE, set(self.unconfirmed)
            )
        except DATABASE_ERRORS as error:
            self._database_lost(error)
            return []

    async def _deliver(self, answers: list[events.Answer]) -> None:
        try:
            await self.base_send(events.send(answers))
            await self.outbox_thread.run(confirm, answers)
        except OSError:
            # Not confirmed: send again, after a pause.
            await asyncio.sleep(TICK_SECONDS)
            self.answers.set()
        except DATABASE_ERRORS as error:
            self._database_lost(error)
        finally:
            self.unconfirmed -= {answer["key"] for answer in answers}
            self.slots.release()

    async def pump_release(self) -> None:
        """Publish the newest release to the stream; the first one opens it."""
        published = None
        while True:
            await self.release.wait()
            self.release.clear()
            try:
                newest = await self.release_thread.run(_newer_than, published)
                if newest is None:
                    if published is None:
                        await self.release_thread.run(
                            wakeups.wake_worker, wakeups.SYNC_VCARD
                        )
                    continue
                await self.base_send(newest)
                published = newest["number"]
            except DATABASE_ERRORS as error:
                self._database_lost(error)

    async def pump_wakeups(self) -> None:
        """Forward wake-ups to the pumps."""
        layer, is_broken = get_channel_layer(), False
        while True:
            try:
                message = await layer.receive(wakeups.WAKEUP_CHANNEL)
            except Exception as error:
                if not is_broken:
                    logger.warning("no bells: %s", type(error).__name__)
                is_broken = True
                await asyncio.sleep(TICK_SECONDS)
                continue
            is_broken = False
            event = (
                self.release if message["topic"] == wakeups.RELEASE else self.answers
            )
            event.set()

    async def pump_ticks(self) -> None:
        """Poll, to make up for lost wake-ups."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.answers.set()
            self.release.set()
            self.admission.report_end()
            self.state.set_refused(self.admission.refused)
            # The others may have nothing to write, which says nothing of the database.
            if await self._store(_wake_pending_work):
                await self._store(self.state.save)
                await self._mark_live()
                counts = (*self.announcer.counts, self.reads())
                await self._store(self.reach.record, *counts)


async def _batch(queue: asyncio.Queue[T]) -> list[T]:
    """Wait for something in the queue; return all of it, up to BATCH_SIZE."""
    batch = [await queue.get()]
    while len(batch) < BATCH_SIZE and not queue.empty():
        batch.append(queue.get_nowait())
    return batch


def _newer_than(number: int | None) -> events.Publish | None:
    release = live.newer_than(number)
    if release is None:
        return None
    entries = list(catalogue_entries(json.loads(release.body)))
    return events.publish(release.number, release.body, entries)


def _wake_pending_work() -> None:
    if has_work():
        wakeups.wake_worker(wakeups.RUN_COMMANDS)
    if late_joins.waiting():
        wakeups.wake_worker(wakeups.JOIN_LATE)
    if releases.is_behind():
        wakeups.wake_worker(wakeups.SYNC_VCARD)
