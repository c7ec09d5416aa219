"""The tree of groups and channels, its one lock row, and its releases."""

import uuid
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from tree_queries.fields import TreeNodeForeignKey
from tree_queries.query import TreeQuerySet

from xmppservice.protocol.xml import illegal_character

# Clients have parsers of their own, and few of these nest deeper.
MAX_LEVELS = 200


def legal_xml(text: str) -> None:
    """Refuse characters that no stanza can carry (XML 1.0, 2.2)."""
    if character := illegal_character(text):
        raise ValidationError(
            _("Contains the control character U+%(code)s, which XMPP can't transmit."),
            code="illegal_xml",
            params={"code": f"{ord(character):04X}"},
        )


def plausible(moment: datetime) -> None:
    """Refuse mistyped years, and dates that no time zone can convert."""
    # In UTC, whose year does not depend on how a moment was written.
    if not 2000 <= moment.astimezone(UTC).year <= 2100:
        raise ValidationError(_("Choose a date between 2000 and 2100."))


def new_address() -> str:
    return str(uuid.uuid4())


class Buddy(models.Model):  # type: ignore[django-manager-missing]  # tree_queries is untyped
    """One entry of the tree that clients show: a group or a channel.

    ``address`` and ``server_address`` are opaque to this service. A client
    sends to ``server_address`` with ``address`` as the thread; when
    ``server_address`` is empty it sends to ``address`` itself.

    Writes go through :mod:`buddies.tree.edits`, and are judged by
    :mod:`buddies.document.judgement`. Triggers (migrations) ensure that channels have
    no children and that there are no cycles.

    Source: contract, 1.
    """

    class Type(models.TextChoices):
        GROUP = "group", _("group")
        CHANNEL = "channel", _("channel")

    parent = TreeNodeForeignKey(
        "self",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="children",
        verbose_name=_("inside"),
        help_text=_("The group that contains it; leave blank for the top level."),
    )
    # Only the order matters: there are gaps between neighbours.
    position = models.BigIntegerField(default=0, editable=False)
    version = models.PositiveBigIntegerField(
        default=0,
        editable=False,
        db_index=True,
        help_text="The tree's version that the last edit of this entry made.",
    )
    key = models.UUIDField(
        default=uuid.uuid4,
        unique=True,
        editable=False,
        help_text="What the log and campaigns know it by, whatever its address.",
    )
    address = models.CharField(
        _("address"),
        max_length=255,
        unique=True,
        error_messages={"unique": _("This address is already taken.")},
        blank=True,
        validators=[legal_xml],
        help_text=_("Address that apps send messages to. Leave blank to generate one."),
    )
    server_address = models.CharField(
        _("server address"),
        max_length=255,
        blank=True,
        validators=[legal_xml],
        help_text=_(
            "If set, apps send messages here, with the address above as the thread."
        ),
    )
    type = models.CharField(_("type"), max_length=7, choices=Type, default=Type.CHANNEL)
    mobile_is_published = models.BooleanField(_("mobile"), default=False)
    web_is_published = models.BooleanField(_("web"), default=False)
    visible_from = models.DateTimeField(
        _("visible from"),
        null=True,
        blank=True,
        validators=[plausible],
        help_text=_("Hidden until then, with everything inside it."),
    )
    visible_until = models.DateTimeField(
        _("visible until"),
        null=True,
        blank=True,
        validators=[plausible],
        help_text=_("Hidden from then on, with everything inside it."),
    )
    name = models.CharField(_("name"), max_length=255, validators=[legal_xml])
    status = models.CharField(
        _("status text"),
        max_length=1000,
        blank=True,
        validators=[legal_xml],
        help_text=_("Shown below the name."),
    )
    # Plain text: the contract's own examples are not valid URLs.
    image_url = models.CharField(
        _("image address"), max_length=2000, blank=True, validators=[legal_xml]
    )
    thumb_url = models.CharField(
        _("thumbnail address"), max_length=2000, blank=True, validators=[legal_xml]
    )
    default_message = models.TextField(
        _("default message"),
        blank=True,
        validators=[legal_xml],
        help_text=_("The channel's first message, shown before anyone writes."),
    )

    objects = TreeQuerySet.as_manager()  # type: ignore[django-manager-missing]  # tree_queries is untyped

    class Meta:
        ordering = ("position", "pk")
        verbose_name = _("channel or group")
        verbose_name_plural = _("channels and groups")
        permissions = (
            ("change_address", _("Can change addresses that apps already use")),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(type__in=("group", "channel")), name="buddy_type_is_known"
            ),
            # Nothing is sent to a group.
            models.CheckConstraint(
                condition=Q(type="channel") | Q(server_address=""),
                name="group_has_no_server_address",
                violation_error_message=_("A group can't have a server address."),
            ),
            models.CheckConstraint(
                condition=Q(type="channel") | Q(default_message=""),
                name="group_has_no_default_message",
                violation_error_message=_("A group can't have a default message."),
            ),
            models.CheckConstraint(
                condition=~Q(address=""), name="buddy_has_an_address"
            ),
            models.CheckConstraint(
                condition=Q(visible_from=None)
                | Q(visible_until=None)
                | Q(visible_until__gt=models.F("visible_from")),
                name="buddy_is_visible_from_before_until",
                violation_error_message=_(
                    "“Visible until” must be later than “Visible from”."
                ),
            ),
        )

    def __str__(self) -> str:
        return self.name or self.address

    def validate_constraints(self, exclude: Any = None) -> None:
        """Leave constraints to the database: the judgement names the field, too."""

    @property
    def is_published(self) -> bool:
        """Whether a flag is on. Without one the entry is a draft."""
        return self.mobile_is_published or self.web_is_published

    def is_due(self, at: datetime) -> bool:
        """Whether its schedule makes it visible at a moment."""
        begun = self.visible_from is None or self.visible_from <= at
        return begun and (self.visible_until is None or at < self.visible_until)


class HistoricalBuddy(models.Model):
    """An entry after an edit, or as it was deleted: :mod:`buddies.tree.history`.

    The editor is a name, because not every editor is a user ("command line").
    Keys are plain numbers, because the rows may have been deleted.
    """

    history_id = models.BigAutoField(primary_key=True)
    history_date = models.DateTimeField(db_index=True)
    history_type = models.CharField(max_length=1)
    history_user_id = models.CharField(max_length=150, db_index=True)
    history_change_reason = models.CharField(max_length=100, null=True)  # noqa: DJ001  (the first records have none)

    id = models.BigIntegerField(db_index=True)
    parent_id = models.BigIntegerField(null=True, db_index=True)
    position = models.BigIntegerField()
    version = models.PositiveBigIntegerField(db_index=True)
    key = models.UUIDField(db_index=True)
    address = models.CharField(max_length=255, db_index=True)
    server_address = models.CharField(max_length=255)
    type = models.CharField(max_length=7)
    mobile_is_published = models.BooleanField()
    web_is_published = models.BooleanField()
    visible_from = models.DateTimeField(null=True)
    visible_until = models.DateTimeField(null=True)
    name = models.CharField(max_length=255)
    status = models.CharField(max_length=1000)
    image_url = models.CharField(max_length=2000)
    thumb_url = models.CharField(max_length=2000)
    default_message = models.TextField()

    class Meta:
        ordering = ("-history_date", "-history_id")
        verbose_name = _("history record")
        verbose_name_plural = _("history records")

    def __str__(self) -> str:
        return f"{self.history_type}{self.name}"

    @property
    def buddy(self) -> Buddy:
        """The entry as it was."""
        names = [field.attname for field in Buddy._meta.fields]
        return Buddy(**{name: getattr(self, name) for name in names})


class Tree(models.Model):
    """The one row that every write to the tree locks.

    ``version`` grows with each accepted state. ``built`` is the newest version
    that was checked for a release, and ``next_at`` is when the schedule of an
    entry makes that check outdated. ``editors`` maps the editors since the last
    release to the version of their last edit.

    ``refused`` is why the newest state is not live, and ``size`` its stanza's size in
    bytes.
    """

    class Refused(models.TextChoices):
        TOO_LARGE = "too_large", _("The document is too large.")
        TOO_DEEP = "too_deep", _("The tree has too many levels.")

    version = models.PositiveBigIntegerField(default=1)
    built = models.PositiveBigIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    editors = models.JSONField(default=dict)
    refused = models.CharField(max_length=9, choices=Refused, blank=True)
    size = models.PositiveIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = (
            models.CheckConstraint(condition=Q(pk=1), name="there_is_one_tree"),
        )

    def __str__(self) -> str:
        return f"version {self.version}"

    def is_built(self, at: datetime) -> bool:
        """Whether what clients read at a moment was built of this version."""
        is_outdated = self.next_at is not None and self.next_at < at
        return self.built >= self.version and not is_outdated

    @classmethod
    def locked(cls) -> "Tree":
        """Return the row, locked until the end of the transaction."""
        return cls.objects.select_for_update().get_or_create(pk=1)[0]


class Release(models.Model):
    """An immutable state of the document. The newest one is live.

    ``body`` is what a client reads in DESC, byte for byte; ``digest`` its
    SHA-256 in hexadecimal; ``size`` counts the bytes of its vCard stanza.
    ``live_at`` is when the XMPP process took it. An ``automatic`` release was
    made from an edit or a schedule, and its ``note`` names the other editors. All
    others are campaigns, or older releases again. One that is ``pinned`` is kept for
    ever, as those that a person published are.
    """

    number = models.BigAutoField(_("version"), primary_key=True)
    body = models.TextField()
    digest = models.CharField(max_length=64)
    size = models.PositiveIntegerField(_("size"))
    author = models.CharField(_("by"), max_length=150, blank=True)
    note = models.CharField(_("note"), max_length=1000, blank=True)
    automatic = models.BooleanField(_("automatic"), default=True)
    name = models.CharField(
        _("name"),
        max_length=80,
        blank=True,
        validators=[legal_xml],
        help_text=_("For your colleagues; apps never see it."),
    )
    pinned = models.BooleanField(
        _("pinned"), default=False, help_text=_("Pinned versions are kept for ever.")
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    live_at = models.DateTimeField(_("live since"), null=True, blank=True)

    class Meta:
        ordering = ("-number",)
        verbose_name = _("version")
        verbose_name_plural = _("versions")
        permissions = (
            ("publish_release", _("Can publish and plan campaigns, and go back")),
        )

    def __str__(self) -> str:
        text = gettext("version %(number)s") % {"number": self.number}
        return f"{text}, “{self.name}”" if self.name else text

    @property
    def remark(self) -> str:
        """The note; an automatic one is in the reader's language."""
        if not self.automatic or not self.note:
            return self.note
        return gettext("includes edits by %(names)s") % {"names": self.note}
