import django.db.models.deletion
import django.utils.timezone
import xmppservice.api.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='IdempotentRequest',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('request', models.CharField(max_length=64)),
                ('status', models.PositiveSmallIntegerField(default=0)),
                ('body', models.TextField(blank=True)),
                ('made_at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='StreamStatus',
            fields=[
                ('jid', models.CharField(max_length=2047, primary_key=True, serialize=False, verbose_name='JID')),
                ('process', models.CharField(blank=True, max_length=300)),
                ('ready', models.BooleanField(default=False)),
                ('privileged', models.BooleanField(default=False)),
                ('driver', models.CharField(blank=True, max_length=100)),
                ('missing', models.TextField(blank=True)),
                ('sessions', models.PositiveIntegerField(default=0)),
                ('since', models.DateTimeField(blank=True, null=True)),
                ('seen_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'db_table': 'xmppservice_stream',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='Token',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='The person or program that uses it.', max_length=100, verbose_name='name')),
                ('scopes', models.JSONField(default=list, validators=[xmppservice.api.models.known_scopes], verbose_name='scopes')),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('start', models.CharField(editable=False, max_length=12, verbose_name='begins with')),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created')),
                ('expires_at', models.DateTimeField(blank=True, null=True, verbose_name='expires at')),
                ('used_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='last used')),
                ('user', models.ForeignKey(help_text="The token has this user's permissions, limited by its scopes.", on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'API token',
                'verbose_name_plural': 'API tokens',
                'ordering': ('name', 'pk'),
            },
        ),
    ]
