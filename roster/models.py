"""Accounts, their address books, and the ledger of commands."""

from collections.abc import Collection

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone

from roster import msisdn
from xmppservice import stanzas

# Localpart, "@" and domainpart of 1023 bytes each (RFC 7622, 3.1).
BARE_JID = 2047


def is_bare_jid(text: str) -> None:
    normal = stanzas.bare_jid(text)
    if normal != text or not stanzas.local(text):
        raise ValidationError("Must be a bare JID, like 00393471111111@localhost.")


class Account(models.Model):
    """A registered user of a served domain, as far as we know.

    ``budget`` is what is left of the owner's discovery budget, in numbers, as
    of ``budget_at``. ``checked_at`` is set when the XMPP server told us; it is
    asked again after a while. Accounts without it were given to us.
    """

    jid = models.CharField(
        "JID", max_length=BARE_JID, unique=True, validators=[is_bare_jid]
    )
    msisdn = models.CharField(
        "MSISDN", max_length=16, blank=True, db_index=True, editable=False
    )
    name = models.CharField(max_length=255, blank=True)
    enabled = models.BooleanField(default=True)
    discoverable = models.BooleanField(default=True)
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_seen = models.DateTimeField(null=True, blank=True, editable=False)
    budget = models.FloatField(null=True, blank=True, editable=False)
    budget_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("jid",)

    def __str__(self) -> str:
        return self.jid

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        self.jid = stanzas.jid(self.jid) or self.jid
        super().clean_fields(exclude)

    def clean(self) -> None:
        if stanzas.domain(self.jid) not in settings.XMPP_DOMAINS:
            raise ValidationError({"jid": "Must be in a served domain (XMPP_DOMAINS)."})
        self.msisdn = msisdn.of_jid(self.jid) or ""


class AddressBookEntry(models.Model):
    """A contact that an owner has, as a keyed digest: for those who join late.

    ``asked`` says that the owner's discovery budget was charged for it, so
    that asking again is free.
    """

    owner = models.CharField(max_length=BARE_JID)
    digest = models.CharField(max_length=64, db_index=True)
    asked = models.BooleanField(default=False)
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "digest"), name="one_entry_per_owner_and_contact"
            ),
        )

    def __str__(self) -> str:
        return f"{self.owner}: {self.digest[:8]}"


class Claim(models.Model):
    """The right to run an owner's commands: one an owner, until it expires."""

    token = models.UUIDField(primary_key=True)
    owner = models.CharField(max_length=BARE_JID, unique=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.owner} until {self.expires_at:%H:%M:%S}"


class Command(models.Model):
    """One command of a client, from its arrival to the confirmed answer.

    received → running → done → sent; ``dead`` after the last attempt failed
    (its answer is sent too). ``sender`` is the full JID of the latest repeat.
    ``final`` is false for an answer that a repeat does not get again. ``key`` is
    a keyed digest of who asked what with which id; it outlives the payload.

    Source: contract, 2.
    """

    class State(models.TextChoices):
        RECEIVED = "received"
        RUNNING = "running"
        DONE = "done"
        SENT = "sent"
        DEAD = "dead"

    key = models.CharField(max_length=64, unique=True)
    state = models.CharField(max_length=8, choices=State, default=State.RECEIVED)
    owner = models.CharField(max_length=BARE_JID)
    sender = models.TextField()
    stanza_id = models.TextField(blank=True)
    thread = models.TextField(blank=True)
    message_type = models.CharField(max_length=8)
    namespace = models.TextField(blank=True)
    envelope_type = models.TextField(blank=True)
    envelope_action = models.TextField(blank=True)
    command = models.TextField(blank=True)
    payload = models.TextField(blank=True)
    claim = models.ForeignKey(Claim, models.SET_NULL, null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)
    error = models.CharField(max_length=200, blank=True)
    answer = models.TextField(blank=True)
    final = models.BooleanField(default=True)
    received_at = models.DateTimeField(default=timezone.now)
    done_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        indexes = (
            models.Index(fields=("state", "owner", "id"), name="command_by_state"),
            models.Index(fields=("owner", "state", "id"), name="command_by_owner"),
            # What pump_out asks for at every bell.
            models.Index(
                fields=("id",),
                name="command_unsent",
                condition=Q(state__in=("done", "dead"), sent_at=None),
            ),
        )

    def __str__(self) -> str:
        return f"{self.command or 'command'} {self.pk}"
