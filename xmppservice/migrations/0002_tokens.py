import hashlib

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import xmppservice.api.models

OLD = "authtoken_token"
SCOPES = [
    "document:read",
    "tree:read",
    "tree:write",
    "releases:read",
    "releases:write",
    "accounts:read",
    "accounts:write",
    "commands:read",
    "commands:write",
    "delivery:read",
]


def take_over(apps, schema_editor):
    """Keep the tokens that lay readable in REST framework's table, as digests."""
    connection = schema_editor.connection
    if OLD not in connection.introspection.table_names():
        return
    Token = apps.get_model("xmppservice", "Token")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT key, created, user_id FROM {OLD}"  # noqa: S608  (our constant)
            " WHERE user_id IN (SELECT id FROM auth_user)"
        )
        for key, created, user in cursor.fetchall():
            digest = hashlib.sha256(key.encode()).hexdigest()
            Token.objects.create(
                name="from before",
                user_id=user,
                scopes=SCOPES,
                digest=digest,
                start=key[:6],
                created_at=_aware(created),
            )
        cursor.execute(f"DROP TABLE {OLD}")


def _aware(moment):
    utc = django.utils.timezone.get_fixed_timezone(0)
    is_naive = django.utils.timezone.is_naive(moment)
    return moment.replace(tzinfo=utc) if is_naive else moment


class Migration(migrations.Migration):
    dependencies = [
        ("xmppservice", "0001_stream"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Token",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True,
                        primary_key=True,
                        serialize=False,
                        verbose_name="ID",
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="Who or what uses it.",
                        max_length=100,
                        verbose_name="name",
                    ),
                ),
                (
                    "scopes",
                    models.JSONField(
                        default=list,
                        validators=[xmppservice.api.models.known_scopes],
                        verbose_name="scopes",
                    ),
                ),
                (
                    "digest",
                    models.CharField(editable=False, max_length=64, unique=True),
                ),
                (
                    "start",
                    models.CharField(
                        editable=False, max_length=12, verbose_name="begins with"
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now,
                        editable=False,
                        verbose_name="made at",
                    ),
                ),
                (
                    "expires_at",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="expires at"
                    ),
                ),
                (
                    "used_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="last used"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        help_text="It may do what this user may, as far as its"
                        " scopes go.",
                        on_delete=django.db.models.deletion.CASCADE,
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "API token",
                "verbose_name_plural": "API tokens",
                "ordering": ("name", "pk"),
            },
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop),
    ]
