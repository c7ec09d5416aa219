import os
from typing import Any

from celery import Celery
from celery.loaders.app import AppLoader
from celery.signals import setup_logging, task_prerun
from django.db import close_old_connections

from xmppservice.runtime import startup

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xmppservice.settings")


class Loader(AppLoader):
    """Refuse wrong settings as manage.py does: celery is a program of its own."""

    def config_from_object(self, obj: Any, silent: bool = False) -> Any:
        with startup.in_one_sentence():
            return super().config_from_object(obj, silent)

    def on_worker_init(self) -> None:
        # Also called by beat.
        startup.refuse_errors()


app = Celery("xmppservice", loader="xmppservice.celery:Loader")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["buddies", "roster"])


@setup_logging.connect
def keep_logging_configuration(**_: object) -> None:
    """Keep Celery from configuring logging: a receiver is enough. Django does it."""


@task_prerun.connect
def drop_broken_connections(**_: object) -> None:
    """Make a task open a new connection if the old one broke."""
    close_old_connections()
