from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("xmppservice", "0003_streamstatus_reason"),
    ]

    operations = [
        migrations.AddField(
            model_name="streamstatus",
            name="companions",
            field=models.JSONField(default=list),
        ),
    ]
