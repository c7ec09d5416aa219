import asyncio

from xmppservice.server import Inbox


async def test_events_come_in_their_order():
    inbox = Inbox(10, 10_000)
    for number in range(3):
        inbox.put(number, size=1)

    assert [await inbox.get() for _ in range(3)] == [0, 1, 2]


async def test_waiting_ends_with_the_next_event():
    inbox = Inbox(10, 10_000)
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)  # so that it waits

    inbox.put("event")

    assert await waiting == "event"


def test_it_is_bounded_in_number():
    inbox = Inbox(2, 10_000)
    assert [inbox.put(n, size=1) for n in range(3)] == [True, True, False]
    assert len(inbox) == 2


async def test_it_is_bounded_in_bytes_and_room_comes_back():
    inbox = Inbox(10, 100)
    assert [inbox.put(n, size=60) for n in range(2)] == [True, False]

    await inbox.get()

    assert inbox.bytes == 0
    assert inbox.put("again", size=60)


def test_what_has_no_size_always_fits():
    inbox = Inbox(1, 1)
    inbox.put("command", size=1)
    assert inbox.put("disconnected")
