"""A whole service for tests: a real Prosody and ``manage.py serve``, on own ports."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

from demo.client import Client
from demo.prosody import Prosody, bound_to_us

ROOT = Path(__file__).resolve().parent.parent
PAYLOADS = ROOT / "tests" / "payloads"
DOCUMENTS = [
    PAYLOADS / f"{name}.json" for name in ("bots", "mobile-ticketing", "single-channel")
]
SERVICE = "xmpp_service.localhost"
PASSWORD = "demo"
START_SECONDS = 30
STOP_SECONDS = 10


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Service:
    """Prosody and the service below ``folder``; ``environment`` adds settings.

    ``elsewhere.localhost`` is a domain of the same XMPP server that the service
    does not serve.
    """

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.http_port = free_port()
        self.prosody = Prosody(
            folder / "prosody",
            c2s_port=free_port(),
            component_port=free_port(),
            http_port=free_port(),
            secret="component-secret",
            more_domains=["elsewhere.localhost"],
        )
        self.environment = {
            **os.environ,
            "VAR_DIR": str(folder),
            "HTTP_PORT": str(self.http_port),
            "XMPP_COMPONENT_PORT": str(self.prosody.component_port),
            "XMPP_SECRET": "component-secret",
            "PYTHONWARNINGS": "error",
            **environment,
        }
        self.log = folder / "serve.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = iter(range(10_000))

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Prosody runs as a user of its own and must reach its folder's content.
        self.prosody.start()
        try:
            self.manage("migrate", "-v0")
            self.manage("loadbuddies", *map(str, DOCUMENTS))
            self.manage(
                "createsuperuser",
                "--noinput",
                "--username=admin",
                "--email=admin@example.org",
                DJANGO_SUPERUSER_PASSWORD=PASSWORD,
            )
            said = self.manage("drf_create_token", "admin")
            self.token = said.split()[2]
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.prosody.stop()

    # --- The service's process ------------------------------------------------

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                bound_to_us([sys.executable, "manage.py", "serve"]),
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        patience = time.monotonic() + START_SECONDS
        while b"the stream of" not in self._since_start():
            if self._process.poll() is not None or time.monotonic() > patience:
                raise AssertionError(f"serve did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    def _since_start(self) -> bytes:
        return self.log.read_bytes().rpartition(b"stopping")[2]

    def stop(self) -> int | None:
        """Ask it to stop; return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9, as a power cut does."""
        self._end(signal.SIGKILL)
        # So that start() waits for the next stream, not for the last one.
        with self.log.open("ab") as log:
            log.write(b"stopping\n")

    def _end(self, number: signal.Signals) -> int | None:
        if self._process is None:
            return None
        self._process.send_signal(number)
        process, self._process = self._process, None
        try:
            return process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    # --- Ways in --------------------------------------------------------------

    def manage(self, *words: str, fails: bool = False, **environment: str) -> str:
        """Run a management command; return what it said."""
        done = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert fails == bool(done.returncode), done.stdout + done.stderr
        return done.stdout + done.stderr

    def shell(self, code: str) -> str:
        """Run ``code`` in a Django shell of the service; return what it printed."""
        return self.manage("shell", "-v0", "-c", code).strip()

    def register(self, count: int = 1) -> list[str]:
        """Make new accounts with phone numbers; return their localparts."""
        locals = [f"00393200{next(self._numbers):06d}" for _ in range(count)]
        for local in locals:
            self.prosody.register(local, PASSWORD)
        return locals

    def client(
        self, local: str, resource: str = "phone", domain: str = "localhost"
    ) -> Client:
        jid = f"{local}@{domain}/{resource}"
        return Client(jid, PASSWORD, self.prosody.c2s_port)

    def http(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        token: bool = True,
    ) -> tuple[int, dict[str, str], Any]:
        """Status, headers and parsed body of a request to the API."""
        url = f"http://127.0.0.1:{self.http_port}{path}"
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        if token:
            sent["Authorization"] = f"Token {self.token}"
        request = urllib.request.Request(url, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return _read(response)
        except urllib.error.HTTPError as error:
            with error:
                return _read(error)


def _read(response: Any) -> tuple[int, dict[str, str], Any]:
    text = response.read().decode()
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    return response.status, dict(response.headers), body


async def until(wanted: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Result of ``wanted()``, awaited or not, as soon as it is true."""
    end = time.monotonic() + seconds
    while True:
        result = wanted()
        if isinstance(result, Awaitable):
            result = await result
        if result:
            return result
        assert time.monotonic() < end, f"it did not happen within {seconds:g} seconds"
        await asyncio.sleep(0.02)
