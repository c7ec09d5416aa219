"""The tree of groups and channels, its one lock row, and its releases."""

import uuid

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from tree_queries.fields import TreeNodeForeignKey
from tree_queries.query import TreeQuerySet

from xmppservice import stanzas

# A client parses the document with a parser of its own, and few go deeper.
MOST_LEVELS = 200


def legal_xml(text: str) -> None:
    """Refuse what no stanza can carry (XML 1.0, 2.2)."""
    if found := stanzas.illegal(text):
        raise ValidationError(
            "Contains the control character U+%(code)s, which XMPP cannot carry.",
            code="illegal_xml",
            params={"code": f"{ord(found):04X}"},
        )


def new_address() -> str:
    return str(uuid.uuid4())


class Buddy(models.Model):  # type: ignore[django-manager-missing]  # tree_queries
    """One entry of the tree a client draws: a group, or a channel.

    ``address`` and ``server_address`` are opaque to this service. A client
    sends to ``server_address`` with ``address`` as the thread; when
    ``server_address`` is empty it sends to ``address`` itself.

    Structural writes go through :mod:`buddies.tree`. That a channel has no
    children and that there is no cycle is held by triggers (migration 0002).

    Source: contract, 1.
    """

    class Type(models.TextChoices):
        GROUP = "group"
        CHANNEL = "channel"

    parent = TreeNodeForeignKey(
        "self",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="children",
        help_text="The group it stands in; none for the top level.",
    )
    position = models.PositiveIntegerField(default=0, editable=False)
    address = models.CharField(
        max_length=255,
        unique=True,
        error_messages={"unique": "Another entry has this address."},
        blank=True,
        validators=[legal_xml],
        help_text="Where a client sends, or the thread. Made when left empty.",
    )
    server_address = models.CharField(
        max_length=255,
        blank=True,
        validators=[legal_xml],
        help_text="When set, clients send here with the address as thread.",
    )
    type = models.CharField(max_length=7, choices=Type, default=Type.CHANNEL)
    mobile_is_published = models.BooleanField("mobile", default=False)
    web_is_published = models.BooleanField("web", default=False)
    name = models.CharField(max_length=255, validators=[legal_xml])
    status = models.CharField(max_length=1000, blank=True, validators=[legal_xml])
    # Plain text: the contract's own examples are no valid URLs.
    image_url = models.CharField(
        "image address", max_length=2000, blank=True, validators=[legal_xml]
    )
    thumb_url = models.CharField(
        "thumbnail address", max_length=2000, blank=True, validators=[legal_xml]
    )
    default_message = models.TextField(blank=True, validators=[legal_xml])

    objects = TreeQuerySet.as_manager()  # type: ignore[django-manager-missing]  # untyped

    class Meta:
        ordering = ("position", "pk")
        verbose_name = "entry"
        verbose_name_plural = "entries"
        constraints = (
            models.CheckConstraint(
                condition=Q(type__in=("group", "channel")), name="buddy_type_is_known"
            ),
            # A group is a shelf, not a destination: nothing is sent to it.
            models.CheckConstraint(
                condition=Q(type="channel") | Q(server_address=""),
                name="group_has_no_server_address",
                violation_error_message="A group has no server address.",
            ),
            models.CheckConstraint(
                condition=Q(type="channel") | Q(default_message=""),
                name="group_has_no_default_message",
                violation_error_message="A group has no default message.",
            ),
            models.CheckConstraint(
                condition=~Q(address=""), name="buddy_has_an_address"
            ),
        )

    def __str__(self) -> str:
        return self.name or self.address

    def clean(self) -> None:
        self.address = self.address.strip() or new_address()
        if self.parent is not None and self.parent.type != self.Type.GROUP:
            raise ValidationError({"parent": "Only a group can hold entries."})
        if self.parent is not None:
            self._check_place(self.parent)
        if self.type == self.Type.CHANNEL and self.pk and self.children.exists():
            raise ValidationError(
                {"type": "It holds entries, so it must stay a group: move them first."}
            )

    def _check_place(self, parent: "Buddy") -> None:
        # By its key: a node that was read with its path may be stale.
        above = Buddy.objects.ancestors(parent.pk, include_self=True)
        keys = list(above.values_list("pk", flat=True))
        if self.pk in keys:
            raise ValidationError({"parent": "An entry cannot stand below itself."})
        if len(keys) >= MOST_LEVELS:
            text = f"A tree has {MOST_LEVELS} levels at most."
            raise ValidationError({"parent": text})


class Tree(models.Model):
    """The one row that every write to the tree locks.

    ``version`` grows with each accepted state; ``built`` is the newest version
    that was looked at for a release. ``editors`` maps who edited since then to
    the version of their last edit. ``error`` says why the newest state is not
    live, in plain words.
    """

    version = models.PositiveBigIntegerField(default=1)
    built = models.PositiveBigIntegerField(default=0)
    editors = models.JSONField(default=dict)
    error = models.TextField(blank=True)

    class Meta:
        constraints = (
            models.CheckConstraint(condition=Q(pk=1), name="there_is_one_tree"),
        )

    def __str__(self) -> str:
        return f"version {self.version}"

    @classmethod
    def locked(cls) -> "Tree":
        """The row, locked until the end of the transaction."""
        return cls.objects.select_for_update().get_or_create(pk=1)[0]


class Release(models.Model):
    """An immutable state of the document. The newest one is live.

    ``body`` is what a client reads in DESC, byte for byte; ``size`` counts the
    bytes of its vCard stanza. ``live_at`` is when the XMPP process took it.
    """

    number = models.BigAutoField(primary_key=True)
    body = models.TextField()
    digest = models.CharField(max_length=64)
    size = models.PositiveIntegerField()
    author = models.CharField(max_length=150, blank=True)
    note = models.CharField(max_length=1000, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    live_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return f"release {self.number}"
