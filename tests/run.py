"""A pytest plugin: spreads a run over processes, repeatably, and reports its times.

pyproject.toml names it. The tests wait more than they compute, so twice as many
processes as cores share them (pytest-xdist). The tests of a file that talk to a service
stay together in one process, which has one service for all of its files. The order is
random; the end of a run says how to repeat a failure.
"""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

from tests import levels

ROOT = Path(__file__).resolve().parent.parent
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
# Fixtures that show what a test needs; all other tests are pure functions.
SERVICES = {"service", "new_service", "own_service", "backstage", "own_backstage"}
DATABASES = {"db", "transactional_db", "django_db_setup"}
DATES = {"datetime", "timedelta", "timezone"}  # imported by modules that handle dates
SEED_OF_CI = 1
SLOW = "tests/slow"
MARKS = {
    "database": "needs a database",
    "service": "needs a running service",
    "appearance": "looks at a page and its scripts: the same on every deployment",
    "dates": "arranges or compares dates; passes on any day (make test-dates)",
    "real_time": "cannot run on another day; its line says why",
    "nothing_written": "a row of the contract's table after which nothing is written",
}


def _own_folder() -> str:
    """Return a VAR_DIR of this process alone, below that of the run."""
    base = os.environ.get("TEST_VAR_DIR") or os.environ.get("VAR_DIR")
    os.environ["TEST_VAR_DIR"] = base or str(ROOT / "var" / "tests")
    return f"{os.environ['TEST_VAR_DIR']}/{WORKER or 'alone'}"


# Before Django reads its settings. Programs that tests start get another folder.
os.environ["VAR_DIR"] = _own_folder()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Fix the order in CI, so that a failure can be repeated."""
    if os.environ.get("CI") and config.pluginmanager.hasplugin("randomly"):
        config.option.randomly_seed = SEED_OF_CI
    for name, meaning in MARKS.items():
        config.addinivalue_line("markers", f"{name}: {meaning}")
    if not WORKER and "TEST_GOLDEN" not in os.environ:
        os.environ["TEST_GOLDEN"] = tempfile.mkdtemp(prefix="golden-")
        config.add_cleanup(_remove_golden)


def _remove_golden() -> None:
    shutil.rmtree(os.environ.pop("TEST_GOLDEN"))


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return twice as many processes as cores; none for the tests of one file."""
    files = {_file(one) for one in config.args}
    if len(files) == 1 and Path(files.pop()).is_file():
        return 0
    return 2 * len(os.sched_getaffinity(0))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore the slow tests unless they are asked for."""
    if not collection_path.is_relative_to(ROOT / SLOW):
        return None
    asked = [ROOT / one for one in map(_file, config.args)]
    slow = [one for one in asked if one.is_relative_to(ROOT / SLOW)]
    wanted = any(
        collection_path.is_relative_to(one) or one.is_relative_to(collection_path)
        for one in slow
    )
    return None if wanted else True


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what each test needs, group the tests that share a service, set the order.

    Runs after pytest-randomly shuffles, and before pytest-xdist reads the groups.
    """
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & DATABASES or item.get_closest_marker("django_db"):
            item.add_marker("database")
        if fixtures & SERVICES:
            item.add_marker("service")
        if _has_dates(getattr(item, "module", None)):
            item.add_marker("dates")
        if shared := _shared(item):
            group = "site" if "site" in shared else _file(item.nodeid)
            item.add_marker(pytest.mark.xdist_group(group))
        if "browser" in item.path.parts:
            # One loop for all of them, because the browser is bound to it. First, so
            # that it precedes the mark of pytest-asyncio's automatic mode.
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
    if WORKER:
        # Long tests first, so that none runs alone at the end; else in random order.
        items.sort(key=lambda item: item.nodeid not in levels.LONG)


def _has_dates(module: object) -> bool:
    """Return whether a module, or a helper that it imports from, imports dates."""
    names = vars(module) if module else {}
    from_tests = {getattr(one, "__module__", None) or "" for one in names.values()}
    own = (one for one in from_tests if one.startswith("tests."))
    helpers = (sys.modules[one] for one in own if not one.endswith(".conftest"))
    return any(DATES & vars(one).keys() for one in (module, *helpers) if one)


def _plain(nodeid: str) -> str:
    """Return the name of a test without the group that pytest-xdist appends."""
    return re.sub(r"@(site|tests/\S+\.py)$", "", nodeid)


def _shared(item: pytest.Item) -> set[str]:
    """Return our fixtures that a test shares with others of its process."""
    info = getattr(item, "_fixtureinfo", None)
    return {
        name
        for name, definitions in (info.name2fixturedefs.items() if info else ())
        for one in definitions[-1:]
        if one.baseid.startswith("tests") and one.scope != "function"
    } - {"django_db_setup"}


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


# --- Afterwards -------------------------------------------------------------------


class Order:
    """Writes the tests that this process runs, in order, to a file of arguments."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w")

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Record a test before it begins: it may end the process."""
        self._file.write(f"{_plain(nodeid)}\n")
        self._file.flush()

    @pytest.hookimpl
    def pytest_unconfigure(self) -> None:
        self._file.close()


@pytest.hookimpl
def pytest_sessionstart(session: pytest.Session) -> None:
    """Record the order of each process that runs tests."""
    if WORKER or not session.config.getoption("numprocesses", None):
        session.config.pluginmanager.register(Order(_order(WORKER or "alone")))


def _order(worker: str) -> Path:
    return Path(os.environ["TEST_VAR_DIR"]) / f"order-{worker}.txt"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how to repeat a failure, and what took more than its share."""
    stats = terminalreporter.stats
    bad = [*stats.get("failed", ()), *stats.get("error", ())]
    for name, worker in {
        (one.nodeid, getattr(one, "worker_id", "alone")) for one in bad
    }:
        order = os.path.relpath(_order(worker), ROOT)
        terminalreporter.write_line(
            f"{_plain(name)}: again, after what ran before it in its process:"
            f' make test ARGS="-n0 -p no:randomly @{order}"'
        )
    took = {_plain(name): time for name, time in levels.durations(stats).items()}
    for line in (*levels.shares(took), *levels.over_budget(took)):
        terminalreporter.write_line(line)
