import os

from celery import Celery
from celery.signals import beat_init, setup_logging, task_prerun
from django.conf import settings
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "xmppservice.settings")

app = Celery("xmppservice")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["buddies", "roster"])


@setup_logging.connect
def keep_logging_configuration(**_: object) -> None:
    """Keep Celery from configuring logging: a receiver is enough. Django does it."""


@task_prerun.connect
def drop_broken_connections(**_: object) -> None:
    """Make a task open a new connection if the old one broke."""
    close_old_connections()


@beat_init.connect
def make_folder(**_: object) -> None:
    """Create VAR_DIR, where beat stores its schedule and may be the first to write."""
    settings.VAR_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
