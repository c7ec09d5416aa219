from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache

from tests.service import Service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One running service for all tests that leave it as they found it."""
    with Service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[object]:
    """Start a service of the test's own, with settings of its own."""
    started: list[Service] = []

    def start(**environment: str) -> Service:
        one = Service(tmp_path / f"service-{len(started)}", **environment)
        started.append(one)
        return one.__enter__()

    yield start
    for one in started:
        one.__exit__()


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()
