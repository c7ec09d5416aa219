import logging

import pytest
from channels.layers import channel_layers
from django.db import transaction

from xmppservice import bells
from xmppservice.celery import app

pytestmark = pytest.mark.django_db(transaction=True)


def lines(caplog) -> list[str]:
    return [
        record.message for record in caplog.records if record.name == bells.__name__
    ]


def test_an_unknown_topic_reaches_nobody_and_raises_nothing():
    bells.stream(bells.ANSWERS)
    bells.worker(bells.RUN_COMMANDS)


def test_a_broken_bell_is_logged_once(settings, caplog):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "no.such.Layer"}}
    channel_layers.backends.clear()
    with caplog.at_level(logging.INFO, bells.__name__):
        bells.stream(bells.ANSWERS)
        bells.stream(bells.RELEASE)
        assert len(lines(caplog)) == 1
        assert "does not ring" in lines(caplog)[0]

        layer = {"BACKEND": "xmppservice.layers.ThreadLayer"}
        settings.CHANNEL_LAYERS = {"default": layer}
        channel_layers.backends.clear()
        bells.stream(bells.ANSWERS)
        assert lines(caplog)[1:] == ["the stream bell rings again"]


def test_a_bell_rings_after_the_commit_only(caplog):
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue(app.conf.task_default_queue)
        queue.clear()

        with transaction.atomic():
            bells.worker(bells.SYNC_VCARD)
            assert queue.qsize() == 0

        assert queue.qsize() == 1
        queue.clear()
        queue.close()


def test_a_bell_in_a_transaction_that_fails_does_not_ring():
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue(app.conf.task_default_queue)
        queue.clear()

        with transaction.atomic():
            bells.worker(bells.SYNC_VCARD)
            transaction.set_rollback(True)

        assert queue.qsize() == 0
        queue.close()
