"""A small tree, and a client that sees it, for the tests of ordinary clients."""

import json
from pathlib import Path

import pytest

from tests.conversations.browsing import VERONA, has_verona
from tests.service import Service, until


@pytest.fixture(scope="module")
def verona(service: Service, tmp_path_factory: pytest.TempPathFactory) -> int:
    """The tree with Verona below it."""
    file: Path = tmp_path_factory.mktemp("verona") / "verona.json"
    file.write_text(json.dumps({"items": [VERONA]}))
    service.manage("loadbuddies", str(file))
    code = "from buddies.models import Buddy; print(Buddy.objects.get(address={!r}).pk)"
    return int(service.shell(code.format("verona")))


@pytest.fixture
async def client(service: Service, verona: int):
    (local,) = service.register()
    async with service.client(local) as connected:
        await until(lambda: has_verona(connected))
        yield connected
