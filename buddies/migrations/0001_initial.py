import buddies.models
import django.db.models.deletion
from django.db import migrations, models

from buddies.migrations import _roles, _triggers


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name='HistoricalBuddy',
            fields=[
                ('history_id', models.BigAutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_type', models.CharField(max_length=1)),
                ('history_user_id', models.CharField(db_index=True, max_length=150)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('id', models.BigIntegerField(db_index=True)),
                ('parent_id', models.BigIntegerField(db_index=True, null=True)),
                ('position', models.BigIntegerField()),
                ('version', models.PositiveBigIntegerField(db_index=True)),
                ('address', models.CharField(db_index=True, max_length=255)),
                ('server_address', models.CharField(max_length=255)),
                ('type', models.CharField(max_length=7)),
                ('mobile_is_published', models.BooleanField()),
                ('web_is_published', models.BooleanField()),
                ('visible_from', models.DateTimeField(null=True)),
                ('visible_until', models.DateTimeField(null=True)),
                ('name', models.CharField(max_length=255)),
                ('status', models.CharField(max_length=1000)),
                ('image_url', models.CharField(max_length=2000)),
                ('thumb_url', models.CharField(max_length=2000)),
                ('default_message', models.TextField()),
            ],
            options={
                'verbose_name': 'history record',
                'verbose_name_plural': 'history records',
                'ordering': ('-history_date', '-history_id'),
            },
        ),
        migrations.CreateModel(
            name='PlannedRelease',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('body', models.TextField()),
                ('author', models.CharField(max_length=150)),
                ('note', models.CharField(blank=True, max_length=1000)),
                ('publish_at', models.DateTimeField(db_index=True)),
                ('version', models.PositiveBigIntegerField(help_text="The tree's version that it was built from.")),
            ],
            options={
                'ordering': ('publish_at', 'pk'),
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Release',
            fields=[
                ('number', models.BigAutoField(primary_key=True, serialize=False, verbose_name='version')),
                ('body', models.TextField()),
                ('digest', models.CharField(max_length=64)),
                ('size', models.PositiveIntegerField(verbose_name='size')),
                ('author', models.CharField(blank=True, max_length=150, verbose_name='by')),
                ('note', models.CharField(blank=True, max_length=1000, verbose_name='note')),
                ('automatic', models.BooleanField(default=True, verbose_name='automatic')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('live_at', models.DateTimeField(blank=True, null=True, verbose_name='live since')),
            ],
            options={
                'verbose_name': 'version',
                'verbose_name_plural': 'versions',
                'ordering': ('-number',),
                'permissions': (('publish_release', 'Can hold, publish, schedule, roll back, restore'),),
            },
        ),
        migrations.CreateModel(
            name='Tree',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('version', models.PositiveBigIntegerField(default=1)),
                ('built', models.PositiveBigIntegerField(default=0)),
                ('next_at', models.DateTimeField(null=True)),
                ('editors', models.JSONField(default=dict)),
                ('held_at', models.DateTimeField(null=True)),
                ('held_by', models.CharField(blank=True, max_length=150)),
                ('refused', models.CharField(blank=True, choices=[('too_large', 'The document is too large.'), ('too_deep', 'The tree has too many levels.')], max_length=9)),
                ('size', models.PositiveIntegerField(default=0)),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.CheckConstraint(condition=models.Q(('pk', 1)), name='there_is_one_tree')],
            },
        ),
        migrations.CreateModel(
            name='Buddy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.BigIntegerField(default=0, editable=False)),
                ('version', models.PositiveBigIntegerField(db_index=True, default=0, editable=False, help_text="The tree's version that the last edit of this entry made.")),
                ('address', models.CharField(blank=True, error_messages={'unique': 'This address is already taken.'}, help_text='Address that apps send messages to. Leave blank to generate one.', max_length=255, unique=True, validators=[buddies.models.legal_xml], verbose_name='address')),
                ('server_address', models.CharField(blank=True, help_text='If set, apps send messages here, with the address above as the thread.', max_length=255, validators=[buddies.models.legal_xml], verbose_name='server address')),
                ('type', models.CharField(choices=[('group', 'group'), ('channel', 'channel')], default='channel', max_length=7, verbose_name='type')),
                ('mobile_is_published', models.BooleanField(default=False, verbose_name='mobile')),
                ('web_is_published', models.BooleanField(default=False, verbose_name='web')),
                ('visible_from', models.DateTimeField(blank=True, help_text='Hidden until then, with everything inside it.', null=True, validators=[buddies.models.plausible], verbose_name='visible from')),
                ('visible_until', models.DateTimeField(blank=True, help_text='Hidden from then on, with everything inside it.', null=True, validators=[buddies.models.plausible], verbose_name='visible until')),
                ('name', models.CharField(max_length=255, validators=[buddies.models.legal_xml], verbose_name='name')),
                ('status', models.CharField(blank=True, help_text='Shown below the name.', max_length=1000, validators=[buddies.models.legal_xml], verbose_name='status text')),
                ('image_url', models.CharField(blank=True, max_length=2000, validators=[buddies.models.legal_xml], verbose_name='image address')),
                ('thumb_url', models.CharField(blank=True, max_length=2000, validators=[buddies.models.legal_xml], verbose_name='thumbnail address')),
                ('default_message', models.TextField(blank=True, help_text="The channel's first message, shown before anyone writes.", validators=[buddies.models.legal_xml], verbose_name='default message')),
                ('parent', models.ForeignKey(blank=True, help_text='The group that contains it; leave blank for the top level.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='children', to='buddies.buddy', verbose_name='inside')),
            ],
            options={
                'verbose_name': 'channel or group',
                'verbose_name_plural': 'channels and groups',
                'ordering': ('position', 'pk'),
                'permissions': (('change_address', 'Can change addresses that apps already use'),),
                'constraints': [models.CheckConstraint(condition=models.Q(('type__in', ('group', 'channel'))), name='buddy_type_is_known'), models.CheckConstraint(condition=models.Q(('type', 'channel'), ('server_address', ''), _connector='OR'), name='group_has_no_server_address', violation_error_message="A group can't have a server address."), models.CheckConstraint(condition=models.Q(('type', 'channel'), ('default_message', ''), _connector='OR'), name='group_has_no_default_message', violation_error_message="A group can't have a default message."), models.CheckConstraint(condition=models.Q(('address', ''), _negated=True), name='buddy_has_an_address'), models.CheckConstraint(condition=models.Q(('visible_from', None), ('visible_until', None), ('visible_until__gt', models.F('visible_from')), _connector='OR'), name='buddy_is_visible_from_before_until', violation_error_message='“Visible until” must be later than “Visible from”.')],
            },
        ),
        migrations.RunPython(_triggers.create, migrations.RunPython.noop),
        migrations.RunPython(_roles.create, migrations.RunPython.noop),
    ]
