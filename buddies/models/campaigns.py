"""Campaigns: each one only its differences from what is live."""

from datetime import datetime

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from buddies.models.tree import Release

COLOURS = 8
NAME_IS_TAKEN = _("Another campaign has this name.")


class Campaign(models.Model):
    """Changes of the tree that go live together, at a moment or when staff say so.

    ``version`` grows with each edit of it. ``blocked`` is why it did not go live, or
    did not end, at its moment; then it waits for a person. ``tree_version`` is the
    tree's version that its publication made, ``ended_version`` the one that ended it;
    if an undo did, ``kept_end`` is when it was to end, for a redo. A campaign that
    ``takes_back`` another one ends it when it goes live.
    """

    class State(models.TextChoices):
        OPEN = "open", _("in preparation")
        PLANNED = "planned", _("planned")
        PUBLISHED = "published", _("live")
        ENDED = "ended", _("ended")
        DISCARDED = "discarded", _("discarded")

    class Blocked(models.TextChoices):
        CONFLICTS = "conflicts", _("decisions are missing")
        APPROVALS = "approvals", _("approvals are missing")
        FAULT = "fault", _("an entry has a fault")
        MISSED = "missed", _("its end had passed, too")
        TOO_LARGE = "too_large", _("the document is too large")
        TOO_DEEP = "too_deep", _("the tree has too many levels")

    name = models.CharField(_("name"), max_length=80)
    colour = models.PositiveSmallIntegerField(
        _("colour"),
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(COLOURS)],
    )
    note = models.CharField(
        _("note"),
        max_length=1000,
        blank=True,
        help_text=_("For your colleagues; apps never see it."),
    )
    state = models.CharField(
        _("state"), max_length=9, choices=State, default=State.OPEN
    )
    due_at = models.DateTimeField(_("goes live"), null=True, blank=True)
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)
    version = models.PositiveBigIntegerField(default=0)
    blocked = models.CharField(max_length=9, choices=Blocked, blank=True)
    release = models.ForeignKey(
        Release, models.PROTECT, null=True, related_name="campaigns"
    )
    tree_version = models.PositiveBigIntegerField(null=True)
    ended_version = models.PositiveBigIntegerField(null=True)
    kept_end = models.DateTimeField(null=True)
    takes_back = models.ForeignKey(
        "self", models.SET_NULL, null=True, related_name="taken_back_by"
    )
    created_by = models.CharField(max_length=150)
    created_at = models.DateTimeField(auto_now_add=True)
    planned_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering = ("due_at", "pk")
        verbose_name = _("campaign")
        verbose_name_plural = _("campaigns")
        default_permissions = ()
        permissions = (
            ("edit_live", _("Can edit what is live")),
            ("edit_campaign", _("Can make and edit campaigns")),
            ("approve_campaign", _("Can approve campaigns")),
            ("break_glass", _("Can publish without approval, which is logged")),
        )
        constraints = (
            models.CheckConstraint(
                condition=Q(state="planned", due_at__isnull=False)
                | (~Q(state="planned") & Q(due_at=None)),
                name="campaign_is_planned_for_a_moment",
            ),
            models.CheckConstraint(
                condition=Q(due_at=None) | Q(ends_at=None) | Q(ends_at__gt=F("due_at")),
                name="campaign_ends_after_it_begins",
                violation_error_message=_("A campaign must end after it goes live."),
            ),
            models.CheckConstraint(
                condition=Q(state__in=("published", "ended"), release__isnull=False)
                | (~Q(state__in=("published", "ended")) & Q(release=None)),
                name="campaign_went_live_with_a_release",
            ),
            models.CheckConstraint(
                condition=Q(colour__gte=1, colour__lte=COLOURS),
                name="campaign_has_a_colour",
            ),
            models.UniqueConstraint(
                Lower("name"),
                condition=Q(state__in=("open", "planned")),
                name="campaign_name_is_unique",
                violation_error_message=NAME_IS_TAKEN,
            ),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def is_editable(self) -> bool:
        return self.state in (self.State.OPEN, self.State.PLANNED)

    @classmethod
    def editable(cls) -> "models.QuerySet[Campaign]":
        """Those that are prepared: the planned first, in the order of their moments."""
        return cls.objects.filter(
            state__in=(cls.State.OPEN, cls.State.PLANNED)
        ).order_by(F("due_at").asc(nulls_last=True), "pk")

    @classmethod
    def due(cls, now: datetime) -> "models.QuerySet[Campaign]":
        """Those to be published at a moment, the earliest first."""
        return cls.objects.filter(
            state=cls.State.PLANNED, due_at__lte=now, blocked=""
        ).order_by("due_at", "pk")

    @classmethod
    def ending(cls, now: datetime) -> "models.QuerySet[Campaign]":
        """Those to be taken back at a moment, the earliest first."""
        return cls.objects.filter(
            state=cls.State.PUBLISHED, ends_at__lte=now, blocked=""
        ).order_by("ends_at", "pk")


class Difference(models.Model):
    """What a campaign changes of one entry, known by its key.

    ``fields`` of a changed entry (``~``) maps each field to ``{"was": [values],
    "now": value}``: the live values that it knowingly departs from, and what it
    becomes. Those of an added entry (``+``) are its values; those of a deleted one
    (``-``) the values that were seen when it was deleted.

    :mod:`buddies.campaigns.rows` reads and writes them: no query looks into them.
    """

    class Kind(models.TextChoices):
        ADDED = "+"
        CHANGED = "~"
        REMOVED = "-"

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="differences")
    # No foreign key: the entry may be deleted, or not there yet.
    key = models.UUIDField(db_index=True)
    kind = models.CharField(max_length=1, choices=Kind)
    fields = models.JSONField()
    version = models.PositiveBigIntegerField(
        help_text="The campaign's version that the last edit of this row made."
    )

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("campaign", "key"), name="campaign_has_one_difference_an_entry"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=("+", "~", "-")), name="difference_kind_is_known"
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind}{self.key}"


class Arrangement(models.Model):
    """The order that a campaign gives to a group: the keys as they were, and will be.

    ``group`` is the group's key, empty for the top level.
    """

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="arrangements")
    # Not null, so that no database takes two top levels for different ones.
    group = models.CharField(max_length=36, blank=True)
    was = models.JSONField()
    now = models.JSONField()
    version = models.PositiveBigIntegerField()

    class Meta:
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("campaign", "group"), name="campaign_has_one_order_a_group"
            ),
        )

    def __str__(self) -> str:
        return self.group


class DifferenceLog(models.Model):
    """A row of a campaign before and after an edit. Never changed."""

    class About(models.TextChoices):
        ENTRY = "entry"
        ORDER = "order"

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="log")
    version = models.PositiveBigIntegerField()
    about = models.CharField(max_length=5, choices=About)
    key = models.CharField(max_length=36, blank=True)
    name = models.CharField(max_length=255, blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    editor = models.CharField(max_length=150)
    at = models.DateTimeField()
    reason = models.CharField(max_length=100, blank=True)

    class Meta:
        ordering = ("campaign", "version", "pk")
        default_permissions = ()
        indexes = (
            models.Index(fields=("campaign", "version")),
            models.Index(fields=("campaign", "key")),
        )

    def __str__(self) -> str:
        return f"{self.campaign_id}/{self.version} {self.key}"


class Approval(models.Model):
    """Somebody looked at a campaign and approved it as it was: see its digest."""

    campaign = models.ForeignKey(Campaign, models.CASCADE, related_name="approvals")
    digest = models.CharField(max_length=64)
    by = models.CharField(max_length=150)
    at = models.DateTimeField(auto_now_add=True)
    note = models.CharField(max_length=1000, blank=True)

    class Meta:
        ordering = ("at",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(
                fields=("campaign", "digest", "by"), name="approved_once_by_each"
            ),
        )

    def __str__(self) -> str:
        return self.by
