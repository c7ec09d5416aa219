"""`make test-matrix`: the tests on the servers of larger deployments.

Each leg runs pytest with another environment (tests/service.py), on the tests that can
differ there: pure functions, the documentation and the look of pages are the same on
every database and server. Each leg starts its servers, on their own ports and folders,
and stops them.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.processes import ROOT
from tests.servers import Postgres, Redis

CONVERSATIONS, SLOW = "tests/conversations", "tests/slow/conversations"
FAILURES = "tests/slow/failures"
KILLS = f"{FAILURES}/test_kills.py"
# Not the flood of 30,000, which tests one process, whatever the database.
KILLED = ("announcements", "budget", "dead", "edits", "joins", "kills", "standby")
SCALED_FAILURES = [f"{FAILURES}/test_{name}.py" for name in (*KILLED, "storage")]
# Databases differ in what they refuse.
HOSTILE = ["tests/slow/fuzz", "tests/slow/test_openapi.py"]
COMMANDS = [
    f"{CONVERSATIONS}/{name}.py" for name in ("test_add_to_roster", "test_search_users")
]
# Rows of the contract's table that write nothing are the same everywhere.
WRITTEN = "not nothing_written"


class Leg(NamedTuple):
    """A part of the suite on one kind of deployment; ``which`` selects by marks."""

    name: str
    environment: dict[str, str]
    tests: Sequence[str]
    which: str = WRITTEN


SCALED = {"TEST_DEPLOYMENT": "redis"}
EJABBERD, ACCOUNT = {"TEST_XMPP_SERVER": "ejabberd"}, {"TEST_XMPP_MODE": "account"}

# The largest comes last, so that its summary line ends the run.
LEGS = {
    "rabbitmq": Leg(
        "RabbitMQ as the broker",
        {"TEST_DEPLOYMENT": "rabbitmq"},
        [*COMMANDS, KILLS],
    ),
    "ejabberd": Leg("ejabberd", EJABBERD, [CONVERSATIONS, SLOW, KILLS], which=""),
    "scaled-ejabberd": Leg(
        "several processes on ejabberd", SCALED | EJABBERD, COMMANDS
    ),
    "account": Leg("an account of Prosody", ACCOUNT, [CONVERSATIONS, SLOW]),
    "account-ejabberd": Leg(
        "an account of ejabberd", EJABBERD | ACCOUNT, [CONVERSATIONS]
    ),
    "scaled": Leg(
        "several processes, PostgreSQL, Redis",
        SCALED,
        ["tests", *SCALED_FAILURES, *HOSTILE],
        which=f"(database or service) and not appearance and {WRITTEN}",
    ),
}


def main(chosen: Sequence[str]) -> int:
    """Run these legs, or all; return how many have failed."""
    if unknown := set(chosen) - set(LEGS):
        sys.exit(f"There is no {', '.join(unknown)}; there are {', '.join(LEGS)}.")
    failed = []
    for name in chosen or LEGS:
        print(f"\n=== {LEGS[name].name} ===", flush=True)
        if _run(LEGS[name]):
            failed.append(name)
    if failed:
        print(f"\nFailed: {', '.join(failed)}. One alone: make test-matrix ARGS=NAME")
    return len(failed)


def _run(leg: Leg) -> int:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        environment = {**os.environ, "VAR_DIR": f"{folder}/var", **leg.environment}
        options = ["-q"]
        if "TEST_DEPLOYMENT" in leg.environment:
            # Also for the tests that need a database but no service; see tests/golden.
            # Dropped as a whole: threads may still be connected to its databases.
            postgres = Postgres(Path(folder) / "postgres", fsync=False)
            redis = Redis(Path(folder) / "redis")
            environment["DATABASE_URL"] = stack.enter_context(postgres).url
            environment["TEST_REDIS"] = stack.enter_context(redis).server_url
            # A service has six processes there: more would slow each other down.
            options.append(f"-n{len(os.sched_getaffinity(0)) + 1}")
        if leg.which:
            options += ["-m", leg.which]
        pytest = [sys.executable, "-m", "pytest", *options, *leg.tests]
        return subprocess.run(pytest, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
