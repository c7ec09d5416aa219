"""The servers that a service in several processes shares: our own, from Debian.

Each keeps its files in one folder and listens on ports of 127.0.0.1 that stay the same
after a restart. ``url`` is the value for the settings of the service.
"""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from demo.server import Server, ServerError, bound_to_us, path, responds
from tests.ports import free_port

INITDB = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=None)
RABBITMQ = max(
    Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server"), default=None
)
DATABASE = "xmppservice"
DATABASES = 1_000  # of a Redis
INIT_SECONDS = 60
SBIN = f"{os.environ['PATH']}:/usr/sbin"
ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
RABBITMQ_ENVIRONMENT = {
    **ENVIRONMENT,
    "RABBITMQ_NODENAME": "rabbit@localhost",
    "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
    "RABBITMQ_LOGS": "-",
    # Also for the Erlang that looks for an epmd once a minute: it would start one and
    # leave it behind.
    "ERL_ZFLAGS": "-start_epmd false",
    # The script becomes the server, instead of waiting for it.
    "detached": "yes",
}
# The node has its name before the server asks for it, so it looks for no other node.
RABBITMQ_ARGUMENTS = (
    "-sname rabbit@localhost -kernel inet_dist_use_interface {{127,0,0,1}}"
    " -erl_epmd_port {}"
)


class Postgres(Server):
    """A PostgreSQL with an empty database, whose superuser needs no password.

    Without ``fsync`` it is faster, but its data survives only a crash of its own,
    not of the machine.
    """

    name = "PostgreSQL"
    package = "postgresql"
    _error_pattern = re.compile("FATAL|PANIC")
    # It does not wait for clients to disconnect.
    _stop_signal = signal.SIGINT
    _unprivileged_user = "postgres"

    def __init__(self, folder: Path, *, fsync: bool = True) -> None:
        self.port = free_port()
        super().__init__(folder, self.port)
        self._fsync = "on" if fsync else "off"

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{DATABASE}"

    def restart(self) -> None:
        """Shut it down cleanly, and start it again."""
        self.stop()
        self.start()

    @classmethod
    def installed(cls) -> bool:
        return INITDB is not None

    def _prepare(self) -> None:
        clusters = self.folder / "clusters"
        self._prepare_data(clusters)
        if not (clusters / "main").exists():
            shutil.rmtree(clusters / "new", ignore_errors=True)
            self._make("initdb", "-N", "-A", "trust", "-U", "postgres", "-E", "UTF8")
            create = f"CREATE DATABASE {DATABASE};\n"
            self._make("postgres", "--single", "postgres", answers=create)
            (clusters / "new").rename(clusters / "main")

    def _make(self, program: str, *words: str, answers: str = "") -> None:
        """Run one of its programs on the unfinished cluster."""
        with self._open_folder() as folder_fd:
            done = subprocess.run(
                self._command(folder_fd, program, "new", *words),
                cwd="/",
                env=ENVIRONMENT,
                pass_fds=[folder_fd],
                input=answers,
                capture_output=True,
                text=True,
                timeout=INIT_SECONDS,
            )
        if done.returncode:
            raise ServerError(f"{program} failed: {done.stderr.strip()}")

    def _launch(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": self._fsync,
        }
        words = [f"--{name}={value}" for name, value in settings.items()]
        with self._open_folder() as folder_fd:
            command = self._command(folder_fd, "postgres", "main", *words)
            self._spawn(command, ENVIRONMENT, folder_fd)

    def _command(
        self, folder_fd: int, program: str, cluster: str, *words: str
    ) -> list[str]:
        assert INITDB is not None
        # `postgres` takes `--single` only as its first word.
        words = (*words[:1], "-D", f"{path(folder_fd)}/clusters/{cluster}", *words[1:])
        return bound_to_us([str(INITDB.with_name(program)), *words], self._user)

    def _answers(self) -> bool:
        """Return whether a login succeeds and a query can follow."""
        login = f"\0\3\0\0user\0postgres\0database\0{DATABASE}\0\0"
        length = f"\0\0\0{chr(len(login) + 4)}"
        return responds(self.port, length + login, b"Z\0\0\0\5I")


class PgBouncer(Server):
    """A pool in front of a PostgreSQL, with PgBouncer's own defaults."""

    name = "PgBouncer"
    package = "pgbouncer"
    _error_pattern = re.compile("ERROR|FATAL")
    _stop_signal = signal.SIGINT
    _unprivileged_user = "postgres"

    def __init__(self, folder: Path, postgres: Postgres, mode: str) -> None:
        self.port = free_port()
        super().__init__(folder, self.port)
        self._postgres, self._mode = postgres, mode

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{DATABASE}"

    @classmethod
    def installed(cls) -> bool:
        return bool(shutil.which("pgbouncer", path=SBIN))

    def _prepare(self) -> None:
        self._prepare_data(self.folder / "data")
        (self.folder / "pool.ini").write_text(
            "[databases]\n"
            f"* = host=127.0.0.1 port={self._postgres.port} user=postgres\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = any\npool_mode = {self._mode}\n"
        )

    def _launch(self) -> None:
        with self._open_folder() as folder_fd:
            words = ["sh", "-c", 'cd "$1" && exec pgbouncer pool.ini', "sh"]
            command = bound_to_us([*words, path(folder_fd)], self._user)
            self._spawn(command, {**ENVIRONMENT, "PATH": SBIN}, folder_fd)

    def _answers(self) -> bool:
        login = f"\0\3\0\0user\0postgres\0database\0{DATABASE}\0\0"
        length = f"\0\0\0{chr(len(login) + 4)}"
        return responds(self.port, length + login, b"Z\0\0\0\5I")


class Redis(Server):
    """A Redis without persistence: it is empty after a restart."""

    name = "Redis"
    package = "redis"
    _error_pattern = re.compile("# (?!WARNING)")

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        super().__init__(folder, self.port)

    @property
    def url(self) -> str:
        return f"{self.server_url}/0"

    @property
    def server_url(self) -> str:
        """``url`` without the number of a database."""
        return f"redis://127.0.0.1:{self.port}"

    @classmethod
    def installed(cls) -> bool:
        return bool(shutil.which("redis-server"))

    def _prepare(self) -> None:
        pass

    def _launch(self) -> None:
        listen = ["--bind", "127.0.0.1", "--port", str(self.port)]
        keep = ["--dir", str(self.folder), "--save", "", "--appendonly", "no"]
        keep += ["--databases", str(DATABASES)]
        self._spawn(bound_to_us(["redis-server", *listen, *keep]), ENVIRONMENT)

    def _answers(self) -> bool:
        return responds(self.port, "PING\r\n", b"+PONG")


class RabbitMQ(Server):
    """A RabbitMQ without plugins, with its default user ``guest``."""

    name = "RabbitMQ"
    package = "rabbitmq"
    _error_pattern = re.compile("failed to", re.IGNORECASE)

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._node_port = free_port()
        super().__init__(folder, self.port, self._node_port)

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @classmethod
    def installed(cls) -> bool:
        return RABBITMQ is not None

    def _prepare(self) -> None:
        self._prepare_data(self.folder / "data")
        (self.folder / "enabled_plugins").write_text("[].\n")

    def _launch(self) -> None:
        # The script itself, not Debian's wrapper, which refuses all users but two.
        self._spawn(bound_to_us([str(RABBITMQ)]), self._environment())

    def _environment(self) -> dict[str, str]:
        """Return its whole configuration; none of it is in /etc."""
        places = {
            "MNESIA_BASE": "data",
            "LOG_BASE": "logs",
            "ENABLED_PLUGINS_FILE": "enabled_plugins",
            "CONF_ENV_FILE": "rabbitmq-env.conf",
            "CONFIG_FILE": "rabbitmq",
            "ADVANCED_CONFIG_FILE": "advanced.config",
        }
        return {
            **RABBITMQ_ENVIRONMENT,
            **{f"RABBITMQ_{name}": f"{self.folder}/{places[name]}" for name in places},
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": RABBITMQ_ARGUMENTS.format(
                self._node_port
            ),
            # Where it makes its cookie at the first start.
            "HOME": str(self.folder),
        }

    def _answers(self) -> bool:
        return responds(self.port, "AMQP\0\0\t\1", b"RabbitMQ")
