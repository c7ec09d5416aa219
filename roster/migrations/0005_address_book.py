"""The new address book in the place of the old; flags, listings and late joins."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("roster", "0004_discovery"),
    ]

    operations = [
        migrations.DeleteModel(name="AddressBookEntry"),
        migrations.RenameModel(old_name="NewEntry", new_name="AddressBookEntry"),
        migrations.AddConstraint(
            model_name="addressbookentry",
            constraint=models.UniqueConstraint(
                fields=("owner", "digest"), name="one_entry_per_owner_and_contact"
            ),
        ),
        migrations.AddIndex(
            model_name="addressbookentry",
            index=models.Index(fields=["digest"], name="entry_by_digest"),
        ),
        migrations.AddIndex(
            model_name="addressbookentry",
            index=models.Index(fields=["key", "seen_at"], name="entry_by_key"),
        ),
        migrations.CreateModel(
            name="Listing",
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
                ("domain", models.CharField(max_length=1023, unique=True)),
                ("listed_at", models.DateTimeField(null=True)),
                ("renew_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Load",
            fields=[
                (
                    "file",
                    models.CharField(max_length=64, primary_key=True, serialize=False),
                ),
                ("offset", models.BigIntegerField(default=0)),
                ("loaded_at", models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name="Flag",
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
                ("reasons", models.JSONField(default=list, verbose_name="reasons")),
                (
                    "raised_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, verbose_name="raised at"
                    ),
                ),
                (
                    "released_at",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="released at"
                    ),
                ),
                (
                    "released_by",
                    models.CharField(
                        blank=True, max_length=150, verbose_name="released by"
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        to="roster.account",
                        verbose_name="owner",
                    ),
                ),
            ],
            options={
                "verbose_name": "flagged owner",
                "verbose_name_plural": "flagged owners",
                "ordering": ("-raised_at",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("released_at", None)),
                        fields=("owner",),
                        name="one_open_flag_per_owner",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LateJoin",
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
                ("place", models.PositiveIntegerField()),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("not_before", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "joined",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="roster.account",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="roster.account",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["place", "id"], name="late_join_by_place")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("owner", "joined"), name="one_late_join_per_pair"
                    )
                ],
            },
        ),
    ]
