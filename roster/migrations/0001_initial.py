import django.db.models.deletion
import django.utils.timezone
import roster.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
    ]

    operations = [
        migrations.CreateModel(
            name='Claim',
            fields=[
                ('token', models.UUIDField(primary_key=True, serialize=False)),
                ('owner', models.CharField(max_length=2047, unique=True)),
                ('expires_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Listing',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('domain', models.CharField(max_length=1023, unique=True)),
                ('listed_at', models.DateTimeField(null=True)),
                ('renew_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Load',
            fields=[
                ('file', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('offset', models.BigIntegerField(default=0)),
                ('loaded_at', models.DateTimeField(auto_now=True)),
            ],
        ),
        migrations.CreateModel(
            name='Subscriber',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('jid', models.CharField(max_length=2047, unique=True)),
                ('told', models.PositiveBigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('jid', models.CharField(max_length=2047, unique=True, validators=[roster.models.is_bare_jid], verbose_name='JID')),
                ('msisdn', models.CharField(blank=True, db_index=True, editable=False, max_length=16, verbose_name='MSISDN')),
                ('name', models.CharField(blank=True, max_length=255, verbose_name='name')),
                ('enabled', models.BooleanField(default=True, verbose_name='enabled')),
                ('discoverable', models.BooleanField(default=True, verbose_name='discoverable')),
                ('checked_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last checked')),
                ('gone_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='gone since')),
                ('announced', models.BooleanField(default=False, editable=False)),
                ('last_seen', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last seen')),
                ('budget', models.FloatField(blank=True, editable=False, null=True)),
                ('budget_at', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'verbose_name': 'account',
                'verbose_name_plural': 'accounts',
                'ordering': ('jid',),
                'indexes': [models.Index(fields=['checked_at'], name='account_by_check'), models.Index(condition=models.Q(('announced', False), ('discoverable', True), ('enabled', True), ('gone_at', None)), fields=['id'], name='account_unannounced')],
            },
        ),
        migrations.CreateModel(
            name='AddressBookEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.BinaryField(max_length=32)),
                ('key', models.CharField(max_length=8)),
                ('prefix', models.SmallIntegerField(null=True)),
                ('asked_at', models.DateTimeField(null=True)),
                ('hit', models.BooleanField(default=False)),
                ('added_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to='roster.account')),
            ],
            options={
                'indexes': [models.Index(fields=['digest'], name='entry_by_digest'), models.Index(fields=['key', 'seen_at'], name='entry_by_key')],
                'constraints': [models.UniqueConstraint(fields=('owner', 'digest'), name='one_entry_per_owner_and_contact')],
            },
        ),
        migrations.CreateModel(
            name='Command',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=64, unique=True, verbose_name='key')),
                ('state', models.CharField(choices=[('received', 'Received'), ('running', 'Running'), ('done', 'Done'), ('sent', 'Sent'), ('dead', 'Dead')], default='received', max_length=8, verbose_name='state')),
                ('owner', models.CharField(max_length=2047, verbose_name='owner')),
                ('sender', models.TextField(verbose_name='sender')),
                ('stanza_id', models.TextField(blank=True, verbose_name='stanza id')),
                ('thread', models.TextField(blank=True, verbose_name='thread')),
                ('message_type', models.CharField(max_length=8, verbose_name='message type')),
                ('namespace', models.TextField(blank=True, verbose_name='namespace')),
                ('envelope_type', models.TextField(blank=True, verbose_name='envelope type')),
                ('envelope_action', models.TextField(blank=True, verbose_name='envelope action')),
                ('command', models.TextField(blank=True, verbose_name='command')),
                ('payload', models.TextField(blank=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='attempts')),
                ('not_before', models.DateTimeField(default=django.utils.timezone.now, verbose_name='not before')),
                ('error', models.CharField(blank=True, max_length=200, verbose_name='error')),
                ('answer', models.TextField(blank=True, verbose_name='answer')),
                ('final', models.BooleanField(default=True, verbose_name='final')),
                ('received_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='received at')),
                ('done_at', models.DateTimeField(blank=True, null=True, verbose_name='done at')),
                ('sent_at', models.DateTimeField(blank=True, null=True, verbose_name='sent at')),
                ('claim', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to='roster.claim')),
            ],
            options={
                'verbose_name': 'command',
                'verbose_name_plural': 'commands',
                'ordering': ('-pk',),
                'permissions': (('view_payload', 'Can read payloads and answers'),),
                'indexes': [models.Index(fields=['state', 'id'], name='command_by_state'), models.Index(fields=['owner', 'state', 'id'], name='command_by_owner', opclasses=('varchar_pattern_ops', 'varchar_ops', 'int8_ops')), models.Index(condition=models.Q(('sent_at', None), ('state__in', ('done', 'dead'))), fields=['id'], name='command_unsent'), models.Index(condition=models.Q(('attempts', 0), ('sent_at', None)), fields=['received_at'], name='command_waiting'), models.Index(condition=models.Q(('sent_at__isnull', False)), fields=['sent_at'], name='command_by_sent')],
            },
        ),
        migrations.CreateModel(
            name='Flag',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reasons', models.JSONField(default=list, verbose_name='reasons')),
                ('raised_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='flagged on')),
                ('released_at', models.DateTimeField(blank=True, null=True, verbose_name='cleared on')),
                ('released_by', models.CharField(blank=True, max_length=150, verbose_name='cleared by')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to='roster.account', verbose_name='owner')),
            ],
            options={
                'verbose_name': 'flagged owner',
                'verbose_name_plural': 'flagged owners',
                'ordering': ('-raised_at',),
                'constraints': [models.UniqueConstraint(condition=models.Q(('released_at', None)), fields=('owner',), name='one_open_flag_per_owner')],
            },
        ),
        migrations.CreateModel(
            name='LateJoin',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.PositiveIntegerField()),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('not_before', models.DateTimeField(default=django.utils.timezone.now)),
                ('joined', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='roster.account')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='roster.account')),
            ],
            options={
                'indexes': [models.Index(fields=['place', 'id'], name='late_join_by_place')],
                'constraints': [models.UniqueConstraint(fields=('owner', 'joined'), name='one_late_join_per_pair')],
            },
        ),
    ]
