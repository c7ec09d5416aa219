"""manage.py serve: all parts of the service in one process."""

import asyncio
import fcntl
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TextIO

import uvicorn
import uvloop
from celery import current_app
from celery.beat import Scheduler, Service
from celery.worker import WorkController, state
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from roster.commands import claims
from xmppservice import environment
from xmppservice.asgi import application
from xmppservice.monitoring import health
from xmppservice.runtime import threads
from xmppservice.service import standby

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Run the web server, the XMPP connection, the worker and beat in one process."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        threads.switch_often()
        with _only_one(), _port() as listener:
            health.refuse_old_tables()
            standby.refuse_shared_sessions()
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_serve(listener))


@contextmanager
def _only_one() -> Iterator[TextIO]:
    """Hold the lock on VAR_DIR: two services never share one database file."""
    with environment.folder(settings.VAR_DIR):
        lock = (settings.VAR_DIR / "serve.lock").open("w")
    with lock as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(
                f"Another service is running on {settings.VAR_DIR}."
            ) from None
        yield file


@contextmanager
def _port() -> Iterator[socket.socket]:
    address = (settings.HTTP_HOST, settings.HTTP_PORT)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(address)
        except socket.gaierror as error:
            raise CommandError(f"HTTP_HOST: {address[0]}: {error.strerror}.") from None
        except OSError as error:
            raise CommandError(
                f"HTTP_PORT: {address[0]}:{address[1]}: {error.strerror}."
            ) from None
        yield listener


async def _serve(listener: socket.socket) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    web = _web()
    worker, beat = Worker(), Beat()
    worker.start()
    beat.start()
    parts = [
        asyncio.create_task(web.serve(sockets=[listener]), name="web"),
        asyncio.create_task(
            standby.run_xmpp(application, _release_claims), name="xmpp"
        ),
        asyncio.create_task(stop.wait(), name="stop"),
    ]
    done, _ = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
    logger.info("stopping")
    web.should_exit = True
    for part in parts[1:]:
        part.cancel()
    await asyncio.to_thread(beat.stop)
    await asyncio.to_thread(worker.stop)
    await asyncio.gather(*parts, return_exceptions=True)
    for part in done - {parts[2]}:
        raise CommandError(f"The {part.get_name()} part ended: {part.exception()}.")


class Web(uvicorn.Server):
    """uvicorn without its signal handlers: the process has its own."""

    def capture_signals(self) -> Any:
        return nullcontext()


def _web() -> Web:
    return Web(
        uvicorn.Config(
            application,
            lifespan="off",
            log_config=None,
            access_log=False,
            forwarded_allow_ips=settings.TRUSTED_PROXIES,
        )
    )


def _release_claims() -> None:
    # Without a broker only this process runs commands: release a killed one's claims.
    if settings.CELERY_BROKER_URL == settings.IN_MEMORY:
        claims.clear_claims()


class Worker:
    """A Celery worker in a thread."""

    def __init__(self) -> None:
        current_app.loader.init_worker()
        self.controller = WorkController(
            app=current_app,
            pool_cls="threads",
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        )
        self.thread = threading.Thread(target=self.controller.start, name="worker")

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        """Let running tasks end, then stop the threads."""
        # The worker looks at it, also while its broker is away.
        state.should_stop = os.EX_OK  # type: ignore[assignment]  # typed by its default
        if settings.CELERY_BROKER_URL == settings.IN_MEMORY:
            # It looks at once; with a broker this would stop the workers of others.
            current_app.control.shutdown()
        self.thread.join(timeout=30)


class Beat:
    """Celery's beat in a thread, with its schedule in memory."""

    def __init__(self) -> None:
        self.service = Service(current_app, max_interval=1, scheduler_cls=Scheduler)
        self.thread = threading.Thread(
            target=self.service.start, name="beat", daemon=True
        )

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self.service.stop(wait=True)
