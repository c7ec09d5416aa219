"""Two XMPP processes for one JID: one has the stream, the other one waits."""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import Process
from tests.servers import Postgres
from tests.service import DEPLOYMENT, MODE, SERVICE, Service, until
from tests.slow.failures.phones import read

PATIENCE = 60  # seconds
WAITS = "another process has the stream: waiting for it to end"
ESTABLISHED = "01"
NOBODY = {"userList": ["00393490000001"]}

alone = DEPLOYMENT == "one"
pytestmark = pytest.mark.skipif(alone, reason="one process has no standby")


@pytest.fixture
def pair(new_service) -> Iterator[tuple[Service, Process]]:
    """A service, and a second process for its stream that waits."""
    service: Service = new_service()
    log = service.folder / "second.log"
    command = [sys.executable, "manage.py", "runxmpp"]
    second = Process("second", command, service.environment, log)
    second.start()
    yield service, second
    second.stop()


async def test_the_second_takes_over_when_the_first_is_killed(pair):
    service, second = pair
    (local,) = service.register()
    await until(lambda: _log_text(service, "second.log").count(WAITS) == 1, PATIENCE)
    assert _owners(service, second) == ["xmpp"]

    async with service.client(local) as client:
        service.kill("xmpp")

        await until(lambda: read(client), PATIENCE)
        answer = await client.command(SERVICE, "cmd_search_users", NOBODY)

        assert answer["status"] == 0

        service.processes["xmpp"].start()
        await until(lambda: WAITS in _log_text(service, "serve.log"), PATIENCE)
        assert _owners(service, second) == ["second"]
        answer = await client.command(SERVICE, "cmd_search_users", NOBODY)
        assert answer["status"] == 0


async def test_one_of_them_has_the_stream_after_the_database_restarts(pair):
    service, second = pair
    (local,) = service.register()
    await until(lambda: WAITS in _log_text(service, "second.log"), PATIENCE)
    database = service.backends["DATABASE_URL"]
    assert isinstance(database, Postgres)

    async with service.client(local) as client:
        for _ in range(3):
            await asyncio.to_thread(database.restart)
            # The owner is connected, not only connecting.
            answer = await client.command(SERVICE, "cmd_search_users", NOBODY)
            assert answer["status"] == 0
            await until(lambda: len(_owners(service, second)) == 1, PATIENCE)
            await until(lambda: read(client), PATIENCE)

    print(f"the stream is with {_owners(service, second)} after three restarts")


def _log_text(service: Service, log: str) -> str:
    path = service.folder / log
    return path.read_text() if path.exists() else ""


def _owners(service: Service, second: Process) -> list[str]:
    """Names of the processes that are connected to the XMPP server."""
    server = service.server
    port = server.c2s_port if MODE == "account" else server.component_port
    both = [service.processes["xmpp"], second]
    return [one.name for one in both if one.running and _connected(one.pid, port)]


def _connected(pid: int, port: int) -> bool:
    """Whether a process has a connection to ``port`` of this machine."""
    mine = {_target(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
    rows = Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]
    for _, _, peer, state, *_, inode in (row.split()[:10] for row in rows):
        there = int(peer.partition(":")[2], 16) == port and state == ESTABLISHED
        if there and f"socket:[{inode}]" in mine:
            return True
    return False


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""  # closed meanwhile
