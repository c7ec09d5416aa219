"""The OpenAPI description is true: schemathesis tries all of it on a real service."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_the_service_is_what_the_description_says(new_service, tmp_path):
    # Its own service: no other test writes there.
    service = new_service(API_REQUESTS_PER_MINUTE="1000000")
    description = f"http://127.0.0.1:{service.http_port}/api/schema/?format=json"
    command = [
        str(Path(sys.executable).parent / "schemathesis"),
        f"--config-file={HERE.parent / 'schemathesis.toml'}",
        "run",
        description,
        f"--header=Authorization: Bearer {service.token}",
        "--continue-on-failure",
        "--no-color",
        # In CI, the same cases each time, as with hypothesis.
        *(["--generation-deterministic"] if os.environ.get("CI") else []),
    ]
    # Warnings are errors to our code, and not to that of others.
    environment = {**os.environ, "PYTHONWARNINGS": ""}

    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True
    )

    assert done.returncode == 0, done.stdout[-20_000:]
    assert service.http("GET", "/healthz")[0] == 200
