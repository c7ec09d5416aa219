"""The in-process channel layer of the one-process deployment."""

import asyncio
from typing import Any

from channels.layers import InMemoryChannelLayer


class ThreadLayer(InMemoryChannelLayer):
    """An in-memory layer that any thread may send to.

    Its queues belong to the receiver's event loop. A send from another thread hops
    to that loop, because asyncio queues do not wake receivers across threads. A
    message without a receiver is dropped: it is only a wake-up.
    """

    loop: asyncio.AbstractEventLoop | None = None

    async def receive(self, channel: str) -> dict[str, Any]:
        self.loop = asyncio.get_running_loop()
        message: dict[str, Any] = await super().receive(channel)
        return message

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        loop = self.loop
        if loop is None or loop.is_closed():
            return
        if loop is asyncio.get_running_loop():
            await super().send(channel, message)
        else:
            # Never wait: the caller may hold a lock that code on the loop needs.
            asyncio.run_coroutine_threadsafe(super().send(channel, message), loop)
