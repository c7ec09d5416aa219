"""Servers in between: PgBouncer before PostgreSQL, sentinels and sockets of a Redis."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.server import Server, bound_to_us, responds
from tests.ports import free_port
from tests.servers import ENVIRONMENT, PgBouncer, Postgres, Redis
from tests.service import ROOT
from xmppservice.runtime import transports

SCALED = {
    "SECRET_KEY": "".join(chr(65 + n % 57) for n in range(70)),
    "XMPP_SECRET": "x9-component-secret",
    "ADDRESS_BOOK_KEY": "k7-address-book-key",
}
CHECK = """
import django
django.setup()
from django.core.management.base import CommandError
from django.db import connection
from xmppservice.service import standby
with connection.cursor() as cursor:
    cursor.execute("SHOW idle_in_transaction_session_timeout")
    print(cursor.fetchone()[0])
try:
    standby.refuse_shared_sessions()
    first, second = standby.DatabaseLock(), standby.DatabaseLock()
    print(first.take(), first.take(), second.take(), second.holder().split()[0])
except CommandError as error:
    print(error)
"""


# The channel layer and the broker, each by its own client.
SEND = """
import asyncio
import django
django.setup()
from channels.layers import get_channel_layer
from xmppservice.celery import app
from xmppservice.runtime import transports
async def there_and_back():
    layer = get_channel_layer()
    await layer.send("a", {"type": "b"})
    print((await layer.receive("a"))["type"])
    await layer.close_pools()
asyncio.run(there_and_back())
app.send_task("task")
with app.connection_for_read() as connection:
    print(connection.default_channel.client.llen("celery"))
print(repr(transports.BROKER.failure()), repr(transports.CHANNEL_LAYER.failure()))
"""


def run(code: str, tmp_path: Path, **environment: str) -> list[str]:
    """Return what a process with these settings prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={
            **os.environ,
            "VAR_DIR": str(tmp_path / "var"),
            "DJANGO_SETTINGS_MODULE": "xmppservice.settings",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    with Postgres(tmp_path_factory.mktemp("pg"), fsync=False) as server:
        yield server


HOLDS = ["30s", "True True False xmppservice"]


def test_without_a_pool_the_lock_is_held(postgres, tmp_path):
    assert run(CHECK, tmp_path, DATABASE_URL=postgres.url) == HOLDS
    given = "?options=-c%20idle_in_transaction_session_timeout%3D7s"
    assert run(CHECK, tmp_path, DATABASE_URL=postgres.url + given)[0] == "7s"


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_a_pool_that_shares_sessions_is_refused(postgres, tmp_path, mode):
    with PgBouncer(tmp_path / "pool", postgres, mode) as pool:
        timeout, found = run(CHECK, tmp_path, DATABASE_URL=pool.url)
    assert timeout == "30s"
    if mode == "session":
        assert found == HOLDS[1]
    else:
        assert found.startswith("DATABASE_URL leads to a pool that shares sessions")


class GuardedRedis(Server):
    """A Redis with a password and a socket; or with ``watched``, its sentinel."""

    name = "Redis"
    package = "redis"

    def __init__(self, folder: Path, watched: "GuardedRedis | None" = None) -> None:
        self.port = free_port()
        super().__init__(folder, self.port)
        self.socket = self.folder / "r.sock"
        self._watched = watched

    @classmethod
    def installed(cls) -> bool:
        return True

    def _prepare(self) -> None:
        lines = [f"port {self.port}", "bind 127.0.0.1", f"dir {self.folder}"]
        if self._watched:
            primary = f"127.0.0.1 {self._watched.port} 1"
            lines += [f"sentinel monitor grp {primary}", "sentinel auth-pass grp p@w"]
        else:
            lines += [f"unixsocket {self.socket}", "requirepass p@w", 'save ""']
        (self.folder / "redis.conf").write_text("\n".join(lines))

    def _launch(self) -> None:
        mode = ["--sentinel"] if self._watched else []
        command = ["redis-server", str(self.folder / "redis.conf"), *mode]
        self._spawn(bound_to_us(command), ENVIRONMENT)

    def _answers(self) -> bool:
        expected = b"+PONG" if self._watched else b"-NOAUTH"
        return responds(self.port, "PING\r\n", expected)


def test_a_redis_that_ends_and_comes_back_is_noticed(tmp_path, settings, monkeypatch):
    monkeypatch.setattr(transports, "FRESH_SECONDS", -1.0)
    probes = (transports.BROKER, transports.CHANNEL_LAYER)
    with Redis(tmp_path) as redis:
        settings.CELERY_BROKER_URL = settings.CHANNEL_LAYER_URL = redis.url
        assert [probe.failure() for probe in probes] == ["", ""]
        redis.kill()
        assert [probe.failure() for probe in probes] == ["ConnectionError"] * 2
        redis.start()
        assert [probe.failure() for probe in probes] == ["", ""]


def test_one_url_leads_both_clients_through_sentinels_and_sockets(tmp_path):
    with (
        GuardedRedis(tmp_path / "redis") as redis,
        GuardedRedis(tmp_path / "sentinel", redis) as sentinel,
    ):
        hosts = f"127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}"
        for url in (
            f"sentinel://:p%40w@{hosts}/1?master=grp",
            f"redis+socket://:p%40w@{redis.socket}?db=2",
            f"unix://:p%40w@{redis.socket}?db=3",
        ):
            urls = {"CELERY_BROKER_URL": url, "CHANNEL_LAYER_URL": url}
            assert run(SEND, tmp_path, **urls, **SCALED) == ["b", "1", "'' ''"]
