"""Turn the drafts of a held tree, and its plans, into campaigns."""

from django.db import migrations

from buddies.migrations import _held, _roles


class Migration(migrations.Migration):
    dependencies = [
        ("buddies", "0005_campaigns"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.RunPython(_roles.extend, migrations.RunPython.noop),
        migrations.RunPython(_held.convert, migrations.RunPython.noop),
    ]
