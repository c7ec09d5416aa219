"""The servers that demo and tests start keep their data, and leave no processes."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
import redis
from kombu import Connection

from demo.client import Client
from demo.ejabberd import Ejabberd
from demo.prosody import Prosody
from demo.server import JabberServer, Server, ServerError, is_alive
from tests.ports import free_port
from tests.processes import ROOT
from tests.servers import Postgres, RabbitMQ, Redis

# More than ejabberd takes to write what it has acknowledged.
WRITE_SECONDS = 0.2


def prosody(folder: Path) -> Server:
    return jabber(Prosody, folder)


def ejabberd(folder: Path) -> Server:
    return jabber(Ejabberd, folder)


def jabber(kind: type[JabberServer], folder: Path) -> JabberServer:
    return kind(
        folder,
        c2s_port=free_port(),
        component_port=free_port(),
        http_port=free_port(),
        secret="secret",
    )


def register(server: JabberServer) -> None:
    server.register("juliet", "first")
    server.register("juliet", "password")


def logs_in(server: JabberServer) -> bool:
    async def roster() -> dict:
        jid = f"juliet@{server.domain}"
        async with Client(jid, "password", server.c2s_port) as client:
            return await client.roster()

    return asyncio.run(roster()) == {}


def make_table(server: Postgres) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE house AS SELECT 'montague' AS name")


def table_is_there(server: Postgres) -> bool:
    with psycopg.connect(server.url) as connection:
        return connection.execute("TABLE house").fetchall() == [("montague",)]


def set_key(server: Redis) -> None:
    with redis.from_url(server.url) as client:
        client.set("house", "montague")
        assert client.get("house") == b"montague"


def is_empty(server: Redis) -> bool:
    with redis.from_url(server.url) as client:
        return client.keys() == []


def send(server: RabbitMQ) -> None:
    confirmed = {"confirm_publish": True}
    with Connection(server.url, transport_options=confirmed) as connection:
        connection.SimpleQueue("house").put("montague")


def comes(server: RabbitMQ) -> bool:
    with Connection(server.url) as connection:
        message = connection.SimpleQueue("house").get(timeout=5)
        return message.payload == "montague"


class Case(NamedTuple):
    """A server, what is done to it, and a check after its restart."""

    kind: type[Server]
    make: Callable[[Path], Server]
    use: Callable
    seen: Callable


CASES = [
    Case(Prosody, prosody, register, logs_in),
    Case(Ejabberd, ejabberd, register, logs_in),
    Case(Postgres, Postgres, make_table, table_is_there),
    Case(Redis, Redis, set_key, is_empty),
    Case(RabbitMQ, RabbitMQ, send, comes),
]
# The last lines of the report name the others.
EACH = pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.kind.installed()],
    ids=lambda case: case.kind.name,
)


def gone(processes: set[int]) -> bool:
    """Return whether all of them have ended, after a while."""
    patience = time.monotonic() + 5
    while any(map(is_alive, processes)):
        if time.monotonic() > patience:
            return False
        time.sleep(0.02)
    return True


@EACH
def test_it_has_its_data_after_a_kill(case, tmp_path):
    server = case.make(tmp_path / "server")
    server.start()
    case.use(server)
    time.sleep(WRITE_SECONDS)
    before = server.processes

    server.kill()

    assert before
    assert not any(map(is_alive, before))
    with server:
        assert case.seen(server)
        before = server.processes
    assert gone(before)
    assert not server.running


@EACH
def test_it_dies_with_its_parent(case, tmp_path):
    program = (
        "import sys, time; from pathlib import Path\n"
        "from tests.slow.test_servers import CASES\n"
        "server = CASES[int(sys.argv[1])].make(Path(sys.argv[2])); server.start()\n"
        "print(*server.processes, flush=True); time.sleep(60)"
    )
    words = [str(CASES.index(case)), str(tmp_path)]
    command = [sys.executable, "-c", program, *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        processes = {int(word) for word in child.stdout.readline().split()}

        child.kill()

    assert processes
    assert gone(processes)


@EACH
def test_a_port_in_use_is_reported(case, tmp_path):
    with case.make(tmp_path / "server") as server, pytest.raises(ServerError) as caught:
        server.start()

    assert str(caught.value).endswith("is in use by another program.")


def test_a_missing_program_is_reported(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(ServerError) as caught:
        Redis(tmp_path).start()

    sentence = "Redis is missing. Install it with: sudo sh demo/install.sh redis"
    assert str(caught.value) == sentence


def test_the_output_of_a_failed_start_is_the_reason(tmp_path):
    server = jabber(Prosody, tmp_path)
    server.secret = '"'

    with pytest.raises(ServerError) as caught:
        server.start()

    assert str(caught.value).startswith("Prosody stopped unexpectedly: Error: ")
    assert "unfinished string" in str(caught.value)


@pytest.mark.parametrize(
    "kind", [kind for kind in (Prosody, Ejabberd) if kind.installed()]
)
def test_an_account_at_an_unknown_domain_is_refused(kind, tmp_path):
    with jabber(kind, tmp_path) as server, pytest.raises(ServerError) as caught:
        server.register("juliet", "password", "nowhere.localhost")

    assert "host" in str(caught.value)
