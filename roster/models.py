"""Accounts, their address books, and the queue of commands."""

from collections.abc import Collection

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from roster import msisdn
from xmppservice.protocol.jids import bare_jid, domain_of, local_of, parse_jid

# Localpart, "@" and domainpart of 1023 bytes each (RFC 7622, 3.1).
BARE_JID = 2047


def is_bare_jid(text: str) -> None:
    normal = bare_jid(text)
    if normal != text or not local_of(text):
        raise ValidationError(
            _("Enter a JID without a resource, such as 00393471111111@localhost.")
        )


class Account(models.Model):
    """A registered user of a served domain, as far as we know.

    ``checked_at`` is when the XMPP server last told us of it, None when it was only
    given to us; ``gone_at`` since when the server has it no more. Such a row is
    kept for a while: with its budget, and with what staff has switched off.
    ``announced`` says that the holders of its number are queued (LateJoin).
    ``budget`` is what is left of the owner's discovery budget, in numbers, as of
    ``budget_at``.
    """

    jid = models.CharField(
        "JID", max_length=BARE_JID, unique=True, validators=[is_bare_jid]
    )
    msisdn = models.CharField(
        "MSISDN", max_length=16, blank=True, db_index=True, editable=False
    )
    name = models.CharField(_("name"), max_length=255, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    discoverable = models.BooleanField(_("discoverable"), default=True)
    checked_at = models.DateTimeField(
        _("last checked"), null=True, blank=True, editable=False
    )
    gone_at = models.DateTimeField(
        _("gone since"), null=True, blank=True, editable=False
    )
    announced = models.BooleanField(default=False, editable=False)
    last_seen = models.DateTimeField(
        _("last seen"), null=True, blank=True, editable=False
    )
    budget = models.FloatField(null=True, blank=True, editable=False)
    budget_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("jid",)
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        indexes = (
            # Whom to ask the XMPP server about next.
            models.Index(fields=("checked_at",), name="account_by_check"),
            models.Index(
                fields=("id",),
                name="account_unannounced",
                condition=Q(
                    announced=False, gone_at=None, enabled=True, discoverable=True
                ),
            ),
        )

    # What is edited by hand. The rest changes meanwhile, and is not written back.
    EDITED = ("jid", "msisdn", "name", "enabled", "discoverable", "announced")

    def __str__(self) -> str:
        return self.jid

    @property
    def visible(self) -> bool:
        """Whether others may find this user: registered, enabled, discoverable."""
        return self.gone_at is None and self.enabled and self.discoverable

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        self.jid = parse_jid(self.jid) or self.jid
        super().clean_fields(exclude)

    def clean(self) -> None:
        if domain_of(self.jid) not in settings.XMPP_DOMAINS:
            reason = _("The domain must be one of XMPP_DOMAINS.")
            raise ValidationError({"jid": reason})
        self.msisdn = msisdn.of_jid(self.jid) or ""
        # Who can be found again, or is somebody else now, is told to all holders.
        self.announced = (
            self.announced
            and self.visible
            and Account.objects.filter(pk=self.pk, jid=self.jid).exists()
        )


class Listing(models.Model):
    """When the XMPP server last told all accounts of a domain, if it does.

    What was learnt before ``renew_at`` is asked about again.
    """

    domain = models.CharField(max_length=1023, unique=True)
    listed_at = models.DateTimeField(null=True)
    renew_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.domain


class AddressBookEntry(models.Model):
    """A contact that an owner has, as a keyed digest: for those who join late.

    ``digest`` is an HMAC-SHA-256, 32 bytes, under the key that ``key`` names.
    ``asked_at`` is when the owner's discovery budget was charged for it, so that
    asking again is free; ``hit`` whether it was a user when it was last asked about.
    ``prefix`` is a keyed digest, 15 bits, of a number without its last digits: it
    shows which numbers of this owner are neighbours, and not where. ``seen_at`` is
    when the owner last sent it, to within some weeks.
    """

    owner = models.ForeignKey(Account, models.CASCADE, db_index=False)
    digest = models.BinaryField(max_length=32)
    key = models.CharField(max_length=8)
    prefix = models.SmallIntegerField(null=True)
    asked_at = models.DateTimeField(null=True)
    hit = models.BooleanField(default=False)
    added_at = models.DateTimeField(default=timezone.now)
    seen_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "digest"), name="one_entry_per_owner_and_contact"
            ),
        )
        indexes = (
            # Who holds a number that joins.
            models.Index(fields=("digest",), name="entry_by_digest"),
            # What has expired, and what a dropped key leaves.
            models.Index(fields=("key", "seen_at"), name="entry_by_key"),
        )

    def __str__(self) -> str:
        return f"{self.owner_id}: {bytes(self.digest).hex()[:8]}"


class Flag(models.Model):
    """An owner who seems to try numbers out: nothing new is answered until release.

    ``reasons``: a list of objects as roster.discovery.detector gives them.
    """

    owner = models.ForeignKey(Account, models.CASCADE, verbose_name=_("owner"))
    reasons = models.JSONField(_("reasons"), default=list)
    raised_at = models.DateTimeField(_("flagged on"), default=timezone.now)
    released_at = models.DateTimeField(_("cleared on"), null=True, blank=True)
    released_by = models.CharField(_("cleared by"), max_length=150, blank=True)

    class Meta:
        ordering = ("-raised_at",)
        verbose_name = _("flagged owner")
        verbose_name_plural = _("flagged owners")
        constraints = (
            models.UniqueConstraint(
                fields=("owner",),
                name="one_open_flag_per_owner",
                condition=Q(released_at=None),
            ),
        )

    def __str__(self) -> str:
        return str(self.owner)


class LateJoin(models.Model):
    """One holder of a number that has become a user: a roster to look at.

    ``place`` is the holder's place among all holders of that number. The smallest go
    first, so that a number that everybody has makes no other one wait.
    """

    joined = models.ForeignKey(Account, models.CASCADE, related_name="+")
    owner = models.ForeignKey(Account, models.CASCADE, related_name="+", db_index=False)
    place = models.PositiveIntegerField()
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("owner", "joined"), name="one_late_join_per_pair"
            ),
        )
        indexes = (models.Index(fields=("place", "id"), name="late_join_by_place"),)

    def __str__(self) -> str:
        return f"{self.joined_id} for {self.owner_id}"


class Subscriber(models.Model):
    """Who is told of a new release: subscribed to the service's presence.

    ``told`` is the number of the newest release that was told.
    """

    jid = models.CharField(max_length=BARE_JID, unique=True)
    told = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return self.jid


class Load(models.Model):
    """How far a file of accounts is loaded: who starts again goes on from there.

    ``file`` is a digest of its content, ``offset`` in bytes.
    """

    file = models.CharField(max_length=64, primary_key=True)
    offset = models.BigIntegerField(default=0)
    loaded_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.file[:8]} {self.offset}"


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
    ``received_at`` is since when it is open: a repeat once it is done, or another
    try of a dead one, opens it anew.

    Source: contract, 2.
    """

    class State(models.TextChoices):
        RECEIVED = "received", _("Received")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        SENT = "sent", _("Sent")
        DEAD = "dead", _("Dead")

    key = models.CharField(_("key"), max_length=64, unique=True)
    state = models.CharField(
        _("state"), max_length=8, choices=State, default=State.RECEIVED
    )
    owner = models.CharField(_("owner"), max_length=BARE_JID)
    sender = models.TextField(_("sender"))
    stanza_id = models.TextField(_("stanza id"), blank=True)
    thread = models.TextField(_("thread"), blank=True)
    message_type = models.CharField(_("message type"), max_length=8)
    namespace = models.TextField(_("namespace"), blank=True)
    envelope_type = models.TextField(_("envelope type"), blank=True)
    envelope_action = models.TextField(_("envelope action"), blank=True)
    command = models.TextField(_("command"), blank=True)
    payload = models.TextField(blank=True)
    claim = models.ForeignKey(Claim, models.SET_NULL, null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    not_before = models.DateTimeField(_("not before"), default=timezone.now)
    error = models.CharField(_("error"), max_length=200, blank=True)
    answer = models.TextField(_("answer"), blank=True)
    final = models.BooleanField(_("final"), default=True)
    received_at = models.DateTimeField(_("received at"), default=timezone.now)
    done_at = models.DateTimeField(_("done at"), null=True, blank=True)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        verbose_name = _("command")
        verbose_name_plural = _("commands")
        permissions = (("view_payload", _("Can read payloads and answers")),)
        indexes = (
            # Who waits, the longest first: asked for at every claim.
            models.Index(fields=("state", "id"), name="command_by_state"),
            models.Index(
                fields=("owner", "state", "id"),
                name="command_by_owner",
                # So that PostgreSQL finds the beginning of a JID by it, too.
                opclasses=("varchar_pattern_ops", "varchar_ops", "int8_ops"),
            ),
            # What pump_out asks for at every wake-up.
            models.Index(
                fields=("id",),
                name="command_unsent",
                condition=Q(state__in=("done", "dead"), sent_at=None),
            ),
            # The one that waits longest: asked for by every probe.
            models.Index(
                fields=("received_at",),
                name="command_waiting",
                condition=Q(sent_at=None, attempts=0),
            ),
            # What was sent of late, and what is old enough to go.
            models.Index(
                fields=("sent_at",),
                name="command_by_sent",
                condition=Q(sent_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.command or 'command'} {self.pk}"
