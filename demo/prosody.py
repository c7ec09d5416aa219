"""A Prosody of our own: one folder, three ports on loopback, nothing left behind."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Self

TEMPLATE = Path(__file__).with_name("prosody.cfg.lua")
MODULES = Path("/usr/lib/prosody/modules")
INSTALL = "sudo sh demo/install.sh prosody"
START_SECONDS = 30
STOP_SECONDS = 5

STREAM = (
    "<stream:stream xmlns='{namespace}' to='{to}' version='1.0'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)


class ProsodyError(Exception):
    """Why there is no Prosody, in one sentence for the one who started it."""


def installed() -> bool:
    """Say whether Prosody and the community modules are there."""
    commands = shutil.which("prosody") and shutil.which("prosodyctl")
    return bool(commands) and any(MODULES.glob("mod_privilege*"))


def free(port: int) -> bool:
    """Say whether a server could listen on ``port`` of 127.0.0.1."""
    with socket.socket() as probe:
        # As servers do: a connection that is only timing out is not in the way.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def bound_to_us(command: Sequence[str], user: str = "") -> list[str]:
    """Return ``command`` so that it dies when the thread that starts it does.

    Even by ``kill -9``. With ``user``, it runs as that user.
    """
    become = [f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    return ["setpriv", "--pdeathsig", "KILL", *become, *command]


def end(child: subprocess.Popen[bytes], seconds: float) -> None:
    """Ask ``child`` to stop, and kill it when it has not after ``seconds``."""
    child.terminate()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class Prosody:
    """A server whose configuration, accounts, rosters and log lie in ``folder``.

    ``component`` may read and write the rosters of ``domain``, and of no other.
    """

    def __init__(
        self,
        folder: Path,
        *,
        c2s_port: int,
        component_port: int,
        http_port: int,
        secret: str,
        domain: str = "localhost",
        component: str = "xmpp_service.localhost",
        more_domains: Sequence[str] = (),
    ) -> None:
        self.folder = folder.resolve()
        self.c2s_port = c2s_port
        self.component_port = component_port
        self.http_port = http_port
        self.secret = secret
        self.domain = domain
        self.component = component
        self.more_domains = more_domains
        # Prosody refuses root.
        self._user = "prosody" if os.geteuid() == 0 else ""
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """The file with what Prosody said since its last start."""
        return self.folder / "prosody.log"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start it, and return when all of its ports really answer."""
        if not installed():
            raise ProsodyError(f"Prosody is missing. Install it with: {INSTALL}")
        self._refuse_taken_ports()
        self._write()
        self._spawn()
        try:
            self._wait()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop it in order; those connected are told."""
        if self._child:
            end(self._child, STOP_SECONDS)

    def kill(self) -> None:
        """Stop it as a power cut does."""
        if self._child:
            self._child.kill()
            self._child.wait()

    def register(self, local: str, password: str, domain: str | None = None) -> None:
        """Make an account, or set the password of one that exists."""
        # It asks twice. Not an argument: any user of the machine can read those.
        answers = f"{password}\n{password}\n"
        self._control("register", local, domain or self.domain, answers=answers)

    def _refuse_taken_ports(self) -> None:
        for port in (self.c2s_port, self.component_port, self.http_port):
            if not free(port):
                raise ProsodyError(f"Port {port} is in use by another program.")

    def _write(self) -> None:
        data = self.folder / "data"
        data.mkdir(parents=True, exist_ok=True)
        # The folder's mode keeps the secret and the accounts from other users.
        self.folder.chmod(0o750 if self._user else 0o700)
        self._configuration.write_text(self._settings())
        self._configuration.chmod(0o644)
        if self._user:
            shutil.chown(self.folder, group=self._user)
            _give(data, self._user)
        elif not os.access(data, os.W_OK):
            raise ProsodyError(f"{data} belongs to {data.owner()}: was it run as root?")

    @property
    def _configuration(self) -> Path:
        return self.folder / "prosody.cfg.lua"

    def _settings(self) -> str:
        more = "".join(f'VirtualHost "{name}"\n' for name in self.more_domains)
        return Template(TEMPLATE.read_text()).substitute(
            c2s_port=self.c2s_port,
            component_port=self.component_port,
            http_port=self.http_port,
            domain=self.domain,
            component=self.component,
            secret=self.secret,
            more_hosts=more,
        )

    def _spawn(self) -> None:
        with self._door() as door, self.log.open("wb") as log:
            self._child = subprocess.Popen(
                self._command(door, "prosody", "-F"),
                cwd="/",
                env=_environment(door),
                pass_fds=[door],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _control(self, verb: str, *words: str, answers: str = "") -> None:
        with self._door() as door:
            done = subprocess.run(
                self._command(door, "prosodyctl", verb, *words),
                cwd="/",
                env=_environment(door),
                pass_fds=[door],
                input=answers,
                capture_output=True,
                text=True,
                timeout=START_SECONDS,
            )
        if done.returncode:
            said = done.stdout.rstrip().rpartition("\n")[2]
            raise ProsodyError(f"prosodyctl {verb} {words[0]} failed: {said}")

    def _command(self, door: int, program: str, *words: str) -> list[str]:
        configuration = f"{_path(door)}/{self._configuration.name}"
        command = [program, "--config", configuration, *words]
        return bound_to_us(command, self._user)

    @contextmanager
    def _door(self) -> Iterator[int]:
        """Hold the folder open, for a child that could not reach it by its name.

        A clone below root's home (mode 0700) is out of reach for the user prosody.
        But /proc/self/fd/N is no path to walk: it leads straight to what we have
        opened, and asks for no right on the folders above.
        """
        door = os.open(self.folder, os.O_PATH | os.O_DIRECTORY)
        try:
            yield door
        finally:
            os.close(door)

    def _wait(self) -> None:
        patience = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.running:
                raise ProsodyError(f"Prosody stopped by itself: {self._complaint()}")
            if time.monotonic() > patience:
                raise ProsodyError(f"Prosody is half started: {self._complaint()}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        client = STREAM.format(namespace="jabber:client", to=self.domain)
        service = STREAM.format(namespace="jabber:component:accept", to=self.component)
        return (
            _says(self.c2s_port, client, b"</stream:features>")
            and _says(self.component_port, service, b"<stream:stream")
            and _says(self.http_port, "GET /http-bind HTTP/1.0\r\n\r\n", b"HTTP/1.")
        )

    def _complaint(self) -> str:
        """Return the last error in the log, else its last line."""
        lines = self.log.read_text(errors="replace").split("\n")
        lines = [" ".join(line.split()) for line in lines if line.strip()]
        errors = [line for line in lines if " error " in line]
        return (errors or lines or ["it said nothing"])[-1]


def _environment(door: int) -> dict[str, str]:
    """Return all that Prosody needs to know; not our secrets."""
    return {"PATH": os.environ["PATH"], "HERE": _path(door)}


def _path(door: int) -> str:
    return f"/proc/self/fd/{door}"


def _give(folder: Path, user: str) -> None:
    """Make ``folder`` and all below it belong to ``user``, if it does not yet."""
    if folder.owner() == user:
        return
    for path in (*folder.rglob("*"), folder):
        shutil.chown(path, user, user)


def _says(port: int, question: str, expected: bytes) -> bool:
    """Say whether what listens on ``port`` answers ``question`` as ``expected``."""
    heard = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
            peer.sendall(question.encode())
            while expected not in heard and (more := peer.recv(4096)):
                heard += more
    except OSError:
        pass
    return expected in heard
