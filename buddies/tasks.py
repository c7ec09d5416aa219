import logging

from celery import shared_task
from django.core.cache import cache

from buddies.publishing import releases, review

logger = logging.getLogger(__name__)

# Seconds between two releases: a burst of edits makes a handful of them.
APART_SECONDS = 1.0


@shared_task
def sync_vcard() -> None:
    """Make the release of the tree as it stands, and wake the XMPP process.

    The first edit after a quiet second is released at once; those that follow
    it closely are gathered. The last one always gets its release.
    """
    if not releases.behind():
        return
    review.publish_planned()
    if not releases.behind():
        return
    wait = releases.due_in(APART_SECONDS)
    if not wait:
        releases.sync()
    elif cache.add("sync_vcard.waits", True, timeout=wait):
        # A moment later than the mark above is gone, so that no edit slips between.
        sync_vcard.apply_async(countdown=wait + 0.05)


@shared_task
def thin_releases() -> None:
    """Delete what nobody will ask for of the automatic releases of long ago."""
    if count := releases.thin():
        logger.info("%d old automatic releases deleted", count)
