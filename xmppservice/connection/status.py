"""Write the stream's state to its row."""

import os
import socket
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import F
from django.utils import timezone

from xmppservice.connection.models import HEARTBEAT, StreamStatus
from xmppservice.runtime.threads import DATABASE_ERRORS


def process_name() -> str:
    """Return this process's name for people: its host and its number there."""
    return f"{socket.gethostname()}:{os.getpid()}"


class StatusWriter:
    """The state of the stream of ``jid``; :meth:`save` writes it for other processes.

    The loop records changes; a thread saves them.
    """

    def __init__(self, jid: str) -> None:
        self.jid = jid
        self._row: dict[str, object] = {
            "process": process_name(),
            "ready": False,
            "privileged": False,
            "companions": [],
            "driver": "",
            "missing": "",
            "lacking": {},
            "reason": "",
        }
        self._sessions = 0
        self._refused, self._refused_saved = 0, 0  # commands, since the start
        self._since: datetime | None = None
        self._saved_at: datetime | None = None

    def opened(self, privileged: bool, companions: Sequence[str] = ()) -> None:
        self._record(ready=True, reason="")
        self.set_rights(privileged, companions)
        self._since = timezone.now()
        self._sessions += 1

    def closed(self, reason: str = "") -> None:
        self._record(ready=False, reason=reason)
        self.set_rights(privileged=False, companions=())

    def set_rights(self, privileged: bool, companions: Sequence[str]) -> None:
        self._record(privileged=privileged, companions=list(companions))

    def set_driver(self, driver: str, missing: str, lacking: Mapping[str, str]) -> None:
        """Record the roster driver and what it lacks, as text and by domain."""
        self._record(driver=driver, missing=missing, lacking=dict(lacking))

    def set_refused(self, count: int) -> None:
        """Record how many commands were refused so far; the next heartbeat saves it."""
        self._refused = count

    def save(self) -> None:
        """Write the row after a change, and as a heartbeat."""
        now = timezone.now()
        if self._saved_at is not None and now - self._saved_at < HEARTBEAT:
            return
        # Read before the row, so that changes made meanwhile are saved the next time.
        self._saved_at, sessions, self._sessions = now, self._sessions, 0
        refused = self._refused
        row = {**self._row, "since": self._since, "seen_at": now}
        try:
            StreamStatus.objects.get_or_create(jid=self.jid)
            StreamStatus.objects.filter(jid=self.jid).update(
                sessions=F("sessions") + sessions,
                refused=F("refused") + refused - self._refused_saved,
                **row,
            )
            self._refused_saved = refused
        except DATABASE_ERRORS:
            self._saved_at = None
            self._sessions += sessions
            raise

    def _record(self, **fields: object) -> None:
        self._row.update(fields)
        self._saved_at = None
