"""Who may read payloads; indexes for probes, figures and the search for an owner."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("roster", "0002_words"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="command",
            options={
                "ordering": ("-pk",),
                "permissions": (("view_payload", "Can read payloads and answers"),),
                "verbose_name": "command",
                "verbose_name_plural": "commands",
            },
        ),
        migrations.RemoveIndex(
            model_name="command",
            name="command_by_owner",
        ),
        migrations.AlterField(
            model_name="command",
            name="answer",
            field=models.TextField(blank=True, verbose_name="answer"),
        ),
        migrations.AddIndex(
            model_name="command",
            index=models.Index(
                fields=["owner", "state", "id"],
                name="command_by_owner",
                opclasses=("varchar_pattern_ops", "varchar_ops", "int8_ops"),
            ),
        ),
        migrations.AddIndex(
            model_name="command",
            index=models.Index(
                condition=models.Q(("attempts", 0), ("sent_at", None)),
                fields=["received_at"],
                name="command_waiting",
            ),
        ),
        migrations.AddIndex(
            model_name="command",
            index=models.Index(
                condition=models.Q(("sent_at__isnull", False)),
                fields=["sent_at"],
                name="command_by_sent",
            ),
        ),
    ]
