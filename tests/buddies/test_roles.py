"""The two roles that the first migration makes."""

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User

from buddies.migrations import _roles

pytestmark = pytest.mark.django_db

EDITOR = {
    "buddies.view_buddy",
    "buddies.add_buddy",
    "buddies.change_buddy",
    "buddies.delete_buddy",
    "buddies.view_release",
    "buddies.edit_live",
    "buddies.edit_campaign",
}
PUBLISHER = {
    *EDITOR,
    "buddies.publish_release",
    "buddies.change_address",
    "buddies.approve_campaign",
}


@pytest.mark.parametrize(
    ("role", "permissions"), [("Editor", EDITOR), ("Publisher", PUBLISHER)]
)
def test_each_role_has_its_permissions(role, permissions):
    Group.objects.all().delete()

    _roles.create(apps, None)

    user = User.objects.create_user("mario")
    user.groups.add(Group.objects.get(name=role))
    assert user.get_all_permissions() == permissions


def test_an_existing_role_keeps_its_members():
    Group.objects.all().delete()
    user = User.objects.create_user("mario")
    user.groups.add(Group.objects.create(name="Editor"))

    _roles.create(apps, None)

    assert user.has_perm("buddies.change_buddy")
    assert Group.objects.filter(name="Editor").count() == 1
