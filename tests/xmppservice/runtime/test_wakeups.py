import logging
import threading
from collections.abc import Iterator

import pytest
from channels.layers import channel_layers
from django.db import transaction
from kombu.simple import SimpleQueue

from tests.service import until
from xmppservice.celery import app
from xmppservice.runtime import wakeups

pytestmark = pytest.mark.django_db(transaction=True)


def lines(caplog) -> list[str]:
    return [
        record.message for record in caplog.records if record.name == wakeups.__name__
    ]


async def test_a_failed_wake_up_is_logged_once(settings, caplog):
    wakeup = wakeups.WakeUp("stream", wakeups._send_topic)
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "no.such.Layer"}}
    channel_layers.backends.clear()
    with caplog.at_level(logging.INFO, wakeups.__name__):
        wakeup.send(wakeups.ANSWERS)
        await until(lambda: lines(caplog))
        wakeup.send(wakeups.RELEASE)
        await until(lambda: not wakeup._waiting)
        layer = {"BACKEND": "xmppservice.runtime.channel_layer.ThreadLayer"}
        settings.CHANNEL_LAYERS = {"default": layer}
        channel_layers.backends.clear()
        wakeup.send(wakeups.ANSWERS)
        await until(lambda: len(lines(caplog)) > 1)

    assert lines(caplog) == [
        "the stream bell does not ring: InvalidChannelLayerError",
        "the stream bell rings again",
    ]


async def test_sending_never_blocks_and_equal_wake_ups_merge():
    heard, may_send = [], threading.Event()

    def send(loop, what):
        may_send.wait(10)
        heard.append(what)

    wakeup = wakeups.WakeUp("test", send)
    wakeup.send("first")
    await until(lambda: not wakeup._waiting)
    for _ in range(100):
        wakeup.send("second")
    may_send.set()

    await until(lambda: heard == ["first", "second"])
    await until(lambda: not wakeup._waiting)
    assert heard == ["first", "second"]


@pytest.fixture
def queue() -> Iterator[SimpleQueue]:
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue(app.conf.task_default_queue)
        queue.clear()
        yield queue
        queue.clear()
        queue.close()


def test_a_wake_up_is_sent_after_the_commit_only(queue):
    with transaction.atomic():
        wakeups.wake_worker(wakeups.SYNC_VCARD)
        with pytest.raises(queue.Empty):
            queue.get(timeout=0.2)

    assert queue.get(timeout=10).headers["task"] == wakeups.SYNC_VCARD


def test_a_failed_transaction_sends_no_wake_up(queue):
    with transaction.atomic():
        wakeups.wake_worker("buddies.tasks.thin_releases")
        transaction.set_rollback(True)
    with transaction.atomic():
        wakeups.wake_worker(wakeups.SYNC_VCARD)

    assert queue.get(timeout=10).headers["task"] == wakeups.SYNC_VCARD
