"""The demo's channels: each answers with the message, its JID and its thread.

`python -m demo.echo`, while the demo's Prosody runs.
"""

import asyncio
import json
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element
from xml.sax.saxutils import escape, quoteattr

from demo import settings
from demo.stream import log_in

MESSAGE = "{jabber:client}message"


def main() -> None:
    asyncio.run(answer_all(channels(), settings.XMPP_C2S_PORT))


def channels() -> set[str]:
    """Return the JIDs that messages to the demo's channels go to."""
    texts = (path.read_text() for path in settings.DOCUMENTS)
    return {jid for text in texts for jid in routes(json.loads(text)["items"])}


def routes(items: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the JID of each channel: contract, section 1, Routing."""
    for item in items:
        if item["type"] == "channel":
            name = item.get("serverAddress") or item["address"]
            yield name if "@" in name else f"{name}@{settings.DOMAIN}"
        yield from routes(item.get("items", []))


async def answer_all(jids: set[str], port: int) -> None:
    """Log in as all of ``jids``, with the demo's password, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for jid in jids:
            group.create_task(answer(jid, port))


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
