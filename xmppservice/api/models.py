"""The API's tokens, and its idempotent requests."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# The API's resources, and whether they can be read and written.
SCOPES = tuple(
    f"{resource}:{access}"
    for resource, accesses in {
        "document": ("read",),
        "tree": ("read", "write"),
        "campaigns": ("read", "write"),
        "releases": ("read", "write"),
        "accounts": ("read", "write"),
        "commands": ("read", "write"),
        "delivery": ("read",),
    }.items()
    for access in accesses
)


def known_scopes(scopes: object) -> None:
    if not isinstance(scopes, list) or not set(map(str, scopes)) <= set(SCOPES):
        raise ValidationError(
            _("Choose from: %(scopes)s."), params={"scopes": ", ".join(SCOPES)}
        )


class Token(models.Model):
    """An API token: it has its user's permissions, limited by its scopes.

    ``digest`` is the SHA-256 of the secret in hexadecimal, ``start`` the beginning of
    the secret; ``used_at`` is accurate to the hour.
    """

    name = models.CharField(
        _("name"), max_length=100, help_text=_("The person or program that uses it.")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        verbose_name=_("user"),
        help_text=_("The token has this user's permissions, limited by its scopes."),
    )
    scopes = models.JSONField(_("scopes"), default=list, validators=[known_scopes])
    digest = models.CharField(max_length=64, unique=True, editable=False)
    start = models.CharField(_("begins with"), max_length=12, editable=False)
    created_at = models.DateTimeField(
        _("created"), default=timezone.now, editable=False
    )
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    used_at = models.DateTimeField(
        _("last used"), null=True, blank=True, editable=False
    )

    secret = ""  # set only while a new one is shown

    class Meta:
        ordering = ("name", "pk")
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")

    def __str__(self) -> str:
        return self.name

    @property
    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()


class IdempotentRequest(models.Model):
    """An idempotent write that was answered, with its response.

    ``key`` and ``request`` are SHA-256 in hexadecimal: of the client and its key, and
    of method, URL and body.
    """

    key = models.CharField(max_length=64, primary_key=True)
    request = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.TextField(blank=True)
    made_at = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key[:8]
