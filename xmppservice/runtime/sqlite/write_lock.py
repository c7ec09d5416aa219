"""The order of SQLite's writers in one process: edits and releases before commands."""

import threading

# Others that may write before a waiting command does.
MAX_OVERTAKEN = 20


class WriteLock:
    """A lock with two classes of waiters: one goes first, but not without end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first = threading.Condition(self._lock)
        self._commands = threading.Condition(self._lock)
        self._first_waiting = self._commands_waiting = 0
        self._is_held = False
        self._overtaken = 0  # times that a waiting command was, in a row

    def locked(self) -> bool:
        return self._is_held

    def acquire(self, timeout_seconds: float, *, goes_first: bool) -> bool:
        """Wait for the lock; return whether it was free in time."""
        with self._lock:
            if goes_first:
                return self._acquire_first(timeout_seconds)
            return self._acquire_for_command(timeout_seconds)

    def _acquire_first(self, timeout_seconds: float) -> bool:
        self._first_waiting += 1
        is_free = self._first.wait_for(
            lambda: not self._is_held and not self._is_commands_turn, timeout_seconds
        )
        self._first_waiting -= 1
        if is_free:
            self._is_held = True
            self._overtaken += bool(self._commands_waiting)
        return is_free

    def _acquire_for_command(self, timeout_seconds: float) -> bool:
        self._commands_waiting += 1
        is_free = self._commands.wait_for(
            lambda: (
                not self._is_held
                and (not self._first_waiting or self._is_commands_turn)
            ),
            timeout_seconds,
        )
        self._commands_waiting -= 1
        if is_free:
            self._is_held, self._overtaken = True, 0
        return is_free

    @property
    def _is_commands_turn(self) -> bool:
        return self._commands_waiting > 0 and self._overtaken >= MAX_OVERTAKEN

    def release(self) -> None:
        with self._lock:
            self._is_held = False
            goes_first = self._first_waiting and not self._is_commands_turn
            (self._first if goes_first else self._commands).notify()
