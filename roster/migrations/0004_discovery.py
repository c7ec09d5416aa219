"""Who is gone and who is announced; the address book as bytes, with named keys."""

import hashlib

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

AT_ONCE = 2_000


def copy_entries(apps, schema_editor):
    """Digests become bytes under a named key; an entry of nobody's account goes."""
    account = apps.get_model("roster", "Account")
    old = apps.get_model("roster", "AddressBookEntry")
    new = apps.get_model("roster", "NewEntry")
    # As roster.addressbook names it.
    key = hashlib.sha256(settings.ADDRESS_BOOK_KEYS[0].encode()).hexdigest()[:8]
    rows = []
    for entry in old.objects.order_by("pk").iterator(AT_ONCE):
        rows.append(entry)
        if len(rows) == AT_ONCE:
            _copy(rows, account, new, key)
            rows = []
    _copy(rows, account, new, key)


def _copy(rows, account, new, key):
    jids = {row.owner for row in rows}
    owners = dict(account.objects.filter(jid__in=jids).values_list("jid", "pk"))
    new.objects.bulk_create(
        new(
            owner_id=owners[row.owner],
            digest=bytes.fromhex(row.digest),
            key=key,
            asked_at=row.added_at if row.asked else None,
            added_at=row.added_at,
            seen_at=row.added_at,
        )
        for row in rows
        if row.owner in owners
    )


class Migration(migrations.Migration):
    dependencies = [
        ("roster", "0003_operations"),
    ]

    operations = [
        migrations.AddField(
            model_name="account",
            name="gone_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="gone since"
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="announced",
            field=models.BooleanField(default=False, editable=False),
        ),
        migrations.AlterField(
            model_name="account",
            name="checked_at",
            field=models.DateTimeField(
                blank=True, editable=False, null=True, verbose_name="checked at"
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(fields=["checked_at"], name="account_by_check"),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(
                    ("announced", False),
                    ("discoverable", True),
                    ("enabled", True),
                    ("gone_at", None),
                ),
                fields=["id"],
                name="account_unannounced",
            ),
        ),
        migrations.CreateModel(
            name="NewEntry",
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
                ("digest", models.BinaryField(max_length=32)),
                ("key", models.CharField(max_length=8)),
                ("prefix", models.SmallIntegerField(null=True)),
                ("asked_at", models.DateTimeField(null=True)),
                ("hit", models.BooleanField(default=False)),
                (
                    "added_at",
                    models.DateTimeField(default=django.utils.timezone.now),
                ),
                ("seen_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="roster.account",
                    ),
                ),
            ],
        ),
        # Who is known already is told to nobody.
        migrations.RunPython(
            lambda apps, editor: (
                apps.get_model("roster", "Account").objects.all().update(announced=True)
            ),
            migrations.RunPython.noop,
            elidable=True,
        ),
        migrations.RunPython(copy_entries, migrations.RunPython.noop, elidable=True),
    ]
