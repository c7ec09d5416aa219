"""sync_vcard: at once after quiet, gathered in a burst."""

from datetime import timedelta

import pytest
from django.utils import timezone
from kombu import Message

from buddies import releases
from buddies.models import Release
from buddies.tasks import sync_vcard
from tests.buddies.conftest import channel
from xmppservice.bells import SYNC_VCARD
from xmppservice.celery import app

pytestmark = pytest.mark.django_db


def waiting() -> list[Message]:
    """Take what waits for a worker off the broker."""
    with app.connection_for_write() as broker, broker.channel() as channel:
        queue = app.amqp.queues[app.conf.task_default_queue].bind(channel)
        queue.declare()
        return list(iter(lambda: queue.get(no_ack=True), None))


@pytest.fixture(autouse=True)
def _quiet() -> None:
    waiting()


def test_the_bell_rings_this_task():
    assert sync_vcard.name == SYNC_VCARD


def test_the_first_edit_is_released_at_once():
    channel("romeo")

    sync_vcard()

    assert Release.objects.count() == 1
    assert not releases.behind()
    assert waiting() == []


def test_edits_that_follow_closely_wait_for_one_release_together():
    channel("romeo")
    sync_vcard()
    # Made this moment, however slow the machine is.
    Release.objects.update(created_at=timezone.now() + timedelta(seconds=30))

    for name in ("juliet", "mario", "nurse"):
        channel(name)
        sync_vcard()

    assert Release.objects.count() == 1
    assert releases.behind()
    (message,) = waiting()
    assert message.headers["task"] == sync_vcard.name
    assert message.headers["eta"] > timezone.now().isoformat()


def test_what_was_gathered_is_released_once_it_is_due():
    channel("romeo")
    sync_vcard()
    Release.objects.update(created_at=timezone.now() + timedelta(seconds=30))
    channel("juliet")
    sync_vcard()
    Release.objects.update(created_at=timezone.now() - timedelta(seconds=30))

    sync_vcard()

    assert "juliet" in releases.live().body
    assert not releases.behind()


def test_a_bell_without_an_edit_does_nothing():
    channel("romeo")
    sync_vcard()
    Release.objects.update(created_at=timezone.now() + timedelta(seconds=30))

    sync_vcard()

    assert Release.objects.count() == 1
    assert waiting() == []
