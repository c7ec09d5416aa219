"""`make test-matrix`: the suite on what a larger deployment is made of.

Each leg is a run of pytest with another environment: see tests/service.py. All
servers are started by the legs, on ports and folders of their own, and stopped.

The tests wait more than they compute, so two legs run at a time: the whole suite,
and the others one after the other. What these print comes when each one ends.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TextIO

from tests.processes import ROOT
from tests.servers import Postgres

CONVERSATIONS, KILLS = "tests/conversations", "tests/failures/test_kills.py"
COMMANDS = [
    f"{CONVERSATIONS}/{name}.py" for name in ("test_add_to_roster", "test_search_users")
]


class Leg(NamedTuple):
    """A part of the suite on one kind of deployment."""

    name: str
    environment: dict[str, str]
    tests: Sequence[str]


SCALED = {"TEST_DEPLOYMENT": "redis"}
EJABBERD, ACCOUNT = {"TEST_XMPP_SERVER": "ejabberd"}, {"TEST_XMPP_MODE": "account"}

# The whole suite comes last, so that its closing line is that of the run.
LEGS = {
    "rabbitmq": Leg(
        "RabbitMQ as the broker",
        {"TEST_DEPLOYMENT": "rabbitmq"},
        [*COMMANDS, KILLS],
    ),
    "ejabberd": Leg("ejabberd", EJABBERD, [CONVERSATIONS, KILLS]),
    "scaled-ejabberd": Leg(
        "several processes on ejabberd", SCALED | EJABBERD, COMMANDS
    ),
    "account": Leg("an account of Prosody", ACCOUNT, [CONVERSATIONS]),
    "account-ejabberd": Leg(
        "an account of ejabberd", EJABBERD | ACCOUNT, [CONVERSATIONS]
    ),
    "scaled": Leg("several processes, PostgreSQL, Redis", SCALED, ["tests"]),
}


def main(chosen: Sequence[str]) -> int:
    """Run these legs, or all; return how many have failed."""
    if unknown := set(chosen) - set(LEGS):
        sys.exit(f"There is no {', '.join(unknown)}; there are {', '.join(LEGS)}.")
    names = list(chosen or LEGS)
    beside, last = names[:-1], names[-1]
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as lane:
        runs = [lane.submit(_run_aside, name, Path(folder)) for name in beside]
        print(f"\n=== {LEGS[last].name} ===", flush=True)
        code = _run(LEGS[last])
        failed = [name for name, run in zip(beside, runs, strict=True) if run.result()]
    if code:
        failed.append(last)
    if failed:
        print(f"\nFailed: {', '.join(failed)}. One alone: make test-matrix ARGS=NAME")
    return len(failed)


def _run_aside(name: str, folder: Path) -> int:
    """Run a leg beside another one; print what it says when it is over."""
    leg, path = LEGS[name], folder / name
    print(f"\n=== {leg.name}: begins ===", flush=True)
    with path.open("w") as output:
        code = _run(leg, output)
    print(f"\n=== {leg.name} ===\n{path.read_text()}", flush=True)
    return code


def _run(leg: Leg, output: TextIO | None = None) -> int:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "VAR_DIR": f"{folder}/var", **leg.environment}
        if "TEST_DEPLOYMENT" not in leg.environment:
            return _pytest(leg, environment, output)
        # For the tests that need a database and no service. It is thrown away as a
        # whole: threads of the tests may still be connected to what is in it.
        with Postgres(Path(folder) / "postgres", fsync=False) as postgres:
            environment["DATABASE_URL"] = postgres.url
            return _pytest(leg, environment, output, "--reuse-db")


def _pytest(
    leg: Leg, environment: dict[str, str], output: TextIO | None, *words: str
) -> int:
    pytest = [sys.executable, "-m", "pytest", "--no-cov", "-q", "-rs", *words]
    command = [*pytest, *leg.tests]
    return subprocess.run(
        command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
