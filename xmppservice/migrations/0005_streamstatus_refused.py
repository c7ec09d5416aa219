from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('xmppservice', '0004_streamstatus_companions'),
    ]

    operations = [
        migrations.AddField(
            model_name='streamstatus',
            name='refused',
            field=models.PositiveBigIntegerField(default=0),
        ),
    ]
