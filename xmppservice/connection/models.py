"""What every process may know of the service's stream."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

HEARTBEAT = timedelta(seconds=5)
# A process that has died writes nothing any more.
SILENCE = 3 * HEARTBEAT


class StreamStatus(models.Model):
    """The stream of a JID, as the process that owns it last wrote: one row a JID.

    ``ready``: stanzas can be sent. ``privileged``: rosters can be read and
    written by stanzas (XEP-0356). ``driver`` keeps the rosters; ``missing`` says
    in one sentence what it lacks. ``sessions`` counts them since the first one.
    """

    jid = models.CharField("JID", max_length=2047, primary_key=True)
    process = models.CharField(max_length=300, blank=True)
    ready = models.BooleanField(default=False)
    privileged = models.BooleanField(default=False)
    driver = models.CharField(max_length=100, blank=True)
    missing = models.TextField(blank=True)
    sessions = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "xmppservice_stream"
        default_permissions = ()

    def __str__(self) -> str:
        return self.jid

    @property
    def alive(self) -> bool:
        """Whether its owner has written lately."""
        return self.seen_at > timezone.now() - SILENCE
