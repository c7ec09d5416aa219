"""sync_vcard: a single edit at once, a burst together; thin_releases."""

from datetime import timedelta

import pytest
from django.utils import timezone
from kombu import Message

from buddies.models import Buddy, Release, Tree
from buddies.publishing import applying, live, releases
from buddies.publishing.releases import RETENTION_DAYS
from buddies.tasks import sync_vcard, thin_releases
from tests.buddies.conftest import channel
from tests.buddies.pages.campaign_client import Natale, due_now
from xmppservice.celery import app
from xmppservice.runtime.wakeups import SYNC_VCARD

pytestmark = pytest.mark.django_db


def waiting() -> list[Message]:
    """Take the waiting messages off the broker."""
    with app.connection_for_write() as broker, broker.channel() as channel:
        queue = app.amqp.queues[app.conf.task_default_queue].bind(channel)
        queue.declare()
        return list(iter(lambda: queue.get(no_ack=True), None))


@pytest.fixture(autouse=True)
def _quiet() -> None:
    waiting()


def test_the_wake_up_names_this_task():
    assert sync_vcard.name == SYNC_VCARD


def test_the_first_edit_is_released_at_once():
    channel("romeo")

    sync_vcard()

    assert Release.objects.count() == 1
    assert not releases.is_behind()
    assert waiting() == []


def test_a_burst_of_edits_waits_for_one_release():
    channel("romeo")
    sync_vcard()
    # As if just created, however slow the machine is.
    Release.objects.update(created_at=timezone.now() + timedelta(seconds=30))

    for name in ("juliet", "mario", "nurse"):
        channel(name)
        sync_vcard()

    assert Release.objects.count() == 1
    assert releases.is_behind()
    (message,) = waiting()
    assert message.headers["task"] == sync_vcard.name
    assert message.headers["eta"] > timezone.now().isoformat()


def test_a_burst_of_edits_is_released_when_due():
    channel("romeo")
    sync_vcard()
    Release.objects.update(created_at=timezone.now() + timedelta(seconds=30))
    channel("juliet")
    sync_vcard()
    Release.objects.update(created_at=timezone.now() - timedelta(seconds=30))

    sync_vcard()

    assert "juliet" in live.live_release().body
    assert not releases.is_behind()


def test_a_wake_up_without_an_edit_does_nothing():
    channel("romeo")
    sync_vcard()
    Release.objects.update(created_at=timezone.now() + timedelta(seconds=30))

    sync_vcard()

    assert Release.objects.count() == 1
    assert waiting() == []


def test_a_campaign_goes_live_when_due_even_right_after_a_release():
    channel("romeo")
    natale = Natale()
    natale.change("romeo", status="in love")
    moment = timezone.now() + timedelta(hours=1)
    applying.plan(natale.pk, "juliet", natale.digest, moment)
    sync_vcard()
    assert "in love" not in live.live_release().body
    due_now(natale.pk)

    sync_vcard()

    assert live.live_release().note == "Natale"
    assert "in love" in live.live_release().body
    assert Release.objects.count() == 2
    waiting()
    sync_vcard()
    assert waiting() == []


def test_a_schedule_is_released_at_its_time():
    channel("mario")
    channel("romeo", visible_from=timezone.now() + timedelta(hours=1))
    sync_vcard()
    over = timezone.now() - timedelta(seconds=30)
    Release.objects.update(created_at=over)
    Buddy.objects.filter(name="romeo").update(visible_from=over)
    Tree.objects.update(next_at=over)

    sync_vcard()

    assert "romeo" in live.live_release().body
    assert not releases.is_behind()


@pytest.mark.parametrize("old", [0, 1])
def test_the_number_of_deleted_releases_is_logged_unless_zero(caplog, old):
    for _number in range(old + 1):
        Release.objects.create(body="", digest="", size=0)
    moment = timezone.now() - timedelta(days=RETENTION_DAYS + 1)
    Release.objects.update(created_at=moment)

    with caplog.at_level("INFO", "buddies.tasks"):
        thin_releases()

    assert Release.objects.count() == 1
    logged = [f"{old} old automatic releases deleted"] if old else []
    assert [record.getMessage() for record in caplog.records] == logged
