"""A server from Debian as a child process: one folder, ports on loopback."""

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
    """A server could not be started; the message is one sentence."""


def is_free(port: int) -> bool:
    """Return whether a server could listen on ``port`` of 127.0.0.1."""
    with socket.socket() as probe:
        # As servers do: a connection in TIME_WAIT does not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def responds(port: int, request: str, expected: bytes) -> bool:
    """Return whether the response to ``request`` on ``port`` has ``expected``."""
    response = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as peer:
            peer.sendall(request.encode())
            while expected not in response and (data := peer.recv(4096)):
                response += data
    except OSError:
        pass
    return expected in response


def bound_to_us(command: Sequence[str], user: str = "") -> list[str]:
    """Return ``command`` so that it dies with the thread that starts it.

    That holds even for ``kill -9``. With ``user``, it runs as that user.
    """
    become = [f"--reuid={user}", f"--regid={user}", "--clear-groups"] if user else []
    return ["setpriv", "--pdeathsig", "KILL", *become, *command]


def end(
    child: subprocess.Popen[bytes],
    seconds: float,
    by: signal.Signals = signal.SIGTERM,
) -> None:
    """Ask ``child`` to stop; kill it if it still runs after ``seconds``."""
    child.send_signal(by)
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


class Server:
    """A child that listens on ``ports`` of 127.0.0.1 and writes to ``folder`` only.

    Each kind of server implements the methods at the end.
    """

    name: str
    package: str
    # Matches a line of the log that explains why the server did not start.
    _error_pattern = re.compile(r"\berror\b", re.IGNORECASE)
    _stop_signal = signal.SIGTERM
    # Runs a server that refuses to run as root, if we are root.
    _unprivileged_user = ""

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
        """The file with its output since its last start."""
        return self.folder / f"{self.package}.log"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.poll() is None

    @property
    def processes(self) -> set[int]:
        """Its process, and all processes that it has started."""
        if not (self._child and self.running):
            return set()
        return {self._child.pid, *descendants(self._child.pid)}

    def start(self) -> None:
        """Start it, and return when all of its ports respond."""
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
        """Stop it in an orderly way: it closes its connections."""
        if self._child:
            end(self._child, STOP_SECONDS, self._stop_signal)

    def kill(self) -> None:
        """Kill it and all processes that it has started, as a power failure would."""
        if self._child and self.running:
            # Paused, so that it starts no more processes meanwhile.
            self._child.send_signal(signal.SIGSTOP)
            _kill(self.processes)
            self._child.wait()

    def _refuse_taken_ports(self) -> None:
        for port in self._ports:
            if not is_free(port):
                raise ServerError(f"Port {port} is in use by another program.")

    def _spawn(
        self, command: Sequence[str], environment: Mapping[str, str], *folder_fds: int
    ) -> None:
        """Run the server itself, which inherits ``folder_fds``."""
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                command,
                cwd="/",
                env=environment,
                pass_fds=folder_fds,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if not self.running:
                raise ServerError(
                    f"{self.name} stopped unexpectedly: {self._last_error()}"
                )
            if time.monotonic() > deadline:
                raise ServerError(
                    f"{self.name} did not become ready: {self._last_error()}"
                )
            time.sleep(0.02)

    def _last_error(self) -> str:
        """Return the last error in the log, else its last line."""
        lines = self.log.read_text(errors="replace").split("\n")
        lines = [" ".join(line.split()) for line in lines if line.strip()]
        errors = [line for line in lines if self._error_pattern.search(line)]
        return (errors or lines or ["its log is empty"])[-1]

    @property
    def _user(self) -> str:
        return self._unprivileged_user if os.geteuid() == 0 else ""

    def _prepare_data(self, data: Path) -> None:
        """Create ``data``, below the folder, with access for the server only."""
        data.mkdir(exist_ok=True)
        # The folder protects everything in it, secrets included.
        self.folder.chmod(0o750 if self._user else 0o700)
        if self._user:
            shutil.chown(self.folder, group=self._user)
            _change_owner(data, self._user)
        elif not os.access(data, os.W_OK):
            raise ServerError(
                f"{data} belongs to {data.owner()}: was the server run as root before?"
            )

    @contextmanager
    def _open_folder(self) -> Iterator[int]:
        """Open the folder for a child that may not be able to reach it by its path.

        A clone below root's home (mode 0700) is not accessible to another user. But
        /proc/self/fd/N leads directly to the open folder, without permissions on the
        folders above it.
        """
        folder_fd = os.open(self.folder, os.O_PATH | os.O_DIRECTORY)
        try:
            yield folder_fd
        finally:
            os.close(folder_fd)

    @classmethod
    def installed(cls) -> bool:
        """Return whether its Debian packages are installed."""
        raise NotImplementedError

    def _prepare(self) -> None:
        """Write the files that it reads when it starts."""
        raise NotImplementedError

    def _launch(self) -> None:
        """Call ``_spawn``."""
        raise NotImplementedError

    def _answers(self) -> bool:
        """Return whether all of its ports respond correctly."""
        raise NotImplementedError


class JabberServer(Server):
    """An XMPP server with accounts at ``domain`` and ``more_domains``.

    ``component`` and ``account``, a bare JID, may read and write the rosters of
    ``domain``, and of no other. With ``companion`` Prosody loads our module for the
    component there (deploy/prosody); ejabberd has none.
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
        component: str = "xmpp-service.localhost",
        account: str = "",
        more_domains: Sequence[str] = (),
        companion: bool = True,
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
        self.companion = companion

    def register(self, local: str, password: str, domain: str | None = None) -> None:
        """Create an account, or set the password of an existing one."""
        raise NotImplementedError

    def unregister(self, local: str) -> None:
        """Delete an account of the first domain."""
        raise NotImplementedError

    def _answers(self) -> bool:
        client = STREAM.format(namespace="jabber:client", to=self.domain)
        service = STREAM.format(namespace="jabber:component:accept", to=self.component)
        return responds(self.c2s_port, client, b"</stream:features>") and responds(
            self.component_port, service, b"<stream:stream"
        )


def path(folder_fd: int) -> str:
    """Return the folder's path for a child that inherits ``folder_fd``."""
    return f"/proc/self/fd/{folder_fd}"


def _change_owner(folder: Path, user: str) -> None:
    """Make ``user`` the owner of ``folder`` and everything below it."""
    if folder.owner() == user:
        return
    for path in (*folder.rglob("*"), folder):
        shutil.chown(path, user, user)


def descendants(pid: int) -> set[int]:
    """Return the descendants of the process ``pid``."""
    parents = {int(path.name): _parent(path) for path in Path("/proc").glob("[0-9]*")}
    results: set[int] = set()
    new = {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - results
        results |= new
    return results


def _parent(process: Path) -> int:
    """Return the parent of a ``process`` in /proc; 0 if it has ended."""
    status = _status(process)
    return int(status[1]) if status else 0


def _status(process: Path) -> list[str]:
    """Return state, parent and more of a ``process`` in /proc; empty if it has ended.

    The name before them, in parentheses, may itself contain blanks and parentheses.
    """
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    """Return whether ``pid`` still holds files and ports."""
    return _status(Path(f"/proc/{pid}"))[:1] not in ([], ["Z"], ["X"])


def _kill(pids: Iterable[int]) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    while any(map(is_alive, pids)):
        time.sleep(0.002)
