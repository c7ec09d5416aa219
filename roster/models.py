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
MAX_JID_LENGTH = 2047


def is_bare_jid(text: str) -> None:
    normal = bare_jid(text)
    if normal != text or not local_of(text):
        raise ValidationError(
            _("Enter a JID without a resource, such as 00393471111111@localhost.")
        )


class Account(models.Model):
    """A registered user of a served domain, as far as we know.

    ``checked_at`` is when the XMPP server last reported on it, None if it was only
    added here; ``gone_at`` is since when the server no longer has it. Such a row is
    kept for a while, with its budget and with what staff switched off.
    ``purged`` means that its data was deleted since then. ``returned_at`` is when it
    registered anew, until staff or a notice says whether it has another holder;
    ``holder_since`` is the time of the latest such notice.
    ``announced`` means that the holders of its number are queued (LateJoin).
    ``budget`` is what was left of the owner's discovery budget, in numbers, at
    ``budget_at``. ``foreign_added`` new contacts of domains that are not served were
    added on the day ``foreign_on`` (UTC).
    """

    jid = models.CharField(
        "JID", max_length=MAX_JID_LENGTH, unique=True, validators=[is_bare_jid]
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
    purged = models.BooleanField(default=False, db_default=False, editable=False)
    returned_at = models.DateTimeField(
        _("registered anew on"), null=True, blank=True, editable=False
    )
    holder_since = models.DateTimeField(null=True, blank=True, editable=False)
    announced = models.BooleanField(default=False, editable=False)
    last_seen = models.DateTimeField(
        _("last seen"), null=True, blank=True, editable=False
    )
    budget = models.FloatField(null=True, blank=True, editable=False)
    budget_at = models.DateTimeField(null=True, blank=True, editable=False)
    foreign_added = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    foreign_on = models.DateField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("jid",)
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        indexes = (
            # Accounts to check with the XMPP server next.
            models.Index(fields=("checked_at",), name="account_by_check"),
            models.Index(
                fields=("id",),
                name="account_unannounced",
                condition=Q(
                    announced=False, gone_at=None, enabled=True, discoverable=True
                ),
            ),
            models.Index(
                fields=("gone_at",),
                name="account_to_purge",
                condition=Q(gone_at__isnull=False, purged=False),
            ),
            # Listed for staff.
            models.Index(
                fields=("returned_at",),
                name="account_returned",
                condition=Q(returned_at__isnull=False),
            ),
        )

    # Fields edited by hand. The rest may change meanwhile and is not written back.
    EDITED = ("jid", "msisdn", "name", "enabled", "discoverable", "announced")

    def __str__(self) -> str:
        return self.jid

    @property
    def visible(self) -> bool:
        """Whether others may find this user: registered, enabled, discoverable."""
        return self.gone_at is None and self.enabled and self.discoverable

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        number = msisdn.parse(self.jid)
        typed = msisdn.jid_of(number, settings.XMPP_DOMAINS[0]) if number else self.jid
        self.jid = parse_jid(typed) or self.jid
        super().clean_fields(exclude)

    def clean(self) -> None:
        if domain_of(self.jid) not in settings.XMPP_DOMAINS:
            reason = _("The domain must be one of XMPP_DOMAINS.")
            raise ValidationError({"jid": reason})
        self.msisdn = msisdn.of_account(self.jid) or ""
        # An account that becomes visible or changes its JID is announced again.
        self.announced = (
            self.announced
            and self.visible
            and Account.objects.filter(pk=self.pk, jid=self.jid).exists()
        )


class Listing(models.Model):
    """When the XMPP server last listed all accounts of a domain, if it can.

    What was learnt before ``renew_at`` is checked again.
    """

    domain = models.CharField(max_length=1023, unique=True)
    listed_at = models.DateTimeField(null=True)
    renew_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.domain


class AddressBookEntry(models.Model):
    """A contact of an owner, as a keyed digest, kept for late joins.

    ``digest`` is an HMAC-SHA-256, 32 bytes, under the key that ``key`` names.
    ``asked_at`` is when the owner's discovery budget was charged for it, so that
    asking again is free; ``hit`` is whether it was a user at the last lookup.
    ``prefix`` is a keyed digest, 15 bits, of a number without its last digits: it
    shows which numbers of this owner are neighbours, but not where. ``seen_at`` is
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
            # The holders of a number that joins.
            models.Index(fields=("digest",), name="entry_by_digest"),
            # Expired entries, and those under a dropped key.
            models.Index(fields=("key", "seen_at"), name="entry_by_key"),
        )

    def __str__(self) -> str:
        return f"{self.owner_id}: {bytes(self.digest).hex()[:8]}"


class Flag(models.Model):
    """A flag for apparent number enumeration: no new lookups until it is cleared.

    ``reasons``: a list of objects as roster.discovery.detector returns them.
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
    """An owner's roster to check, because a number on it has become a user.

    ``place`` is the owner's place among all holders of that number. The smallest go
    first, so that a number that many hold does not delay the others.
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
    """A subscriber to the service's presence, notified of new releases.

    ``told`` is the number of the newest release they were notified of.
    """

    jid = models.CharField(max_length=MAX_JID_LENGTH, unique=True)
    told = models.PositiveBigIntegerField()

    def __str__(self) -> str:
        return self.jid


class Reach(models.Model):
    """How a release spread: counts only, nothing by person.

    ``samples`` are [seconds after ``began_at``, told, read], as they grew.
    ``subscribers`` is how many there were; ``is_read_known`` whether this service
    answered those who read it, or the XMPP server.
    """

    number = models.PositiveBigIntegerField(primary_key=True)
    began_at = models.DateTimeField(db_index=True)
    subscribers = models.PositiveIntegerField(default=0)
    is_read_known = models.BooleanField(default=True)
    samples = models.JSONField(default=list)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"version {self.number}"


class Load(models.Model):
    """How far a file of accounts has been loaded, so that a restart resumes there.

    ``file`` is a digest of its content, ``offset`` in bytes.
    """

    file = models.CharField(max_length=64, primary_key=True)
    offset = models.BigIntegerField(default=0)
    loaded_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.file[:8]} {self.offset}"


class Claim(models.Model):
    """The right to run an owner's commands: one per owner, until it expires."""

    token = models.UUIDField(primary_key=True)
    owner = models.CharField(max_length=MAX_JID_LENGTH, unique=True)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.owner} until {self.expires_at:%H:%M:%S}"


class Command(models.Model):
    """A client's command, from its arrival to the confirmed answer.

    received → running → done → sent; ``dead`` after the last attempt failed
    (its answer is sent too). ``sender`` is the full JID of the latest repeat.
    ``final`` is false for an answer that a repeat does not get again. ``key`` is
    a keyed digest of owner, command, id and payload; it outlives the payload.
    ``received_at`` is since when it is open: a repeat of a done command, or a retry
    of a dead one, reopens it.

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
    owner = models.CharField(_("owner"), max_length=MAX_JID_LENGTH)
    sender = models.TextField(_("sender"))
    stanza_id = models.TextField(_("stanza id"), blank=True)
    thread = models.TextField(_("thread"), blank=True)
    message_type = models.CharField(_("message type"), max_length=8)
    namespace = models.TextField(_("namespace"), blank=True)
    envelope_type = models.TextField(_("envelope type"), blank=True)
    envelope_action = models.TextField(_("envelope action"), blank=True)
    command = models.TextField(_("command"), blank=True)
    payload = models.TextField(blank=True)
    # Bytes of everything that the client sent.
    size = models.PositiveIntegerField(default=0, db_default=0, editable=False)
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
            # Waiting commands, the oldest first: queried by every claim. By the index
            # of states PostgreSQL expects to jump about in the table: once it knows of
            # a backlog, it would read sent commands, too, in the order of their keys.
            models.Index(
                fields=("id",), name="command_received", condition=Q(state="received")
            ),
            models.Index(fields=("state", "id"), name="command_by_state"),
            models.Index(
                fields=("owner", "state", "id"),
                name="command_by_owner",
                # Lets PostgreSQL search for the beginning of a JID, too.
                opclasses=("varchar_pattern_ops", "varchar_ops", "int8_ops"),
            ),
            # Queried by pump_out at every wake-up.
            models.Index(
                fields=("id",),
                name="command_unsent",
                condition=Q(state__in=("done", "dead"), sent_at=None),
            ),
            # The command that has waited longest: queried by every probe.
            models.Index(
                fields=("received_at",),
                name="command_waiting",
                condition=Q(sent_at=None, attempts=0),
            ),
            # Recently sent commands, and those old enough to delete.
            models.Index(
                fields=("sent_at",),
                name="command_by_sent",
                condition=Q(sent_at__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.command or self._meta.verbose_name} {self.pk}"
