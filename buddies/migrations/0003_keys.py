"""Give each entry a key of its own, in the tree and in the log."""

import uuid

from django.db import migrations, models

BATCH_SIZE = 1_000


def fill(apps, schema_editor):
    """The log's records of an entry get its key; those of a deleted one share one."""
    Buddy = apps.get_model("buddies", "Buddy")
    records = apps.get_model("buddies", "HistoricalBuddy").objects
    buddies = list(Buddy.objects.only("pk"))
    for buddy in buddies:
        buddy.key = uuid.uuid4()
    Buddy.objects.bulk_update(buddies, ["key"], batch_size=BATCH_SIZE)
    keys = {buddy.pk: buddy.key for buddy in buddies}
    logged = records.order_by("id").values_list("id", flat=True).distinct()
    for number in list(logged):
        records.filter(id=number).update(key=keys.get(number) or uuid.uuid4())


class Migration(migrations.Migration):
    dependencies = [("buddies", "0002_plans_and_what_went_live")]

    operations = [
        migrations.AddField("buddy", "key", models.UUIDField(null=True)),
        migrations.AddField("historicalbuddy", "key", models.UUIDField(null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
