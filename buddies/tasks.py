import logging

from celery import shared_task
from django.core.cache import cache

from buddies import answerers
from buddies.publishing import applying, releases
from xmppservice.rosters.configured import driver

logger = logging.getLogger(__name__)

# Seconds between two releases, so that a burst of edits makes only a few.
RELEASE_INTERVAL_SECONDS = 1.0


@shared_task
def sync_vcard() -> None:
    """Make a release of the current tree, and wake the XMPP process.

    The first edit after a quiet second is released at once; edits that follow
    closely are combined. The last edit is always released.
    """
    if not releases.is_behind():
        return
    applying.publish_due()
    if not releases.is_behind():
        return
    wait = releases.seconds_until_due(RELEASE_INTERVAL_SECONDS)
    if not wait:
        releases.sync()
    elif cache.add("sync_vcard.waits", True, timeout=wait):
        # Just after the key above expires, so that no edit is missed in between.
        sync_vcard.apply_async(countdown=wait + 0.05)


# Less than the minute between two runs.
CHECK_SECONDS = 30.0


@shared_task
def check_answerers() -> None:
    """Ask the XMPP server which channels nobody answers."""
    answerers.refresh(driver(), CHECK_SECONDS)


@shared_task
def thin_releases() -> None:
    """Delete old automatic releases, except the last one of each day."""
    if count := releases.thin():
        logger.info("%d old automatic releases deleted", count)
