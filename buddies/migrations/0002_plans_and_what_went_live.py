"""Note for each plan what was live at its review, and what it would undo."""

from django.db import migrations, models


def take_the_newest(apps, schema_editor):
    """Older plans do not know their review: what goes live from now on counts."""
    newest = apps.get_model("buddies", "Release").objects.order_by("number").last()
    if newest is not None:
        plans = apps.get_model("buddies", "PlannedRelease").objects
        plans.update(base=newest.number)


class Migration(migrations.Migration):
    dependencies = [("buddies", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="plannedrelease",
            name="base",
            field=models.PositiveBigIntegerField(
                default=0,
                help_text="The release that was live at its review; 0 for none.",
            ),
        ),
        migrations.AddField(
            model_name="plannedrelease",
            name="conflicts",
            field=models.JSONField(default=list),
        ),
        migrations.RunPython(take_the_newest, migrations.RunPython.noop),
    ]
