"""The client that the walks over all operations use."""

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient

from tests.xmppservice.api.operations import SECRET


@pytest.fixture
def reader(settings) -> APIClient:
    """A client that may do everything, but read what commands contain."""
    settings.ACCOUNT_WEBHOOK_SECRET = SECRET
    user = User.objects.create_user("nurse")
    user.user_permissions.set(Permission.objects.exclude(codename="view_payload"))
    client = APIClient()
    client.force_authenticate(user)
    return client
