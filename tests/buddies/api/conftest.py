"""Fixtures that the tests of this folder share."""

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient


@pytest.fixture
def juliet() -> User:
    """An editor with all permissions on entries, and nothing else."""
    user = User.objects.create_user("juliet", password="wherefore")
    ours = Permission.objects.filter(content_type__app_label="buddies")
    user.user_permissions.set(ours.filter(content_type__model="buddy"))
    return user


@pytest.fixture
def api(juliet: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(juliet)
    return client
