"""Django's SQLite backend, where the writers of one process queue.

SQLite allows one writer. Any other sleeps and retries, up to a tenth of a second later
each time, so a writer that starts again at once always wins: edits waited for seconds
while commands arrived. Here writers wait for a lock, which costs nothing and is passed
on. Writers of other processes retry as before.
"""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from xmppservice.runtime.sqlite.write_lock import WriteLock
from xmppservice.runtime.threads import is_on_commands

_write_lock = WriteLock()

WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


class DatabaseWrapper(base.DatabaseWrapper):
    """Hold the write lock from BEGIN IMMEDIATE to the end of the transaction.

    A write outside a transaction is its own transaction and takes the lock, too; an
    INSERT commits slightly after releasing it, when its new key is fetched.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._holds_lock = False
        self.execute_wrappers.append(self._serialised)

    def _serialised(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,
        context: Mapping[str, Any],
    ) -> Any:
        if self.in_atomic_block or not sql.startswith(WRITES):
            return execute(sql, params, many, context)
        self._acquire()
        try:
            return execute(sql, params, many, context)
        finally:
            self._release()

    def _acquire(self) -> None:
        timeout_seconds = self.settings_dict["OPTIONS"].get("timeout", 5)
        if not _write_lock.acquire(timeout_seconds, goes_first=not is_on_commands()):
            raise OperationalError("database is locked")
        self._holds_lock = True

    def _start_transaction_under_autocommit(self) -> None:
        self._acquire()
        try:
            super()._start_transaction_under_autocommit()  # type: ignore[misc]  # not in django-stubs
        except BaseException:
            self._release()
            raise

    def _set_autocommit(self, autocommit: bool) -> None:
        # Every transaction ends here, even if its COMMIT failed.
        try:
            super()._set_autocommit(autocommit)  # type: ignore[misc]  # not in django-stubs
        finally:
            if autocommit:
                self._release()

    def _close(self) -> None:
        try:
            super()._close()  # type: ignore[misc]  # not in django-stubs
        finally:
            self._release()

    def _release(self) -> None:
        if self._holds_lock:
            self._holds_lock = False
            _write_lock.release()
