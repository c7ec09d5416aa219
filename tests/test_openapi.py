"""The OpenAPI description is true: schemathesis tries all of it, and more."""

import json
from io import StringIO
from pathlib import Path

import jsonschema
import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig

from buddies import document, releases, tree
from buddies.models import Release
from roster.models import Account, Command
from xmppservice import tokens
from xmppservice.models import SCOPES

PAYLOADS = Path(__file__).parent / "payloads"
SCHEMA = "/schemas/document-1.json"

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("quick_passwords")]


@pytest.fixture
def description(admin_user: User):
    """The description as the service gives it, and a token that opens everything."""
    _, secret = tokens.make(admin_user, "tester", SCOPES, None)
    headers = {"Authorization": f"Bearer {secret}"}
    return schemathesis.openapi.from_wsgi(
        "/api/schema/?format=json", get_wsgi_application(), headers=headers
    )


api = schemathesis.pytest.from_fixture("description")
