"""Wake-ups: messages that say "look into the database", sent after a commit.

A lost wake-up costs two seconds at most, because the consumer polls; it never costs a
command or an edit. Waking never blocks, because the caller may hold a lock and an
unavailable broker is slow to fail: a thread sends, and merges equal wake-ups that wait.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from functools import partial

from celery import current_app
from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)

WAKEUP_CHANNEL = "xmpp.wakeup"
ANSWERS = "answers"
RELEASE = "release"

RUN_COMMANDS = "roster.tasks.run_commands"
SYNC_VCARD = "buddies.tasks.sync_vcard"
JOIN_LATE = "roster.tasks.join_late"
EXPIRE_CONTACTS = "roster.tasks.expire_contacts"
REFRESH_ACCOUNTS = "roster.tasks.refresh_accounts"


def wake_worker(task: str) -> None:
    """Wake the workers: there is something to do for ``task`` (its full name)."""
    transaction.on_commit(partial(_workers.send, task))


def wake_stream(topic: str) -> None:
    """Wake the XMPP process: there are new ``ANSWERS``, or a new ``RELEASE``."""
    transaction.on_commit(partial(_stream.send, topic))


def _send_task(loop: asyncio.Runner, task: str) -> None:
    current_app.send_task(task, retry=False, expires=30)


def _send_topic(loop: asyncio.Runner, topic: str) -> None:
    # One loop for all sends: a layer's connections belong to a loop.
    loop.run(
        get_channel_layer().send(
            WAKEUP_CHANNEL, {"type": "xmpp.wakeup", "topic": topic}
        )
    )


class WakeUp:
    """Send in a separate thread, which the first wake-up of a process starts.

    A fork does not copy threads: each child of a worker starts its own.
    """

    def __init__(self, name: str, send: Callable[[asyncio.Runner, str], None]) -> None:
        self._name, self._send = name, send
        self._waiting: dict[str, None] = {}
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_broken = False

    def send(self, wakeup: str) -> None:
        with self._condition:
            self._waiting[wakeup] = None
            self._condition.notify()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def _run(self) -> None:
        with asyncio.Runner() as loop:
            while True:
                self._try(partial(self._send, loop, self._next()))

    def _next(self) -> str:
        with self._condition:
            self._condition.wait_for(lambda: self._waiting)
            wakeup = next(iter(self._waiting))
            del self._waiting[wakeup]
            return wakeup

    def _try(self, send: Callable[[], None]) -> None:
        try:
            send()
        except Exception as error:
            # Any error of the transport: the work is stored as a row and waits there.
            if not self._is_broken:
                reason = type(error).__name__
                logger.warning("the %s bell does not ring: %s", self._name, reason)
            self._is_broken = True
        else:
            if self._is_broken:
                logger.info("the %s bell rings again", self._name)
            self._is_broken = False


_workers = WakeUp("worker", _send_task)
_stream = WakeUp("stream", _send_topic)
