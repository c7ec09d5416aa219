"""The state of the service's stream, for all processes."""

from datetime import timedelta

from django.db import models
from django.utils import timezone

HEARTBEAT = timedelta(seconds=5)
# Without an update for this long the owner counts as dead.
SILENCE = 3 * HEARTBEAT


class StreamStatus(models.Model):
    """The state of a JID's stream, as last written by its owner: one row per JID.

    ``ready``: stanzas can be sent. ``privileged``: stanzas can read and write
    rosters (XEP-0356). ``companions`` are the domains with our module for Prosody.
    ``driver`` names the roster driver; ``missing`` says what it
    lacks, in one line or several, and ``lacking`` by domain. ``sessions`` counts all
    sessions so far, ``refused`` all commands refused because others waited too long.
    ``reason`` says why the last session ended, or could not begin.
    """

    jid = models.CharField("JID", max_length=2047, primary_key=True)
    process = models.CharField(max_length=300, blank=True)
    ready = models.BooleanField(default=False)
    privileged = models.BooleanField(default=False)
    companions = models.JSONField(default=list)
    driver = models.CharField(max_length=100, blank=True)
    missing = models.TextField(blank=True)
    lacking = models.JSONField(default=dict)
    reason = models.TextField(blank=True, default="")
    sessions = models.PositiveIntegerField(default=0)
    refused = models.PositiveBigIntegerField(default=0)
    since = models.DateTimeField(null=True, blank=True)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "xmppservice_stream"
        default_permissions = ()

    def __str__(self) -> str:
        return self.jid

    @property
    def alive(self) -> bool:
        """Whether its owner has written recently."""
        return self.seen_at > timezone.now() - SILENCE
