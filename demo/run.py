"""`make run`: Prosody and the service on this machine, until Ctrl-C stops both."""

import signal

if __name__ == "__main__":
    # Until main() has its own: Ctrl-C during the imports below prints no traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import asyncio
import fcntl
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from typing import NoReturn

from demo import settings
from demo.client import Client, ClientError
from demo.prosody import Prosody
from demo.server import ServerError, bound_to_us, end, is_free

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LOG = settings.VAR_DIR / "serve.log"
ECHO_LOG = settings.VAR_DIR / "echo.log"
READY_SECONDS = 90
STOP_SECONDS = 15

SUMMARY = """
Ready.

  Webchat    http://127.0.0.1:{http}/webchat/   (every channel answers)
  Admin      http://127.0.0.1:{http}/admin/   user admin, password {password}
  API        http://127.0.0.1:{http}/api/     as admin, or with the header
             Authorization: Bearer {token}
  Service    {service}   (its JID)
  XMPP       127.0.0.1:{c2s}, domain {domain}, no TLS
             BOSH http://127.0.0.1:{bosh}/http-bind
             WebSocket {websocket}
  Accounts   {people}
             all with the password {demo_password}
  Log        {log}

  Try it     {try_it}   (in another terminal)
  Stop       Ctrl-C
"""


class Failure(Exception):
    """The demo cannot run; the message is one sentence."""


class Stopped(BaseException):
    """A signal asked us to stop."""


def main() -> None:
    """Run until a signal, then exit with 0; on failure, exit with 1 and a sentence."""
    for number in SIGNALS:
        # With nohup it must continue without a terminal.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    try:
        if not find_spec("django"):
            raise Failure(
                "The Python packages are missing. Start the demo with `make run`."
            )
        run()
    except Stopped:
        say("Stopped.")
    except (Failure, ServerError, OSError) as error:
        sys.exit(str(error))


def run() -> None:
    with only_one():
        refuse_taken_ports()
        with prosody() as server:
            prepare_database()
            register(server)
            with service() as child, echo_bot():
                wait_until_ready(server, child)
                say(summary())
                watch(server, child)


def say(line: str) -> None:
    print(line, flush=True)


@contextmanager
def only_one() -> Iterator[None]:
    """Lock VAR_DIR; the kernel releases the lock when this process ends."""
    settings.VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (settings.VAR_DIR / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(
                f"The demo is already running in {settings.VAR_DIR}."
            ) from None
        yield


def refuse_taken_ports() -> None:
    """Raise a Failure that names the variable for a port in use."""
    for name in ("HTTP_PORT", "XMPP_C2S_PORT", "XMPP_COMPONENT_PORT", "XMPP_HTTP_PORT"):
        port = getattr(settings, name)
        if not is_free(port):
            raise Failure(f"Port {port} is in use. Choose another one with {name}=...")


@contextmanager
def prosody() -> Iterator[Prosody]:
    """Run a Prosody for the duration of the block."""
    say("Starting Prosody ...")
    with our_prosody() as server:
        yield server


def our_prosody() -> Prosody:
    """Return the demo's Prosody, whether it runs or not."""
    return Prosody(
        settings.VAR_DIR / "prosody",
        c2s_port=settings.XMPP_C2S_PORT,
        component_port=settings.XMPP_COMPONENT_PORT,
        http_port=settings.XMPP_HTTP_PORT,
        secret=component_secret(),
        domain=settings.DOMAIN,
        component=settings.SERVICE,
    )


def component_secret() -> str:
    """Return the component's secret, generated at the first run."""
    path = settings.VAR_DIR / "xmpp-secret"
    if not path.exists():
        settings.keep(path, secrets.token_urlsafe(32))
    return path.read_text().strip()


def prepare_database() -> None:
    """Fill the database for the demo: see demo/data.py."""
    say("Preparing the database ...")
    command = [sys.executable, "-m", "demo.data"]
    done = subprocess.run(
        command, cwd=settings.ROOT, env=environment(), capture_output=True, text=True
    )
    if done.returncode:
        line = last_line(done.stderr)
        raise Failure(f"The database could not be prepared: {line}")


def register(server: Prosody) -> None:
    for local in settings.PEOPLE:
        server.register(local, settings.PASSWORD)


@contextmanager
def service() -> Iterator[subprocess.Popen[bytes]]:
    """Run `manage.py serve` for the duration of the block."""
    say("Starting the service ...")
    with LOG.open("wb") as log:
        child = subprocess.Popen(
            bound_to_us([sys.executable, "manage.py", "serve"]),
            cwd=settings.ROOT,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Only we receive Ctrl-C, and stop the service before its server.
            start_new_session=True,
        )
    try:
        yield child
    finally:
        end(child, STOP_SECONDS)


def environment() -> dict[str, str]:
    """Return the environment with which the service finds Prosody and its files."""
    return os.environ | {
        "HTTP_PORT": str(settings.HTTP_PORT),
        "XMPP_COMPONENT_PORT": str(settings.XMPP_COMPONENT_PORT),
        "XMPP_JID": settings.SERVICE,
        "XMPP_SECRET": component_secret(),
        "VAR_DIR": str(settings.VAR_DIR),
        "CHANNEL_PAGES": "true",
        "WEBCHAT_URL": websocket(),
        "WEBCHAT_USERS": ",".join(f"{jid}:{settings.PASSWORD}" for jid in jids()),
    }


def websocket() -> str:
    return f"ws://127.0.0.1:{settings.XMPP_HTTP_PORT}/xmpp-websocket"


def jids() -> Iterator[str]:
    return (f"{local}@{settings.DOMAIN}" for local in settings.PEOPLE)


@contextmanager
def echo_bot() -> Iterator[None]:
    """Run the channels that answer, for the duration of the block."""
    with ECHO_LOG.open("wb") as log:
        child = subprocess.Popen(
            bound_to_us([sys.executable, "-m", "demo.echo"]),
            cwd=settings.ROOT,
            stdin=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        end(child, STOP_SECONDS)


def wait_until_ready(server: Prosody, child: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not (is_healthy() and asyncio.run(has_document())):
        raise_if_stopped(server, child)
        if time.monotonic() > deadline:
            raise Failure(f"The service is not responding: see {LOG}.")
        time.sleep(0.2)


def is_healthy() -> bool:
    """Return whether the service reports that it is healthy."""
    # Not urlopen, which would use a configured proxy even for 127.0.0.1.
    http = HTTPConnection("127.0.0.1", settings.HTTP_PORT, timeout=5)
    try:
        http.request("GET", "/healthz")
        return http.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        http.close()


async def has_document() -> bool:
    """Return whether a user of the demo can read the document over XMPP."""
    jid = f"{next(iter(settings.PEOPLE))}@{settings.DOMAIN}"
    try:
        async with Client(jid, settings.PASSWORD, settings.XMPP_C2S_PORT) as client:
            return bool(await client.document(settings.SERVICE))
    except ClientError:
        return False


def watch(server: Prosody, child: subprocess.Popen[bytes]) -> NoReturn:
    while True:
        raise_if_stopped(server, child)
        time.sleep(0.5)


def raise_if_stopped(server: Prosody, child: subprocess.Popen[bytes]) -> None:
    if not server.running:
        raise Failure(f"Prosody stopped unexpectedly: see {server.log}.")
    if child.poll() is not None:
        line = last_line(LOG.read_text(errors="replace"))
        raise Failure(
            f"The service stopped unexpectedly: see {LOG}. Its last line: {line}"
        )


def last_line(text: str) -> str:
    return text.rstrip().rpartition("\n")[2]


def summary() -> str:
    return SUMMARY.format(
        http=settings.HTTP_PORT,
        c2s=settings.XMPP_C2S_PORT,
        bosh=settings.XMPP_HTTP_PORT,
        websocket=websocket(),
        service=settings.SERVICE,
        domain=settings.DOMAIN,
        password=admin_password(),
        token=settings.API_TOKEN_FILE.read_text(),
        people=("\n" + 13 * " ").join(people()),
        demo_password=settings.PASSWORD,
        log=LOG,
        try_it=try_it(),
    )


def admin_password() -> str:
    """Return the generated password, or where the user has set it."""
    if settings.ADMIN_PASSWORD_FILE.exists():
        return settings.ADMIN_PASSWORD_FILE.read_text()
    return "as set in ADMIN_PASSWORD"


def people() -> Iterator[str]:
    for local, name in settings.PEOPLE.items():
        yield f"{local}@{settings.DOMAIN}  {name}".rstrip()


def try_it() -> str:
    """Return the command for another terminal, without our environment."""
    port = f"XMPP_C2S_PORT={settings.XMPP_C2S_PORT} "
    return (port if "XMPP_C2S_PORT" in os.environ else "") + "make demo"


def _stop(*_: object) -> NoReturn:
    # Ignore further signals, which would interrupt the shutdown. (With SIG_IGN Python
    # would warn about a second signal that has already arrived.)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    raise Stopped


if __name__ == "__main__":
    main()
