"""`make test-matrix`: the tests on what a larger deployment is made of.

Each leg is a run of pytest with another environment (tests/service.py), and has what
can differ there: a pure function, the documentation or the look of a page is the same
on every database and every server. All servers are started by the legs, on ports and
folders of their own, and stopped.
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
# Not the flood of 30,000, which is of one process, whoever keeps the commands.
KILLED = ("announcements", "budget", "dead", "edits", "joins", "kills", "standby")
SCALED_FAILURES = [f"{FAILURES}/test_{name}.py" for name in (*KILLED, "storage")]
# Databases differ in what they refuse.
HOSTILE = ["tests/slow/fuzz", "tests/slow/test_openapi.py"]
COMMANDS = [
    f"{CONVERSATIONS}/{name}.py" for name in ("test_add_to_roster", "test_search_users")
]
# A row of the contract's table after which nothing is written is the same everywhere.
WRITTEN = "not nothing_written"


class Leg(NamedTuple):
    """A part of the suite on one kind of deployment; ``which`` are its marks."""

    name: str
    environment: dict[str, str]
    tests: Sequence[str]
    which: str = WRITTEN


SCALED = {"TEST_DEPLOYMENT": "redis"}
EJABBERD, ACCOUNT = {"TEST_XMPP_SERVER": "ejabberd"}, {"TEST_XMPP_MODE": "account"}

# The largest comes last, so that its closing line is that of the run.
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
            # For the tests that need a database and no service, too; see tests/golden.
            # Thrown away as a whole: threads may still be connected to what is in it.
            postgres = Postgres(Path(folder) / "postgres", fsync=False)
            redis = Redis(Path(folder) / "redis")
            environment["DATABASE_URL"] = stack.enter_context(postgres).url
            environment["TEST_REDIS"] = stack.enter_context(redis).server_url
            # A service is six processes there, which are in each other's way sooner.
            options.append(f"-n{len(os.sched_getaffinity(0)) + 1}")
        if leg.which:
            options += ["-m", leg.which]
        pytest = [sys.executable, "-m", "pytest", *options, *leg.tests]
        return subprocess.run(pytest, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
