"""Require the keys, apart from filling them: PostgreSQL does not do both at once."""

import uuid

from django.db import migrations, models

from buddies.migrations import _triggers


class Migration(migrations.Migration):
    dependencies = [("buddies", "0003_keys")]

    operations = [
        migrations.AlterField(
            "buddy",
            "key",
            models.UUIDField(
                default=uuid.uuid4,
                editable=False,
                help_text="What the log and campaigns know it by, whatever its "
                "address.",
                unique=True,
            ),
        ),
        migrations.AlterField(
            "historicalbuddy", "key", models.UUIDField(db_index=True)
        ),
        migrations.RunPython(_triggers.create_again, migrations.RunPython.noop),
    ]
