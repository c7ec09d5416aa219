from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("xmppservice", "0002_streamstatus_lacking"),
    ]

    operations = [
        migrations.AddField(
            model_name="streamstatus",
            name="reason",
            field=models.TextField(blank=True, default=""),
        ),
    ]
