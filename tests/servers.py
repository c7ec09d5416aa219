"""What a service in several processes shares: servers of Debian's, of our own.

Each keeps all it has in one folder and listens on ports of 127.0.0.1 that stay the
same when it starts again. ``url`` is what the settings of the service take.
"""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from demo.server import Server, ServerError, bound_to_us, path, says
from tests.ports import free_port

INITDB = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=None)
RABBITMQ = max(
    Path("/usr/lib/rabbitmq/lib").glob("*/sbin/rabbitmq-server"), default=None
)
DATABASE = "xmppservice"
DATABASES = 1_000  # of a Redis
INIT_SECONDS = 60
ENVIRONMENT = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
RABBITMQ_ENVIRONMENT = {
    **ENVIRONMENT,
    "RABBITMQ_NODENAME": "rabbit@localhost",
    "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
    "RABBITMQ_LOGS": "-",
    # For the Erlang, too, that looks once a minute whether there is an epmd: it would
    # leave one behind.
    "ERL_ZFLAGS": "-start_epmd false",
    # The script becomes the server, instead of waiting for it.
    "detached": "yes",
}
# The node has its name before the server asks for it, and then looks for nobody.
RABBITMQ_ARGUMENTS = (
    "-sname rabbit@localhost -kernel inet_dist_use_interface {{127,0,0,1}}"
    " -erl_epmd_port {}"
)


class Postgres(Server):
    """A PostgreSQL with an empty database, whose superuser needs no password.

    Without ``fsync`` it is faster; what it has stored survives its own death, but
    not that of the machine.
    """

    name = "PostgreSQL"
    package = "postgresql"
    _trouble = re.compile("FATAL|PANIC")
    # Those connected need not go first.
    _goodbye = signal.SIGINT
    _stand_in = "postgres"

    def __init__(self, folder: Path, *, fsync: bool = True) -> None:
        self.port = free_port()
        super().__init__(folder, self.port)
        self._fsync = "on" if fsync else "off"

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{DATABASE}"

    def restart(self) -> None:
        """Stop it in order, and start it again."""
        self.stop()
        self.start()

    @classmethod
    def installed(cls) -> bool:
        return INITDB is not None

    def _prepare(self) -> None:
        clusters = self.folder / "clusters"
        self._furnish(clusters)
        if not (clusters / "main").exists():
            shutil.rmtree(clusters / "new", ignore_errors=True)
            self._make("initdb", "-N", "-A", "trust", "-U", "postgres", "-E", "UTF8")
            create = f"CREATE DATABASE {DATABASE};\n"
            self._make("postgres", "--single", "postgres", answers=create)
            (clusters / "new").rename(clusters / "main")

    def _make(self, program: str, *words: str, answers: str = "") -> None:
        """Run one of its programs on the cluster that is not finished yet."""
        with self._door() as door:
            done = subprocess.run(
                self._command(door, program, "new", *words),
                cwd="/",
                env=ENVIRONMENT,
                pass_fds=[door],
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
        with self._door() as door:
            command = self._command(door, "postgres", "main", *words)
            self._spawn(command, ENVIRONMENT, door)

    def _command(self, door: int, program: str, cluster: str, *words: str) -> list[str]:
        assert INITDB is not None
        # Where `postgres` is to run alone, that must be its first word.
        words = (*words[:1], "-D", f"{path(door)}/clusters/{cluster}", *words[1:])
        return bound_to_us([str(INITDB.with_name(program)), *words], self._user)

    def _answers(self) -> bool:
        """Say whether one can log in, and is asked for a query."""
        login = f"\0\3\0\0user\0postgres\0database\0{DATABASE}\0\0"
        length = f"\0\0\0{chr(len(login) + 4)}"
        return says(self.port, length + login, b"Z\0\0\0\5I")


class Redis(Server):
    """A Redis that writes nothing down: it is empty when it starts again."""

    name = "Redis"
    package = "redis"
    _trouble = re.compile("# (?!WARNING)")

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
        return says(self.port, "PING\r\n", b"+PONG")


class RabbitMQ(Server):
    """A RabbitMQ without plugins, whose user is the ``guest`` it comes with."""

    name = "RabbitMQ"
    package = "rabbitmq"
    _trouble = re.compile("failed to", re.IGNORECASE)

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
        self._furnish(self.folder / "data")
        (self.folder / "enabled_plugins").write_text("[].\n")

    def _launch(self) -> None:
        # The script itself, not Debian's around it, which refuses all users but two.
        self._spawn(bound_to_us([str(RABBITMQ)]), self._environment())

    def _environment(self) -> dict[str, str]:
        """Return all that it needs to know; nothing of it is in /etc."""
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
            # Where the cookie is, made at the first start.
            "HOME": str(self.folder),
        }

    def _answers(self) -> bool:
        return says(self.port, "AMQP\0\0\t\1", b"RabbitMQ")
