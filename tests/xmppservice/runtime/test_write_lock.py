"""SQLite's writers: edits and releases go before commands, but not without end."""

import threading
from collections.abc import Callable

import pytest

from tests.service import until
from xmppservice.runtime.sqlite.write_lock import MAX_OVERTAKEN, WriteLock

SECONDS = 10.0
EDIT, COMMAND = "edit", "command"


class Writers:
    """Threads that wait for a lock, and note in which order they got it."""

    def __init__(self, lock: WriteLock) -> None:
        self.lock = lock
        self.order: list[str] = []
        self._threads: list[threading.Thread] = []

    async def queue(self, *kinds: str) -> None:
        """Let one after the other wait for the lock, which somebody holds."""
        for kind in kinds:
            count = self._waiting() + 1
            thread = threading.Thread(target=self._write, args=(kind,))
            self._threads.append(thread)
            thread.start()
            await until(lambda count=count: self._waiting() == count)

    def _waiting(self) -> int:
        return len(self.lock._first) + len(self.lock._commands)

    def _write(self, kind: str) -> None:
        assert self.lock.acquire(SECONDS, goes_first=kind == EDIT)
        self.order.append(kind)
        self.lock.release()

    def end(self) -> list[str]:
        self.lock.release()
        for thread in self._threads:
            thread.join(SECONDS)
        assert not self.lock.locked()
        return self.order


@pytest.fixture
def writers() -> Writers:
    lock = WriteLock()
    assert lock.acquire(SECONDS, goes_first=False)
    return Writers(lock)


async def test_an_edit_goes_before_commands_that_wait(writers):
    await writers.queue(COMMAND, COMMAND, EDIT, COMMAND, EDIT)

    assert writers.end() == [EDIT, EDIT, COMMAND, COMMAND, COMMAND]


async def test_a_command_has_its_turn_after_some_edits(writers):
    await writers.queue(COMMAND, *[EDIT] * (MAX_OVERTAKEN + 2))

    order = writers.end()

    assert order == [EDIT] * MAX_OVERTAKEN + [COMMAND] + [EDIT] * 2


@pytest.mark.parametrize("goes_first", [True, False])
def test_a_wait_has_an_end(goes_first):
    lock = WriteLock()
    assert lock.acquire(SECONDS, goes_first=False)

    assert not lock.acquire(0.01, goes_first=goes_first)

    lock.release()
    assert lock.acquire(0.01, goes_first=goes_first)


async def test_a_waiting_edit_that_gave_up_holds_no_command_back(writers):
    assert not writers.lock.acquire(0.01, goes_first=True)
    await writers.queue(COMMAND)

    assert writers.end() == [COMMAND]


def test_many_threads_write_one_at_a_time():
    lock, at_once, most = WriteLock(), [0], [0]

    def write(goes_first: bool) -> None:
        for _ in range(300):
            assert lock.acquire(SECONDS, goes_first=goes_first)
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            at_once[0] -= 1
            lock.release()

    calls: list[Callable[[], None]] = [
        lambda place=place: write(place % 2 == 0) for place in range(6)
    ]
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)

    assert not any(thread.is_alive() for thread in threads)
    assert most == [1]
    assert not lock.locked()


@pytest.mark.parametrize("kind", [EDIT, COMMAND])
async def test_a_thread_that_writes_again_at_once_queues_behind_those_who_wait(
    writers, kind
):
    await writers.queue(kind)
    writers.lock.release()
    # Before the one who waits has been given any time.
    assert writers.lock.acquire(SECONDS, goes_first=kind == EDIT)
    assert writers.order == [kind]
    writers.end()
