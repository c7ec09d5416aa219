"""manage.py runxmpp: the XMPP part only, for deployments of several processes."""

import asyncio
import logging
import signal
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from xmppservice.asgi import application
from xmppservice.monitoring import health
from xmppservice.runtime import threads
from xmppservice.service import standby

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = (
        "Run the XMPP connection only. While another process has the connection, "
        "wait as its standby."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.IN_MEMORY == settings.CELERY_BROKER_URL:
            raise CommandError(
                "runxmpp needs a broker and a channel layer: set CELERY_BROKER_URL and "
                "CHANNEL_LAYER_URL, or run all parts with manage.py serve."
            )
        threads.switch_often()
        health.refuse_old_tables()
        standby.refuse_shared_sessions()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run())


async def _run() -> None:
    running = asyncio.create_task(standby.run_xmpp(application))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        logger.info("stopping")
