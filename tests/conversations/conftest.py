"""A small tree, and a client that sees it, for the tests of ordinary clients."""

import json
from pathlib import Path

import pytest

from tests.conversations.browsing import VERONA, has_verona
from tests.service import Service, until


@pytest.fixture(scope="module")
def verona(service: Service, tmp_path_factory: pytest.TempPathFactory) -> int:
    """Load Verona into the tree, once a process; return its primary key."""
    code = (
        "from buddies.models import Buddy\n"
        "found = Buddy.objects.filter(address='verona')\n"
        "print(found.values_list('pk', flat=True).first())"
    )
    if service.shell(code).strip() == "None":
        file: Path = tmp_path_factory.mktemp("verona") / "verona.json"
        file.write_text(json.dumps({"items": [VERONA]}))
        service.manage("loadbuddies", str(file))
    return int(service.shell(code))


@pytest.fixture
async def client(service: Service, verona: int):
    (local,) = service.register()
    async with service.client(local) as connected:
        await until(lambda: has_verona(connected))
        yield connected
