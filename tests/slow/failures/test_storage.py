"""A full disk, read-only storage, an unavailable database.

Commands are answered ``SQL_ERROR``, the API says that nothing was stored, and clients
can still read the document. Afterwards all works again, in the same processes.
"""

import asyncio
import resource
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from demo.client import Client
from tests import service as services
from tests.servers import Postgres
from tests.service import DEPLOYMENT, SERVICE, Service, until

DISK = 16  # megabytes
PATIENCE = 120  # seconds

one_process = pytest.mark.skipif(DEPLOYMENT != "one", reason="needs one process")
scaled = pytest.mark.skipif(DEPLOYMENT == "one", reason="needs several processes")


@one_process
async def test_a_full_disk(new_service, small_disk: "Disk"):
    service: Service = new_service(VAR_DIR=str(small_disk.path))
    await _refused_while(service, small_disk.full())
    assert service.shell(CHECK) == "ok"


@one_process
async def test_storage_that_cannot_be_written(new_service):
    service: Service = new_service()
    await _refused_while(service, _no_writing(service.pid))
    assert service.shell(CHECK) == "ok"


@scaled
async def test_a_database_that_cannot_be_written(new_service):
    service: Service = new_service()
    await _refused_while(service, _read_only(service))


@scaled
async def test_an_unavailable_database(new_service):
    service: Service = new_service()
    await _refused_while(service, _away(service))


async def _refused_while(
    service: Service, broken: AbstractContextManager[None]
) -> None:
    (local,) = service.register()
    pids = {name: one.pid for name, one in service.processes.items()}
    async with service.client(local) as client:
        document = await client.document(SERVICE)
        with broken:
            refused = await _first_refused(client)
            assert await client.document(SERVICE) == document
            await until(lambda: asyncio.to_thread(_is_refused, service), PATIENCE)

        print(f"command {refused} was the first to be refused")
        # PostgreSQL signals the change to its sessions, which takes a moment.
        await until(lambda: _is_repeated(client, refused), PATIENCE)
        await until(lambda: asyncio.to_thread(_is_stored, service), PATIENCE)

        async def live() -> bool:
            return "Amid" in await client.document(SERVICE)

        await until(live, PATIENCE)
        contacts = {f"c{number}@localhost" for number in range(refused + 1)}
        assert set(await client.roster()) == contacts
    await until(lambda: set(service.states()) == {"sent"}, PATIENCE)
    assert {name: one.pid for name, one in service.processes.items()} == pids
    assert all(one.running for one in service.processes.values())
    assert "Traceback" not in service.log.read_text()


async def _first_refused(client: Client) -> int:
    """Return the number of the first command that is answered SQL_ERROR.

    A full disk still stores a little, in space that was used before.
    """
    for number in range(1000):
        answer = await _add(client, number)
        if answer["status"] == 1:
            assert answer["errorCode"] == "SQL_ERROR"
            return number
        assert answer["status"] == 0
    raise AssertionError("all was stored")


async def _add(client: Client, number: int) -> dict:
    payload = {"channelUsers": [{"name": f"C {number}", "address": f"c{number}"}]}
    return await client.command(
        SERVICE, "cmd_add_to_roster", payload, id=f"cmd-{number}", timeout=PATIENCE
    )


async def _is_repeated(client: Client, number: int) -> bool:
    return (await _add(client, number))["status"] == 0


def _is_refused(service: Service) -> bool:
    status, _, body = service.http("POST", "/api/buddies/", _entry("Refused"))
    print(f"the API says {status} {body}")
    return status == 503 and body["code"] == "storage_failed"


def _is_stored(service: Service) -> bool:
    status, _, body = service.http("POST", "/api/buddies/", _entry("Amid"))
    print(f"the API says {status} {body}")
    return status == 201


def _entry(name: str) -> dict:
    return {"type": "channel", "webIsPublished": True, "info": {"name": name}}


# --- What breaks ------------------------------------------------------------------

CHECK = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("PRAGMA integrity_check")
    print(cursor.fetchone()[0])
"""


class Disk:
    """A small disk at ``path``, visible in the namespace of ``pid``."""

    def __init__(self, path: Path, pid: int) -> None:
        self.path = path
        self._ballast = Path(f"/proc/{pid}/root{path}") / "ballast"

    @contextmanager
    def full(self) -> Iterator[None]:
        try:
            with self._ballast.open("wb", buffering=0) as ballast:
                while ballast.write(bytes(4096)) == 4096:
                    pass
        except OSError:
            pass  # No space left on device.
        yield
        self._ballast.unlink()


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    """Mount a disk for the service alone: in a namespace, which needs no root.

    The kernel removes it with the last process that sees it.
    """
    path = tmp_path / "disk"
    path.mkdir()
    mount = f"mount -t tmpfs -o size={DISK}m tmpfs '{path}' && echo here && exec cat"
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, stderr=subprocess.STDOUT, **pipes) as holder:
        assert holder.stdin
        assert holder.stdout
        said = holder.stdout.readline()
        assert said == b"here\n", f"no disk of our own: {said.decode()}"
        monkeypatch.setattr(
            services, "MANAGE", [*_entering(holder.pid), *services.MANAGE]
        )
        yield Disk(path, holder.pid)


def _entering(pid: int) -> list[str]:
    """Return the prefix of a command that is to run in the namespace of ``pid``."""
    enter = ["nsenter", f"--target={pid}", "--user", "--mount"]
    enter += ["--preserve-credentials", f"--wd={services.ROOT}"]
    # Again, because entering a namespace unbinds the process from us.
    return [*enter, "setpriv", "--pdeathsig", "KILL"]


@contextmanager
def _no_writing(pid: int) -> Iterator[None]:
    """Make the kernel refuse every write of a process to a file."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def _read_only(service: Service) -> Iterator[None]:
    service.sql("ALTER SYSTEM SET default_transaction_read_only = on")
    service.sql("SELECT pg_reload_conf()")
    yield
    service.sql("ALTER SYSTEM RESET default_transaction_read_only")
    service.sql("SELECT pg_reload_conf()")


@contextmanager
def _away(service: Service) -> Iterator[None]:
    database = service.backends["DATABASE_URL"]
    assert isinstance(database, Postgres)
    database.stop()
    yield
    database.start()
