"""Services to measure: on SQLite or PostgreSQL, and ways into them."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.bench.times import say
from tests.processes import ROOT
from tests.servers import Postgres
from tests.service import MANAGE, Service


@contextmanager
def measured(
    database: str, furnish: Callable[[Path], None], **environment: str
) -> Iterator[Service]:
    """A service on ``sqlite`` or ``postgresql``.

    ``furnish`` writes into Prosody's folder before it starts.
    """
    with TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        if database == "postgresql":
            # Durable, as in production.
            postgres = stack.enter_context(Postgres(root / "postgres"))
            environment["DATABASE_URL"] = postgres.url
        service = Service(root / "service", **environment)
        furnish(service.server.folder)
        say(f"starting Prosody and the service on {database} ...")
        yield stack.enter_context(service)


def inside(service: Service, call: str) -> Any:
    """Run a function of tests.bench.inside; return what it printed as JSON, if any."""
    code = f"from tests.bench import inside\ninside.{call}"
    done = subprocess.run(
        [*MANAGE, "shell", "-v0", "-c", code],
        cwd=ROOT,
        env=service.environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=600,
    )
    last = (done.stdout.splitlines() or [""])[-1]
    return json.loads(last) if last.startswith(("[", "{")) else None
