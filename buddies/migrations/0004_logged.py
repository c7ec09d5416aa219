"""Room between positions, a first record for each entry, and the two roles."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions
from django.db import migrations
from django.db.models import F
from django.utils import timezone

GAP = 2**16

ROLES = {
    "Editor": (
        "view_buddy",
        "add_buddy",
        "change_buddy",
        "delete_buddy",
        "view_release",
    ),
    "Publisher": ("publish_release", "change_address"),
}


def make_room(apps, schema_editor):
    Buddy = apps.get_model("buddies", "Buddy")
    Buddy.objects.update(position=F("position") * GAP, version=1)


def take_room(apps, schema_editor):
    # The column before is too small for the gaps.
    Buddy = apps.get_model("buddies", "Buddy")
    last = {}
    rows = Buddy.objects.order_by("position", "pk")
    for key, parent in list(rows.values_list("pk", "parent_id")):
        last[parent] = last.get(parent, -1) + 1
        Buddy.objects.filter(pk=key).update(position=last[parent])


def log(apps, schema_editor):
    Buddy = apps.get_model("buddies", "Buddy")
    Record = apps.get_model("buddies", "HistoricalBuddy")
    now = timezone.now()
    Record.objects.bulk_create(
        (
            Record(
                **entry,
                history_date=now,
                history_type="+",
                history_user_id="before the log",
            )
            for entry in Buddy.objects.values().iterator()
        ),
        batch_size=500,
    )


def forget(apps, schema_editor):
    apps.get_model("buddies", "HistoricalBuddy").objects.all().delete()


def make_roles(apps, schema_editor):
    # Django makes permissions after all migrations; these are needed here.
    create_permissions(installed.get_app_config("buddies"), verbosity=0)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    names = []
    for role, more in ROLES.items():
        # A publisher may do what an editor may.
        names += more
        wanted = Permission.objects.filter(
            content_type__app_label="buddies", codename__in=names
        )
        Group.objects.get_or_create(name=role)[0].permissions.add(*wanted)


class Migration(migrations.Migration):
    dependencies = (
        ("buddies", "0003_back_office"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    )
    operations = (
        migrations.RunPython(make_room, take_room),
        migrations.RunPython(log, forget),
        migrations.RunPython(make_roles, migrations.RunPython.noop),
    )
