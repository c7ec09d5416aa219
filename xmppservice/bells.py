"""The two doorbells. Each is rung after commit, and may fail: a lost bell costs
two seconds (the consumer's tick rings again), never a command or an edit.
"""

import logging
from functools import partial

from asgiref.sync import async_to_sync
from celery import current_app
from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)

CHANNEL = "xmpp.bell"
ANSWERS = "answers"
RELEASE = "release"

RUN_COMMANDS = "roster.tasks.run_commands"
SYNC_VCARD = "buddies.tasks.sync_vcard"

_broken: set[str] = set()


def worker(task: str) -> None:
    """Ring the workers: there is something to do for ``task`` (its full name)."""
    transaction.on_commit(partial(_ring, "worker", partial(_send_task, task)))


def stream(topic: str) -> None:
    """Ring the XMPP process: there are new ``ANSWERS``, or a new ``RELEASE``."""
    transaction.on_commit(partial(_ring, "stream", partial(_send_topic, topic)))


def _send_task(task: str) -> None:
    current_app.send_task(task, retry=False, expires=30)


def _send_topic(topic: str) -> None:
    layer = get_channel_layer()
    async_to_sync(layer.send)(CHANNEL, {"type": "xmpp.bell", "topic": topic})


def _ring(bell: str, ring: partial[None]) -> None:
    try:
        ring()
    except Exception as error:
        # Whatever the transport raises: the work is a row, and waits there.
        if bell not in _broken:
            _broken.add(bell)
            logger.warning("the %s bell does not ring: %s", bell, type(error).__name__)
    else:
        if bell in _broken:
            _broken.discard(bell)
            logger.info("the %s bell rings again", bell)
