"""Work on commands: one thread at a time, in the order of arrival."""

import sys
import threading
from collections.abc import Callable

from tests.service import until
from xmppservice.runtime import threads
from xmppservice.runtime.threads import FairLock


def started(function: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=function)
    thread.start()
    return thread


async def test_the_lock_goes_to_those_who_wait_in_their_order():
    lock, order = FairLock(), []
    lock.acquire()
    running = []
    for place in range(5):

        def take(place: int = place) -> None:
            lock.acquire()
            order.append(place)
            lock.release()

        running.append(started(take))
        await until(lambda count=place + 1: len(lock._waiting) == count)
    lock.release()
    for thread in running:
        thread.join(10)

    assert order == [0, 1, 2, 3, 4]
    lock.acquire()  # it is free again


async def test_one_thread_of_a_process_works_on_commands_at_a_time():
    order: list[str] = []
    may_wait, may_end = threading.Event(), threading.Event()

    def first() -> None:
        with threads.work_on_commands():
            order.append("first begins")
            assert may_wait.wait(10)
            with threads.waiting():
                assert may_end.wait(10)
            order.append("first ends")

    def second() -> None:
        with threads.work_on_commands():
            order.append("second")

    running = [started(first)]
    await until(lambda: order)
    running.append(started(second))
    await until(lambda: threads._commands._waiting)
    assert order == ["first begins"]
    may_wait.set()
    await until(lambda: len(order) == 2)
    may_end.set()
    for thread in running:
        thread.join(10)

    assert order == ["first begins", "second", "first ends"]


def test_other_work_waits_for_the_xmpp_server_as_ever():
    with threads.waiting():
        assert not threads.is_on_commands()


async def test_a_thread_of_commands_is_marked_while_it_works():
    async with (
        threads.Thread("inbox", on_commands=True) as inbox,
        threads.Thread("release") as release,
    ):
        assert await inbox.run(threads.is_on_commands)
        assert not await release.run(threads.is_on_commands)
    assert not threads.is_on_commands()


def test_a_thread_that_waits_for_the_interpreter_has_it_soon():
    before = sys.getswitchinterval()
    try:
        threads.switch_often()
        assert sys.getswitchinterval() < before / 5
    finally:
        sys.setswitchinterval(before)
