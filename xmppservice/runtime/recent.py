"""What was read last is kept in this process, so that the next one need not read it."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

from django.db import connection

T = TypeVar("T")


class Recent(Generic[T]):
    """The ``most`` values that were asked for last.

    All threads get the same one, so nobody may change it. A key says all that its value
    depends on: a value is never wrong, only forgotten.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._reading: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def get(self, key: Hashable, read: Callable[[], T]) -> T:
        """Return the value of a key; ``read()`` it if nobody has.

        Of several threads one reads, and the others wait for it. What is read within a
        transaction may be rolled back, so it is not kept.
        """
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        if connection.in_atomic_block:
            # Nor does it wait: the others may need what this transaction has locked.
            return read()
        with self._lock:
            reading = self._reading.setdefault(key, Lock())
        with reading:
            return self._read(key, read)

    def _read(self, key: Hashable, read: Callable[[], T]) -> T:
        with self._lock:
            if key in self._values:
                return self._values[key]
        try:
            value = read()
        except BaseException:
            with self._lock:
                self._reading.pop(key, None)
            raise
        with self._lock:
            self._values[key] = value
            self._reading.pop(key, None)
            while len(self._values) > self._most:
                self._values.popitem(last=False)
        return value
