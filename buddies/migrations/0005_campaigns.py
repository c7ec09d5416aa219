"""Campaigns, and the permissions for them."""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('buddies', '0004_keys_are_unique'),
    ]

    operations = [
        migrations.CreateModel(
            name='Approval',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=64)),
                ('by', models.CharField(max_length=150)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('note', models.CharField(blank=True, max_length=1000)),
            ],
            options={
                'ordering': ('at',),
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Arrangement',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('group', models.CharField(blank=True, max_length=36)),
                ('was', models.JSONField()),
                ('now', models.JSONField()),
                ('version', models.PositiveBigIntegerField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Campaign',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, verbose_name='name')),
                ('colour', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(8)], verbose_name='colour')),
                ('note', models.CharField(blank=True, help_text='For your colleagues; apps never see it.', max_length=1000, verbose_name='note')),
                ('state', models.CharField(choices=[('open', 'in preparation'), ('planned', 'planned'), ('published', 'live'), ('ended', 'ended'), ('discarded', 'discarded')], default='open', max_length=9, verbose_name='state')),
                ('due_at', models.DateTimeField(blank=True, null=True, verbose_name='goes live')),
                ('ends_at', models.DateTimeField(blank=True, null=True, verbose_name='ends')),
                ('version', models.PositiveBigIntegerField(default=0)),
                ('blocked', models.CharField(blank=True, choices=[('conflicts', 'decisions are missing'), ('approvals', 'approvals are missing'), ('fault', 'an entry has a fault'), ('too_large', 'the document is too large'), ('too_deep', 'the tree has too many levels')], max_length=9)),
                ('tree_version', models.PositiveBigIntegerField(null=True)),
                ('created_by', models.CharField(max_length=150)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('planned_by', models.CharField(blank=True, max_length=150)),
            ],
            options={
                'verbose_name': 'campaign',
                'verbose_name_plural': 'campaigns',
                'ordering': ('due_at', 'pk'),
                'permissions': (('edit_live', 'Can edit what is live'), ('edit_campaign', 'Can make and edit campaigns'), ('approve_campaign', 'Can approve campaigns'), ('break_glass', 'Can publish without approval, which is logged')),
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Difference',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.UUIDField(db_index=True)),
                ('kind', models.CharField(choices=[('+', 'Added'), ('~', 'Changed'), ('-', 'Removed')], max_length=1)),
                ('fields', models.JSONField()),
                ('version', models.PositiveBigIntegerField(help_text="The campaign's version that the last edit of this row made.")),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='DifferenceLog',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveBigIntegerField()),
                ('about', models.CharField(choices=[('entry', 'Entry'), ('order', 'Order')], max_length=5)),
                ('key', models.CharField(blank=True, max_length=36)),
                ('name', models.CharField(blank=True, max_length=255)),
                ('before', models.JSONField(null=True)),
                ('after', models.JSONField(null=True)),
                ('editor', models.CharField(max_length=150)),
                ('at', models.DateTimeField()),
                ('reason', models.CharField(blank=True, max_length=100)),
            ],
            options={
                'ordering': ('campaign', 'version', 'pk'),
                'default_permissions': (),
            },
        ),
        migrations.AlterModelOptions(
            name='release',
            options={'ordering': ('-number',), 'permissions': (('publish_release', 'Can publish and plan campaigns, and go back'),), 'verbose_name': 'version', 'verbose_name_plural': 'versions'},
        ),
        migrations.AddField(
            model_name='campaign',
            name='release',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='campaigns', to='buddies.release'),
        ),
        migrations.AddField(
            model_name='arrangement',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='arrangements', to='buddies.campaign'),
        ),
        migrations.AddField(
            model_name='approval',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='approvals', to='buddies.campaign'),
        ),
        migrations.AddField(
            model_name='difference',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='differences', to='buddies.campaign'),
        ),
        migrations.AddField(
            model_name='differencelog',
            name='campaign',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='log', to='buddies.campaign'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='takes_back',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='taken_back_by', to='buddies.campaign'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('due_at__isnull', False), ('state', 'planned')), models.Q(models.Q(('state', 'planned'), _negated=True), ('due_at', None)), _connector='OR'), name='campaign_is_planned_for_a_moment'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(('due_at', None), ('ends_at', None), ('ends_at__gt', models.F('due_at')), _connector='OR'), name='campaign_ends_after_it_begins', violation_error_message='A campaign must end after it goes live.'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('release__isnull', False), ('state__in', ('published', 'ended'))), models.Q(models.Q(('state__in', ('published', 'ended')), _negated=True), ('release', None)), _connector='OR'), name='campaign_went_live_with_a_release'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(('colour__gte', 1), ('colour__lte', 8)), name='campaign_has_a_colour'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.UniqueConstraint(django.db.models.functions.text.Lower('name'), condition=models.Q(('state__in', ('open', 'planned'))), name='campaign_name_is_unique', violation_error_message='Another campaign has this name.'),
        ),
        migrations.AddConstraint(
            model_name='arrangement',
            constraint=models.UniqueConstraint(fields=('campaign', 'group'), name='campaign_has_one_order_a_group'),
        ),
        migrations.AddConstraint(
            model_name='approval',
            constraint=models.UniqueConstraint(fields=('campaign', 'digest', 'by'), name='approved_once_by_each'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.UniqueConstraint(fields=('campaign', 'key'), name='campaign_has_one_difference_an_entry'),
        ),
        migrations.AddConstraint(
            model_name='difference',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ('+', '~', '-'))), name='difference_kind_is_known'),
        ),
        migrations.AddIndex(
            model_name='differencelog',
            index=models.Index(fields=['campaign', 'version'], name='buddies_dif_campaig_8475c4_idx'),
        ),
        migrations.AddIndex(
            model_name='differencelog',
            index=models.Index(fields=['campaign', 'key'], name='buddies_dif_campaig_3866c5_idx'),
        ),
    ]
