from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.utils import timezone, translation

from buddies.publishing import http_cache
from demo.ejabberd import Ejabberd
from roster.accounts import absent
from tests import golden
from tests.gajim import Gajim
from tests.poezio import Poezio
from tests.profanity import Profanity
from tests.servers import Postgres, RabbitMQ, Redis
from tests.service import MANAGE, PASSWORD, Service

DEMO_USERS = ["00393296260815", "00393333333333"]

# An example may be slow: the machine has other things to do. Here, and not in
# pytest_configure: the settings that the folders below make are copies of these.
hypothesis.settings.register_profile(
    "here", hypothesis.settings.default, deadline=None, database=None
)
hypothesis.settings.load_profile("here")


def pytest_configure() -> None:
    """Prepare what all tests use."""
    # Test clients request no static file: they are spared the scan of all.
    settings.MIDDLEWARE.remove("servestatic.middleware.ServeStaticMiddleware")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report missing programs: the tests that need them did not run."""
    kinds = (Postgres, Redis, RabbitMQ, Ejabberd, Profanity, Poezio, Gajim)
    if missing := [kind.name for kind in kinds if not kind.installed()]:
        terminalreporter.write_line(
            f"Not installed, so not tested: {', '.join(missing)}"
        )


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None) -> None:
    """Give this process a migrated database: a copy of one that is made once."""
    name = golden.migrated(MANAGE, settings.VAR_DIR)
    settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop Django's clock, for ages in whole seconds."""
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One running service for all tests that leave it as they found it."""
    with Service(tmp_path_factory.mktemp("service")) as running:
        yield running


@pytest.fixture(scope="session")
def demo_users(service: Service) -> list[str]:
    """Register the users of the examples before a test looks them up."""
    for local in DEMO_USERS:
        service.server.register(local, PASSWORD)
    return DEMO_USERS


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[object]:
    """Return a function that starts a service of the test's own with its settings."""
    started: list[Service] = []

    def start(**settings: Any) -> Service:
        one = Service(tmp_path / f"service-{len(started)}", **settings)
        started.append(one)
        return one.__enter__()

    yield start
    for one in started:
        one.__exit__()


@pytest.fixture(autouse=True)
def _as_at_the_start() -> None:
    cache.clear()
    # That of the last request stays active.
    translation.deactivate()
    absent.forget()
    # Each test has a database of its own, with its own first release.
    http_cache.cache.published = None
