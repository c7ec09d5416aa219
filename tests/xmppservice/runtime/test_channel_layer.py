import asyncio

from asgiref.sync import async_to_sync

from xmppservice.runtime.channel_layer import ThreadLayer


async def test_a_thread_can_send():
    layer = ThreadLayer()
    waiting = asyncio.create_task(layer.receive("wakeup"))
    await asyncio.sleep(0)  # so that it waits

    await asyncio.to_thread(async_to_sync(layer.send), "wakeup", {"type": "test"})

    assert await waiting == {"type": "test"}


async def test_the_loop_itself_can_send():
    layer = ThreadLayer()
    waiting = asyncio.create_task(layer.receive("wakeup"))
    await asyncio.sleep(0)

    await layer.send("wakeup", {"type": "test"})

    assert await waiting == {"type": "test"}


def test_a_wake_up_before_anyone_listens_is_dropped():
    async_to_sync(ThreadLayer().send)("wakeup", {"type": "test"})


def test_a_wake_up_after_the_listener_is_gone_is_dropped():
    layer = ThreadLayer()

    async def listen():
        waiting = asyncio.create_task(layer.receive("wakeup"))
        await asyncio.sleep(0)
        waiting.cancel()

    asyncio.run(listen())

    async_to_sync(layer.send)("wakeup", {"type": "test"})
