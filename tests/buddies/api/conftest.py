"""Fixtures that the tests of this folder share."""

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient


@pytest.fixture
def juliet() -> User:
    """An editor of what is live, with all permissions on entries."""
    user = User.objects.create_user("juliet", password="wherefore")
    ours = Permission.objects.filter(content_type__app_label="buddies")
    edit_live = ours.filter(codename="edit_live")
    user.user_permissions.set(ours.filter(content_type__model="buddy") | edit_live)
    return user


@pytest.fixture
def api(juliet: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(juliet)
    return client
