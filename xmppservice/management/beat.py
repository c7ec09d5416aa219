"""The schedule of beat, when it is a process of its own."""

from tempfile import TemporaryFile

from celery.beat import PersistentScheduler
from django.conf import settings

from xmppservice import environment
from xmppservice.runtime import startup


class BeatScheduler(PersistentScheduler):
    """Beat's schedule in VAR_DIR, where beat may be the first to write."""

    def setup_schedule(self) -> None:
        with startup.in_one_sentence(), environment.folder(settings.VAR_DIR) as folder:
            # Otherwise Celery takes an unwritable file for a corrupted one.
            with TemporaryFile(dir=folder):
                pass
            super().setup_schedule()
