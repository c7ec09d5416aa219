"""Which edit ended a campaign, and when it was to end."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('buddies', '0007_no_hold'),
    ]

    operations = [
        migrations.AddField(
            model_name='campaign',
            name='ended_version',
            field=models.PositiveBigIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='campaign',
            name='kept_end',
            field=models.DateTimeField(null=True),
        ),
        migrations.AlterField(
            model_name='campaign',
            name='blocked',
            field=models.CharField(blank=True, choices=[('conflicts', 'decisions are missing'), ('approvals', 'approvals are missing'), ('fault', 'an entry has a fault'), ('missed', 'its end had passed, too'), ('too_large', 'the document is too large'), ('too_deep', 'the tree has too many levels')], max_length=9),
        ),
    ]
