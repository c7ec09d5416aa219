"""The in-process channel layer of the default deployment."""

import asyncio
from typing import Any

from channels.layers import InMemoryChannelLayer


class ThreadLayer(InMemoryChannelLayer):
    """An in-memory layer that any thread may send to.

    Its queues belong to the event loop that receives: a send from another
    thread hops to that loop, because an asyncio queue wakes nobody across
    threads. A message sent before anyone receives is dropped: it is a wake-up.
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
            # Never wait: the caller may hold a lock that the loop's side wants.
            asyncio.run_coroutine_threadsafe(super().send(channel, message), loop)
