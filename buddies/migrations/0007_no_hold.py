"""There is no hold, and no plan of a whole document: campaigns replace them."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("buddies", "0006_held_trees")]

    operations = [
        migrations.DeleteModel(name="PlannedRelease"),
        migrations.RemoveField(model_name="tree", name="held_at"),
        migrations.RemoveField(model_name="tree", name="held_by"),
    ]
