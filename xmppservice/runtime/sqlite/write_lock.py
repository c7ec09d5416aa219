"""The order of SQLite's writers in one process: edits and releases before commands."""

import threading
from collections import deque

# Others that may write before a waiting command does.
MAX_OVERTAKEN = 20


class WriteLock:
    """A lock with two classes of waiters: one goes first, but not without end.

    It is handed on: a thread that takes it again at once queues behind those who wait.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Each waits for a lock of its own.
        self._first: deque[threading.Lock] = deque()
        self._commands: deque[threading.Lock] = deque()
        self._is_held = False
        self._overtaken = 0  # times that a waiting command was, in a row

    def locked(self) -> bool:
        return self._is_held

    def acquire(self, timeout_seconds: float, *, goes_first: bool) -> bool:
        """Wait for the lock; return whether it was free in time."""
        waiting = self._first if goes_first else self._commands
        with self._lock:
            if not self._is_held:
                self._is_held = True
                return True
            turn = threading.Lock()
            turn.acquire()
            waiting.append(turn)
        if turn.acquire(timeout=timeout_seconds):
            return True
        with self._lock:
            if turn not in waiting:
                return True  # handed on just now
            waiting.remove(turn)
            return False

    def release(self) -> None:
        with self._lock:
            if turn := self._next():
                turn.release()
            else:
                self._is_held = False

    def _next(self) -> "threading.Lock | None":
        is_commands_turn = not self._first or self._overtaken >= MAX_OVERTAKEN
        if self._commands and is_commands_turn:
            self._overtaken = 0
            return self._commands.popleft()
        self._overtaken = self._overtaken + 1 if self._commands else 0
        return self._first.popleft() if self._first else None
