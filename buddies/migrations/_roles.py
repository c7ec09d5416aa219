"""The two roles of staff, as groups with their permissions."""

from django.apps import apps as installed
from django.contrib.auth.management import create_permissions

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


def create(apps, schema_editor):
    # Django creates permissions after all migrations, but they are needed here.
    create_permissions(installed.get_app_config("buddies"), verbosity=0)
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    names = []
    for role, more in ROLES.items():
        # Publishers can do all that editors can.
        names += more
        wanted = Permission.objects.filter(
            content_type__app_label="buddies", codename__in=names
        )
        Group.objects.get_or_create(name=role)[0].permissions.add(*wanted)
