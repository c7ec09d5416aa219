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
        "edit_live",
        "edit_campaign",
    ),
    "Publisher": ("publish_release", "change_address", "approve_campaign"),
}
# Who had one of these may go on with what the new permissions are needed for now.
NEEDED = {
    "edit_live": ("add_buddy", "change_buddy", "delete_buddy"),
    "edit_campaign": ("add_buddy", "change_buddy", "delete_buddy"),
    "approve_campaign": ("publish_release",),
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


def extend(apps, schema_editor):
    """Give the permissions of campaigns to all who could edit and publish before."""
    create_permissions(installed.get_app_config("buddies"), verbosity=0)
    known = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="buddies"
    )
    for new, old in NEEDED.items():
        permission = known.get(codename=new)
        for one in known.filter(codename__in=old):
            permission.group_set.add(*one.group_set.all())
            permission.user_set.add(*one.user_set.all())
