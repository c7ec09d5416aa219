from collections.abc import AsyncIterator, Iterator

import pytest

from demo.component import RawComponent
from tests.deploy.servers import OpenProsody
from tests.service import COMPONENT, SECRET


@pytest.fixture(scope="package")
def prosody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenProsody]:
    with OpenProsody(tmp_path_factory.mktemp("prosody")) as server:
        yield server


@pytest.fixture
async def component(prosody: OpenProsody) -> AsyncIterator[RawComponent]:
    """The component that the module serves."""
    async with RawComponent(COMPONENT, SECRET, prosody.component_port) as opened:
        yield opened
