"""The demo's channels: each answers with the message, its JID and its thread.

`python -m demo.echo`, while the demo runs. A channel that staff add answers as soon as
clients can read it.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from demo import settings
from demo.client import Client
from demo.run import our_prosody
from demo.server import ServerError
from demo.stream import ClientError, log_in

MESSAGE = "{jabber:client}message"
POLL_SECONDS = 1


def main() -> None:
    reader = f"{next(iter(settings.PEOPLE))}@{settings.DOMAIN}"
    server = our_prosody()
    asyncio.run(answer_all(settings.SERVICE, reader, server.register, server.c2s_port))


async def answer_all(
    service: str, reader: str, register: Callable[[str, str], object], port: int
) -> None:
    """Answer for each channel that ``reader`` finds in the document, until cancelled.

    ``register`` makes an account from a localpart and a password.
    """
    known = {f"{local}@{settings.DOMAIN}" for local in settings.PEOPLE} | {reader}
    async with asyncio.TaskGroup() as group:
        async for document in documents(service, reader, port):
            for jid in set(routes(json.loads(document)["items"])) - known:
                known.add(jid)
                group.create_task(open_channel(jid, register, port))


async def documents(service: str, reader: str, port: int) -> AsyncIterator[str]:
    """Yield the document again and again, as a client reads it."""
    while True:
        try:
            async with Client(f"{reader}/echo", settings.PASSWORD, port) as client:
                while True:
                    yield await client.document(service)
                    await asyncio.sleep(POLL_SECONDS)
        except ClientError:
            await asyncio.sleep(POLL_SECONDS)  # The service is still starting.


def routes(items: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the bare JID of each channel: contract, section 1, Routing."""
    for item in items:
        if item["type"] == "channel":
            name = (item.get("serverAddress") or item["address"]).lower()
            jid = name if "@" in name else f"{name}@{settings.DOMAIN}"
            yield jid.partition("/")[0]
        yield from routes(item.get("items", []))


async def open_channel(
    jid: str, register: Callable[[str, str], object], port: int
) -> None:
    """Register ``jid`` and answer for it; one that the server refuses stays silent."""
    local, _, domain = jid.rpartition("@")
    if domain != settings.DOMAIN:
        return
    try:
        await asyncio.to_thread(register, local, settings.PASSWORD)
        await answer(jid, port)
    except (ServerError, ClientError) as error:
        print(f"{jid} does not answer: {error}", file=sys.stderr, flush=True)


async def answer(jid: str, port: int) -> None:
    """Answer each message to ``jid``."""
    stream = await log_in(f"{jid}/echo", settings.PASSWORD, port)
    try:
        stream.write("<presence/>")
        while True:
            stanza = await stream.next()
            if stanza.tag == MESSAGE and stanza.get("type") != "error":
                stream.write(echo(stanza))
    finally:
        await stream.close()


def echo(message: Element) -> str:
    """Return the answer: the text, the JID it was sent to, and its thread."""
    to, sender = message.get("to", ""), message.get("from", "")
    thread = message.findtext("{*}thread", "")
    response = f"{message.findtext('{*}body', '')}\n— {to} {thread}".rstrip()
    inner = f"<thread>{escape(thread)}</thread>" if thread else ""
    return (
        f"<message to={quoteattr(sender)} type='chat'>"
        f"{inner}<body>{escape(response)}</body></message>"
    )


if __name__ == "__main__":
    main()
