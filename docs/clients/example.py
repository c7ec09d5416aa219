"""A client of XMPP Service: it reads the channels, writes to one of them, and sends
both commands until they are answered.

    PASSWORD=demo python example.py 00393333333333@localhost xmpp-service.localhost \
        --server 127.0.0.1:15222 --no-tls
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from slixmpp import ClientXMPP
from xmppservice_client import Answer, FileStore, XMPPService, rows

CONTACTS = [
    {"name": "Mario Rossi", "address": "00393471111111"},
    {"name": "Luca Rossi", "address": "00393472222222"},
]
NUMBERS = ["00393296260815", "00393333333333", "00393490899289"]

FIRST_PAUSE_SECONDS, LAST_PAUSE_SECONDS = 1, 60  # before it connects again

logger = logging.getLogger("example")


class Client(ClientXMPP):
    """A user's connection to the XMPP server, which is opened again when it ends."""

    def __init__(self, jid: str, password: str, options: dict[str, object]) -> None:
        super().__init__(jid, password)
        self.register_plugin("xmppservice", options)
        self.service: XMPPService = self.plugin["xmppservice"]
        self.at: tuple[str, int] | tuple[()] = ()  # else as DNS says
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_leaving = False
        self.pause = FIRST_PAUSE_SECONDS
        self.add_event_handler("session_start", self.on_session_start)
        self.add_event_handler("failed_all_auth", self.on_refusal)
        self.add_event_handler("stream_error", self.on_stream_error)
        self.add_event_handler("disconnected", self.on_end)
        self.add_event_handler("xmppservice_limited", self.on_limited)

    def without_tls(self) -> None:
        """Talk in the clear: for a server on this machine, and for no other."""
        self.enable_plaintext = True
        self.enable_starttls = self.enable_direct_tls = False
        self.plugin["feature_mechanisms"].unencrypted_scram = True

    def on_session_start(self, _: object) -> None:
        self.send_presence()
        self.pause = FIRST_PAUSE_SECONDS
        if not self.joined.done():
            self.joined.set_result(None)

    def on_refusal(self, _: object) -> None:
        self.is_leaving = True
        if not self.joined.done():
            self.joined.set_exception(SystemExit("The server refuses the login."))

    def on_stream_error(self, error: dict[str, str]) -> None:
        # If both came back, neither would stay.
        if error["condition"] == "conflict":
            raise SystemExit("Another client has taken this resource.")

    async def on_end(self, _: object) -> None:
        if not self.is_leaving:
            await asyncio.sleep(self.pause)
            self.pause = min(2 * self.pause, LAST_PAUSE_SECONDS)
            self.connect(*self.at)

    def on_limited(self, answer: Answer) -> None:
        logger.info("Too many new numbers: again in %g s.", answer.retry_after)

    async def leave(self) -> None:
        self.is_leaving = True
        await self.disconnect()


async def show(word: str, answers: AsyncIterator[Answer]) -> None:
    """Print the answers; there are several for a long address book."""
    async for answer in answers:
        print(word, answer.status, answer.error_code or "OK", *answer.users)
        for message in answer.messages:
            print(" ", message)


async def run(options: argparse.Namespace) -> None:
    store = FileStore(options.store) if options.store else None
    plugin = {"service": options.service, "store": store, "first_pause": options.pause}
    client = Client(options.jid, os.environ["PASSWORD"], plugin)
    if options.no_tls:
        client.without_tls()
    host, _, port = options.server.partition(":")
    client.at = (host, int(port)) if port else ()
    client.connect(*client.at)
    await client.joined
    service = client.service
    service.follow()

    tree = list(rows(service.shown(await service.document())))
    for depth, item in tree:
        print("  " * depth + item["info"]["name"])
    channels = [item for _, item in tree if item["type"] == "channel"]
    if channels:
        service.write(channels[0], "Ciao")
        print("wrote to", *service.route(channels[0]))

    await show("added", service.add_to_roster(CONTACTS))
    await show("found", service.search_users(NUMBERS))
    await client.leave()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("jid", help="a user of the XMPP server")
    parser.add_argument("service", help="the JID of the service")
    parser.add_argument("--server", default="", help="HOST:PORT, else as DNS says")
    parser.add_argument("--no-tls", action="store_true", help="on this machine only")
    parser.add_argument("--store", type=Path, help="a file that keeps commands")
    parser.add_argument(
        "--pause", type=float, default=5, help="before the first repeat"
    )
    # What is sent again, and why.
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for name in ("example", "xmppservice_client"):
        logging.getLogger(name).setLevel(logging.INFO)
    try:
        asyncio.run(run(parser.parse_args()))
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
