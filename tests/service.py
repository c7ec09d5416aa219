"""A whole service for tests: a real XMPP server and the service, on own ports.

The environment of the tests chooses its parts, so that the same conversations run on
each deployment (see tests/matrix.py):

====================  ==========================================================
``TEST_DEPLOYMENT``   ``one`` process, or several with a ``redis`` or ``rabbitmq``
``TEST_XMPP_SERVER``  ``prosody`` or ``ejabberd``
``TEST_XMPP_MODE``    ``component`` or ``account``
====================  ==========================================================
"""

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import pytest

from demo.client import Client
from demo.ejabberd import Ejabberd
from demo.prosody import Prosody
from tests import golden
from tests.golden import PASSWORD
from tests.ports import free_port
from tests.processes import ROOT, Process
from tests.prosody_files import FiledProsody
from tests.servers import Postgres, RabbitMQ, Redis
from tests.shell import Shell

DEPLOYMENT = os.environ.get("TEST_DEPLOYMENT", "one")
SERVER = os.environ.get("TEST_XMPP_SERVER", "prosody")
MODE = os.environ.get("TEST_XMPP_MODE", "component")

KINDS: dict[str, type[Prosody | Ejabberd]] = {
    "prosody": FiledProsody,
    "ejabberd": Ejabberd,
}

COMPONENT, ACCOUNT = "xmpp-service.localhost", "xmpp_service@localhost"
SERVICE = ACCOUNT if MODE == "account" else COMPONENT
WEBSOCKET = {"prosody": "xmpp-websocket", "ejabberd": "ws"}[SERVER]
GUEST = "guest"  # the user that the webchat offers
SECRET = "the-service-s-own-secret"
START_SECONDS = 60

an_account = MODE == "account"
component_only = pytest.mark.skipif(an_account, reason="needs a component")

# A database of the run's Redis for each service of this process.
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
_redises = (
    f"{os.environ['TEST_REDIS']}/{_WORKER * 100 + number}" for number in range(100)
)

# What each process of a deployment runs.
PYTHON = [sys.executable, "-m"]
MANAGE = [sys.executable, "manage.py"]
CELERY = [*PYTHON, "celery", "--quiet", "-A", "xmppservice"]
QUIET = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
WORKER = [*CELERY, "worker", *QUIET]


class Service:
    """An XMPP server and the service below ``folder``; ``environment`` adds settings.

    ``elsewhere.localhost`` is a domain of the same XMPP server that the service
    does not serve. ``kind`` is the class of the XMPP server; a Prosody without
    ``companion`` does not load our module. Services share the servers behind several
    processes. One that is to ``own`` them, because a test kills them, also has each
    process that production has.
    """

    def __init__(
        self,
        folder: Path,
        *,
        kind: type[Prosody | Ejabberd] = KINDS[SERVER],
        own: bool = False,
        companion: bool = True,
        deployment: str = DEPLOYMENT,
        **environment: str,
    ) -> None:
        self.folder = folder
        self.token = ""
        self.http_port = free_port()
        self.server = _xmpp_server(kind, folder / kind.package, companion)
        # Messages in RabbitMQ name no service, so each service has its own.
        self._deployment, self._own = deployment, own
        self.backends = (
            _backends(folder, deployment) if own or deployment == "rabbitmq" else {}
        )
        self.log = folder / "serve.log"
        self.environment = {
            **os.environ,
            "VAR_DIR": str(folder),
            "HTTP_PORT": str(self.http_port),
            "XMPP_JID": SERVICE,
            "XMPP_COMPONENT_PORT": str(self.server.component_port),
            "XMPP_CLIENT_PORT": str(self.server.c2s_port),
            "XMPP_TLS": "false",
            "XMPP_SECRET": SECRET,
            "CHANNEL_PAGES": "true",
            # No test waits for this check, and what it finds would be in all pages.
            "CHANNEL_ACCOUNT_CHECK_SECONDS": "86400",
            "WEBCHAT_URL": f"ws://127.0.0.1:{self.server.http_port}/{WEBSOCKET}",
            "WEBCHAT_USERS": f"{GUEST}@localhost:{PASSWORD}",
            "PYTHONWARNINGS": "error,ignore:You're running the worker",  # as root
            "PYTHONUNBUFFERED": "1",
            **environment,
        }
        self.processes: dict[str, Process] = {}
        self._elsewhere = "VAR_DIR" in environment or "DATABASE_URL" in environment
        self._shell: Shell | None = None
        self._stack = ExitStack()
        self._numbers = iter(range(10_000))

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start_servers()
            self._furnish()
            self.processes = {
                name: Process(name, command, self.environment, self.log)
                for name, command in _commands(
                    self._deployment, self.http_port, complete=self._own
                ).items()
            }
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._shell:
            self._shell.close()
        self._stack.close()

    def _start_servers(self) -> None:
        self._stack.callback(self.server.stop)
        self.server.start()
        if MODE == "account":
            self.server.register("xmpp_service", SECRET)
        if isinstance(self.server, Ejabberd):
            self.environment |= {
                "EJABBERD_API_URL": self.server.api_url,
                "EJABBERD_API_USER": self.server.admin,
                "EJABBERD_API_PASSWORD": self.server.admin_password,
            }
        for name, backend in self.backends.items():
            self._stack.enter_context(backend)
            self.environment[name] = backend.url
        if self._deployment == "redis" and not self.backends:
            redis = next(_redises)
            self.environment |= {"CHANNEL_LAYER_URL": redis, "CELERY_BROKER_URL": redis}
        if self._deployment != "one":
            self.environment |= {
                "CELERY_BROKER_URL": self.environment.get(
                    "CELERY_BROKER_URL", self.environment["CHANNEL_LAYER_URL"]
                ),
                "SECRET_KEY": "a-key-of-the-tests-that-all-processes-share" * 2,
                "ADDRESS_BOOK_KEY": "another-key-of-the-tests",
            }

    def _furnish(self) -> None:
        """Fill the database, or copy a filled one."""
        if self.backends or self._elsewhere or not golden.folder():
            self.token = golden.fill(MANAGE, self.environment)
        else:
            self.token, more = golden.copied(MANAGE, self.environment, self.folder)
            self.environment |= more

    # --- The service's processes ------------------------------------------------

    def start(self) -> None:
        """Start all stopped processes, and wait until clients are answered."""
        opened = self.opened
        for process in self.processes.values():
            process.start()
        patience = time.monotonic() + START_SECONDS
        while not (self.opened > opened and self._answers()):
            dead = [one.name for one in self.processes.values() if not one.running]
            if dead or time.monotonic() > patience:
                raise AssertionError(f"{dead} did not start:\n{self.log.read_text()}")
            time.sleep(0.05)

    @property
    def opened(self) -> int:
        """How often a document became readable, since the first start."""
        return self.log.read_text().count("clients read") if self.log.exists() else 0

    def _answers(self) -> bool:
        try:
            return self.http("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def stop(self) -> int | None:
        """Stop all processes; return the exit code of the XMPP process."""
        for process in self.processes.values():
            process.ask_to_stop()
        codes = {name: process.stop() for name, process in self.processes.items()}
        return codes.get(self.owner)

    def kill(self, *names: str) -> None:
        """Kill these processes, or all, with SIGKILL, as a power cut does."""
        for name in names or self.processes:
            self.processes[name].kill()

    def keep(self) -> None:
        """Restart processes that die from now on, as systemd would."""
        for process in self.processes.values():
            process.keep()

    @property
    def owner(self) -> str:
        """The name of the process that has the stream."""
        return "serve" if self._deployment == "one" else "xmpp"

    @property
    def pid(self) -> int:
        return self.processes[self.owner].pid

    # --- Ways in --------------------------------------------------------------

    def manage(self, *words: str, fails: bool = False, **environment: str) -> str:
        """Run a management command; return its output."""
        done = subprocess.run(
            [*MANAGE, *words],
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
        return self.open_shell(code)

    @property
    def open_shell(self) -> Shell:
        """A shell that stays open as long as the service."""
        self._shell = self._shell or Shell(MANAGE, self.environment)
        return self._shell

    def sql(self, statement: str) -> None:
        """Run ``statement`` on the service's database."""
        self.shell(
            "from django.db import connection\n"
            f"connection.cursor().execute({statement!r})"
        )

    def states(self) -> dict[str, int]:
        """How many commands are in each state."""
        counted: dict[str, int] = json.loads(
            self.shell(
                "import json; from collections import Counter\n"
                "from roster.models import Command\n"
                "states = Command.objects.values_list('state', flat=True)\n"
                "print(json.dumps(Counter(states)))"
            )
        )
        return counted

    def unknown(self, count: int = 1) -> list[str]:
        """Return localparts of phone numbers that have no account."""
        return [f"00393200{next(self._numbers):06d}" for _ in range(count)]

    def register(self, count: int = 1) -> list[str]:
        """Make new accounts with phone numbers; return their localparts."""
        locals = self.unknown(count)
        for local in locals:
            self.server.register(local, PASSWORD)
        return locals

    def client(
        self, local: str, resource: str = "phone", domain: str = "localhost"
    ) -> Client:
        jid = f"{local}@{domain}/{resource}"
        return Client(jid, PASSWORD, self.server.c2s_port)

    def http(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: dict[str, str] | None = None,
        token: bool = True,
    ) -> tuple[int, dict[str, str], Any]:
        """Send a request to the API; return status, headers and parsed body."""
        url = f"http://127.0.0.1:{self.http_port}{path}"
        data = None if body is None else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **(headers or {})}
        if token:
            sent["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(url, data, sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=20) as response:
                return _read(response)
        except urllib.error.HTTPError as error:
            with error:
                return _read(error)


def _xmpp_server(
    kind: type[Prosody | Ejabberd], folder: Path, companion: bool
) -> Prosody | Ejabberd:
    return kind(
        folder,
        c2s_port=free_port(),
        component_port=free_port(),
        http_port=free_port(),
        secret=SECRET,
        component=COMPONENT,
        account=ACCOUNT,
        more_domains=["elsewhere.localhost"],
        companion=companion,
    )


def _backends(folder: Path, deployment: str) -> dict[str, Postgres | RabbitMQ | Redis]:
    """The servers that the processes share, by the variable that names each."""
    if deployment == "one":
        return {}
    backends: dict[str, Postgres | RabbitMQ | Redis] = {
        "DATABASE_URL": Postgres(folder / "postgres"),
        "CHANNEL_LAYER_URL": Redis(folder / "redis"),
    }
    if deployment == "rabbitmq":
        backends["CELERY_BROKER_URL"] = RabbitMQ(folder / "rabbitmq")
    return backends


def _commands(
    deployment: str, http_port: int, *, complete: bool
) -> dict[str, list[str]]:
    """The command line of each process, by its name (deploy/Procfile).

    A start takes seconds of CPU time: where no process is killed, each queue has one
    worker, and beat runs in one of them.
    """
    if deployment == "one":
        return {"serve": [*MANAGE, "serve"]}
    web = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--no-log"]
    # A thread that ends leaves its database connection to the garbage collector.
    threads = ["--blocking-threads", "4", "--blocking-threads-idle-timeout", "600"]
    threads += ["--port", str(http_port)]
    commands = [*WORKER, "-Q", "commands", "-c", "2", "-n"]
    others = [*WORKER, "-Q", "celery", "-c", "1", "-n", "others"]
    processes = {
        "web": [*PYTHON, *web, *threads, "xmppservice.wsgi:application"],
        "xmpp": [*MANAGE, "runxmpp"],
        "commands": [*commands, "one"],
        "others": others,
    }
    if not complete:
        return {**processes, "others": [*others, "--beat"]}
    return {
        **processes,
        "commands-2": [*commands, "two"],
        "beat": [*CELERY, "beat"],
    }


def _read(response: Any) -> tuple[int, dict[str, str], Any]:
    text = response.read().decode()
    try:
        body = json.loads(text)
    except ValueError:
        body = text
    return response.status, dict(response.headers), body


async def until(wanted: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Return the result of ``wanted()``, awaited if needed, once it is true."""
    end = time.monotonic() + seconds
    while True:
        result = wanted()
        if isinstance(result, Awaitable):
            result = await result
        if result:
            return result
        assert time.monotonic() < end, f"it did not happen within {seconds:g} seconds"
        await asyncio.sleep(0.02)
