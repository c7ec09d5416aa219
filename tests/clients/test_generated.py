"""A client that is generated from the API's description works.

Source: decision 0045.
"""

import importlib
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client

from roster.models import Command
from tests.clients.generated import generate_client
from xmppservice.api import tokens
from xmppservice.api.models import SCOPES

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("generated client")]


class InProcess(httpx.BaseTransport):
    """Requests reach the service in this process, and this test's database."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer: Any = Client().generic(
            request.method,
            request.url.raw_path.decode(),
            request.read(),
            content_type=request.headers.get("Content-Type", ""),
            headers=dict(request.headers),
        )
        headers = list(answer.items())
        return httpx.Response(
            answer.status_code, headers=headers, content=answer.content
        )


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the generated package."""
    folder = tmp_path_factory.mktemp("generated")
    generate_client(folder)
    return folder


@pytest.fixture
def client(generated: Path, monkeypatch, admin_user: User) -> Any:
    """The generated client, with a token."""
    monkeypatch.syspath_prepend(generated)
    package = importlib.import_module("generated_client")
    _, secret = tokens.make(admin_user, "generated", SCOPES, None)
    with package.AuthenticatedClient(
        "http://testserver",
        secret,
        raise_on_unexpected_status=True,
        httpx_args={"transport": InProcess()},
    ) as client:
        yield client


@pytest.mark.parametrize(
    "part", ["accounts", "entries", "campaigns", "releases", "commands"]
)
def test_a_program_does_its_work_with_a_generated_client(client, part):
    scenario = importlib.import_module("tests.clients.scenario")
    row = {"key": "1", "state": "dead", "owner": "romeo@localhost"}
    Command.objects.create(message_type="chat", payload="{}", **row)

    getattr(scenario, part)(client)


def test_the_scenario_uses_every_operation(client):
    scenario = importlib.import_module("tests.clients.scenario")
    package = Path(sys.modules["generated_client"].__path__[0])

    described = {file.stem for file in package.glob("api/*/*.py")} - {"__init__"}

    # Signed by a provisioning system, and called by no client with a token.
    assert described - set(vars(scenario)) == {"accounts_events_create"}


def test_a_partly_changed_entry_needs_no_name(client):
    models = importlib.import_module("generated_client.models")
    info = models.PatchedInfoRequest(status="x")
    body = models.PatchedBuddyRequest(info=info)
    assert body.to_dict() == {"info": {"status": "x"}}
