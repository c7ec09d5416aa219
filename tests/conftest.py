import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.cache import cache

from buddies import published
from demo.ejabberd import Ejabberd
from tests.profanity import Profanity
from tests.servers import Postgres, RabbitMQ, Redis
from tests.service import PASSWORD, ROOT, Service

DEMO_USERS = ["00393296260815", "00393333333333"]


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Where a change is judged, one order, so that a refusal can be repeated."""
    if os.environ.get("CI") and config.pluginmanager.hasplugin("randomly"):
        config.option.randomly_seed = 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what some tests need and did not find: they were not there to run."""
    kinds = (Postgres, Redis, RabbitMQ, Ejabberd, Profanity)
    if missing := [kind.name for kind in kinds if not kind.installed()]:
        terminalreporter.write_line(
            f"Not installed, so not tested: {', '.join(missing)}"
        )


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One running service for all tests that leave it as they found it."""
    with Service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="session")
def demo_users(service: Service) -> list[str]:
    """Users of the shared service, before anybody asks for them: some examples do."""
    for local in DEMO_USERS:
        service.server.register(local, PASSWORD)
    return DEMO_USERS


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


@pytest.fixture
def postgresql(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Environment that makes a PostgreSQL of the test's own the database."""
    with Postgres(tmp_path / "postgresql", fsync=False) as server:
        yield {"DATABASE_URL": server.url}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation's site, as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir"]
    extra = {"VAR_DIR": str(tmp_path_factory.mktemp("var")), "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        [*command, str(folder)],
        cwd=ROOT,
        env=os.environ | extra,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(autouse=True)
def _empty_cache() -> None:
    cache.clear()
    # Each test has a database of its own, with its own first release.
    published.shelf.published = None


@pytest.fixture
def quick_passwords(settings) -> None:
    """Hash passwords fast: the default takes a third of a second on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
