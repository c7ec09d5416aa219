"""A channel layer whose server is unavailable."""

from typing import Any


class Layer:
    def __init__(self, **_: Any) -> None: ...

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        raise OSError

    async def receive(self, channel: str) -> dict[str, Any]:
        raise OSError
