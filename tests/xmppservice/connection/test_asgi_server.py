import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from roster.commands import adhoc
from tests.ports import free_port
from xmppservice.connection import events, gateway
from xmppservice.connection.asgi_server import Inbox, XmppServer
from xmppservice.connection.component import ComponentStream


async def test_events_keep_their_order():
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


def test_the_inbox_is_limited_in_number():
    inbox = Inbox(2, 10_000)
    assert [inbox.put(n, size=1) for n in range(3)] == [True, True, False]
    assert len(inbox) == 2


async def test_the_inbox_is_limited_in_bytes_until_events_are_taken():
    inbox = Inbox(10, 100)
    assert [inbox.put(n, size=60) for n in range(2)] == [True, False]

    await inbox.get()

    assert inbox.bytes == 0
    assert inbox.put("again", size=60)


def test_events_without_a_size_always_fit():
    inbox = Inbox(1, 1)
    inbox.put("command", size=1)
    assert inbox.put("disconnected")


async def test_events_of_the_stream_come_before_commands_that_wait():
    inbox = Inbox(2, 100)
    for number in range(2):
        inbox.put(number, size=1)
    for event in ("disconnected", "published"):
        assert inbox.put(event)

    assert [await inbox.get() for _ in range(4)] == ["disconnected", "published", 0, 1]
    assert not len(inbox)


COMMAND = {"sender": "romeo@localhost/phone", "payload": "{}"}


@pytest.fixture
async def stream() -> ComponentStream:
    """A stream to a closed port."""
    address = ("127.0.0.1", free_port())
    return ComponentStream("service.localhost", "s", address, ["localhost"], adhoc)


@asynccontextmanager
async def running(application, stream: ComponentStream) -> AsyncIterator[XmppServer]:
    server = XmppServer(application, stream, Inbox(10, 10_000))
    task = asyncio.create_task(server.run())
    try:
        yield server
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_crashed_application_is_started_again(stream, caplog):
    starts: list[dict] = []
    second = asyncio.Event()

    async def application(scope, receive, send):
        starts.append(scope)
        if len(starts) == 1:
            raise RuntimeError
        second.set()
        await receive()

    async with running(application, stream):
        await asyncio.wait_for(second.wait(), 10)

    assert [(one["type"], one["jid"]) for one in starts] == [
        ("xmpp", "service.localhost")
    ] * 2
    assert "the XMPP application crashed" in caplog.text


async def test_it_connects_only_after_the_first_document(stream, caplog):
    ready, tried = asyncio.Event(), asyncio.Event()
    stream.xmpp.add_event_handler("connection_failed", lambda _: tried.set())

    async def application(scope, receive, send):
        await ready.wait()
        await send(events.publish(1, '{"items":[]}', []))
        await receive()
        await asyncio.Event().wait()

    async with running(application, stream) as server:
        await asyncio.sleep(0)
        assert not tried.is_set()
        ready.set()
        await asyncio.wait_for(tried.wait(), 10)
        assert not server.ready

    assert "no XMPP server at" in caplog.text


async def test_a_full_inbox_is_logged_once_and_again_when_it_has_room(stream, caplog):
    server = XmppServer(None, stream, Inbox(4, 10_000))
    accepted = [stream.on_message(COMMAND) for _ in range(7)]
    assert accepted == [True] * 4 + [False] * 3
    await server.inbox.get()
    assert stream.on_message(COMMAND)  # some room comes and goes during a flood
    full = "the inbox is full (4 stanzas, "
    assert [record.message[: len(full)] for record in caplog.records] == [full]
    for _ in range(3):
        await server.inbox.get()

    stream.on_message(COMMAND)

    assert caplog.records[-1].message == "the inbox has room: 3 commands were refused"
    for _ in range(3):
        stream.on_message(COMMAND)
    assert len(caplog.records) == 3


async def test_a_command_has_the_time_of_its_arrival(stream):
    server = XmppServer(None, stream, Inbox(4, 10_000))
    before = time.monotonic()
    stream.on_message(COMMAND)
    event = await server.inbox.get()
    assert before <= event["arrived"] <= time.monotonic()


async def test_sending_without_a_stream_raises_os_error(stream):
    server = XmppServer(None, stream, Inbox(10, 10_000))
    with pytest.raises(OSError, match="no stream"):
        await server._send(events.send([]))


async def test_an_unknown_event_is_an_error(stream):
    server = XmppServer(None, stream, Inbox(10, 10_000))
    with pytest.raises(ValueError, match=r"xmpp\.dance"):
        await server._send({"type": "xmpp.dance"})


async def test_asking_without_a_stream_raises_down(stream):
    server = XmppServer(None, stream, Inbox(10, 10_000))
    assert not server.ready
    with pytest.raises(gateway.Down):
        await stream.ask([], time.time() + 10)
