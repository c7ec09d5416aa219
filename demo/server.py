"""A server of Debian's as our child: one folder, ports on loopback, nothing left."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

INSTALL = "sudo sh demo/install.sh"
START_SECONDS = 60
STOP_SECONDS = 5

STREAM = (
    "<stream:stream xmlns='{namespace}' to='{to}' version='1.0'"
    " xmlns:stream='http://etherx.jabber.org/streams'>"
)


class ServerError(Exception):
    """Why there is no server, in one sentence for the one who started it."""


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


def says(port: int, question: str, expected: bytes) -> bool:
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


def bound_to_us(command: Sequence[str], user: str = "") -> list[str]:
    """Return ``command`` so that it dies when the thread that starts it does.

    Even by ``kill -9``. With ``user``, it runs as that user.
    """
    become = [f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    return ["setpriv", "--pdeathsig", "KILL", *become, *command]


def end(
    child: subprocess.Popen[bytes],
    seconds: float,
    by: signal.Signals = signal.SIGTERM,
) -> None:
    """Ask ``child`` to stop, and kill it when it has not after ``seconds``."""
    child.send_signal(by)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class Server:
    """A child that listens on ``ports`` of 127.0.0.1 and keeps all in ``folder``.

    The methods at the end are what each server does in a way of its own.
    """

    name: str
    package: str
    # What a line of the log has when it says why there is no server.
    _trouble = re.compile(r"\berror\b", re.IGNORECASE)
    _goodbye = signal.SIGTERM
    # Who runs it when we are root, for a server that refuses root.
    _stand_in = ""

    def __init__(self, folder: Path, *ports: int) -> None:
        self.folder = folder.resolve()
        self._ports = ports
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> Path:
        """The file with what it said since its last start."""
        return self.folder / f"{self.package}.log"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def processes(self) -> set[int]:
        """The process it is, and all that it has started."""
        if not (self._child and self.running):
            return set()
        return {self._child.pid, *_below(self._child.pid)}

    def start(self) -> None:
        """Start it, and return when all of its ports really answer."""
        if not self.installed():
            install = f"{INSTALL} {self.package}"
            raise ServerError(f"{self.name} is missing. Install it with: {install}")
        self._refuse_taken_ports()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._prepare()
        try:
            self._launch()
            self._wait()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Stop it in order; those connected are told."""
        if self._child:
            end(self._child, STOP_SECONDS, self._goodbye)

    def kill(self) -> None:
        """Stop it, and all that it has started, as a power cut does."""
        if self._child and self.running:
            # Held, so that it starts no more while we look.
            self._child.send_signal(signal.SIGSTOP)
            _kill(self.processes)
            self._child.wait()

    def _refuse_taken_ports(self) -> None:
        for port in self._ports:
            if not free(port):
                raise ServerError(f"Port {port} is in use by another program.")

    def _spawn(
        self, command: Sequence[str], environment: Mapping[str, str], *doors: int
    ) -> None:
        """Run the server itself, which finds ``doors`` open."""
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                command,
                cwd="/",
                env=environment,
                pass_fds=doors,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait(self) -> None:
        patience = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.running:
                raise ServerError(f"{self.name} stopped by itself: {self._complaint()}")
            if time.monotonic() > patience:
                raise ServerError(f"{self.name} is half started: {self._complaint()}")
            time.sleep(0.02)

    def _complaint(self) -> str:
        """Return the last error in the log, else its last line."""
        lines = self.log.read_text(errors="replace").split("\n")
        lines = [" ".join(line.split()) for line in lines if line.strip()]
        errors = [line for line in lines if self._trouble.search(line)]
        return (errors or lines or ["it said nothing"])[-1]

    @property
    def _user(self) -> str:
        return self._stand_in if os.geteuid() == 0 else ""

    def _furnish(self, data: Path) -> None:
        """Make ``data``, below the folder, for it to write and nobody else to see."""
        data.mkdir(exist_ok=True)
        # What is in the folder, the secrets too, is as private as the folder.
        self.folder.chmod(0o750 if self._user else 0o700)
        if self._user:
            shutil.chown(self.folder, group=self._user)
            _give(data, self._user)
        elif not os.access(data, os.W_OK):
            raise ServerError(f"{data} belongs to {data.owner()}: was it run as root?")

    @contextmanager
    def _door(self) -> Iterator[int]:
        """Hold the folder open, for a child that could not reach it by its name.

        A clone below root's home (mode 0700) is out of reach for another user. But
        /proc/self/fd/N is no path to walk: it leads straight to what we have opened,
        and asks for no right on the folders above.
        """
        door = os.open(self.folder, os.O_PATH | os.O_DIRECTORY)
        try:
            yield door
        finally:
            os.close(door)

    @classmethod
    def installed(cls) -> bool:
        """Say whether Debian's packages for it are there."""
        raise NotImplementedError

    def _prepare(self) -> None:
        """Write what it reads at its start."""
        raise NotImplementedError

    def _launch(self) -> None:
        """Call ``_spawn``."""
        raise NotImplementedError

    def _answers(self) -> bool:
        """Say whether all of its ports do what they are there for."""
        raise NotImplementedError


class JabberServer(Server):
    """An XMPP server with accounts at ``domain`` and ``more_domains``.

    ``component`` and ``account``, a bare JID, may read and write the rosters of
    ``domain``, and of no other.
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
        account: str = "",
        more_domains: Sequence[str] = (),
    ) -> None:
        super().__init__(folder, c2s_port, component_port, http_port)
        self.c2s_port = c2s_port
        self.component_port = component_port
        self.http_port = http_port
        self.secret = secret
        self.domain = domain
        self.component = component
        self.account = account
        self.more_domains = more_domains

    def register(self, local: str, password: str, domain: str | None = None) -> None:
        """Make an account, or set the password of one that exists."""
        raise NotImplementedError

    def unregister(self, local: str) -> None:
        """Remove an account of the first domain."""
        raise NotImplementedError

    def _answers(self) -> bool:
        client = STREAM.format(namespace="jabber:client", to=self.domain)
        service = STREAM.format(namespace="jabber:component:accept", to=self.component)
        return says(self.c2s_port, client, b"</stream:features>") and says(
            self.component_port, service, b"<stream:stream"
        )


def path(door: int) -> str:
    """Return the path of a folder for a child to which we have passed ``door``."""
    return f"/proc/self/fd/{door}"


def _give(folder: Path, user: str) -> None:
    """Make ``folder`` and all below it belong to ``user``, if it does not yet."""
    if folder.owner() == user:
        return
    for path in (*folder.rglob("*"), folder):
        shutil.chown(path, user, user)


def _below(pid: int) -> set[int]:
    """Return the processes that ``pid`` has started, and those that they have."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").glob("[0-9]*")}
    results: set[int] = set()
    new = {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - results
        results |= new
    return results


def _parent(process: Path) -> int:
    """Return the parent of a ``process`` in /proc; 0 when it is not there any more."""
    status = _status(process)
    return int(status[1]) if status else 0


def _status(process: Path) -> list[str]:
    """Return state, parent and more of a ``process`` in /proc; nothing when it is gone.

    The name that precedes them, in brackets, can have blanks and brackets of its own.
    """
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def lives(pid: int) -> bool:
    """Say whether ``pid`` still holds files and ports."""
    return _status(Path(f"/proc/{pid}"))[:1] not in ([], ["Z"], ["X"])


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    while any(map(lives, pids)):
        time.sleep(0.002)
