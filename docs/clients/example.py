"""A client of XMPP Service, in one file: it reads the channels, writes to one of them,
and sends both commands until they are answered.

    pip install slixmpp==1.17.0
    PASSWORD=demo python example.py 00393333333333@localhost xmpp-service.localhost \
        --server 127.0.0.1:15222 --no-tls
"""

import argparse
import asyncio
import json
import os
import sys
import uuid
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

from slixmpp import ClientXMPP, Iq, Message
from slixmpp.exceptions import IqError, IqTimeout

CONTACTS = [
    {"name": "Mario Rossi", "address": "00393471111111"},
    {"name": "Luca Rossi", "address": "00393472222222"},
]
NUMBERS = ["00393296260815", "00393333333333", "00393490899289"]

OOB = "jabber:x:oob"
NOT_FINAL = ("SQL_ERROR", "RATE_LIMITED")


class Client(ClientXMPP):
    """A user's connection to the XMPP server."""

    def __init__(self, jid: str, password: str, service: str) -> None:
        super().__init__(jid, password)
        self.service = service
        self.answers: dict[str, asyncio.Future[Message]] = {}
        self.joined: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.add_event_handler("session_start", self.on_session_start)
        self.add_event_handler("failed_all_auth", self.on_refusal)
        self.add_event_handler("message", self.on_message)
        self.add_event_handler("message_error", self.on_message)

    def without_tls(self) -> None:
        """Talk in the clear: for a server on this machine, and for no other."""
        self.enable_plaintext = True
        self.enable_starttls = self.enable_direct_tls = False
        self.plugin["feature_mechanisms"].unencrypted_scram = True

    def on_session_start(self, _: object) -> None:
        self.send_presence()
        self.joined.set_result(None)

    def on_refusal(self, _: object) -> None:
        self.joined.set_exception(SystemExit("The server refuses the login."))

    def on_message(self, message: Message) -> None:
        answer = self.answers.get(message["id"])
        if answer and not answer.done():
            answer.set_result(message)

    async def document(self) -> dict[str, Any]:
        """Ask for the service's vCard until it comes; return what is in its DESC."""
        for pause in pauses():
            iq = self.make_iq_get(ito=self.service)
            iq.append(ET.Element("{vcard-temp}vCard"))
            try:
                return read_document(await iq.send(timeout=10))
            except IqTimeout:
                say(f"The document: no answer, again in {pause} s.")
            except IqError as error:
                if error.iq["error"]["type"] != "wait":
                    raise
                say(f"The document: {error.condition}, again in {pause} s.")
            await asyncio.sleep(pause)
        raise AssertionError("pauses() never ends")

    def write(self, channel: dict[str, Any], text: str) -> None:
        """Send a text to a channel."""
        to, thread = route(channel, self.boundjid.domain)
        message = self.make_message(mto=to, mbody=text, mtype="chat")
        if thread:
            message["thread"] = thread
        message.send()

    async def command(self, word: str, payload: object) -> dict[str, Any]:
        """Send a command until there is a final answer; return its payload."""
        id = uuid.uuid4().hex
        text = json.dumps(payload)
        for pause in pauses():
            answer = await self.attempt(id, word, text, pause)
            why = reason_to_repeat(answer)
            if answer is not None and not why:
                return read_payload(answer)
            say(f"{word}: {why}, again in {pause} s.")
            if answer is not None:
                await asyncio.sleep(pause)
        raise AssertionError("pauses() never ends")

    async def attempt(
        self, id: str, word: str, text: str, seconds: float
    ) -> Message | None:
        """Send a command once; return what came back in time."""
        self.answers[id] = asyncio.get_running_loop().create_future()
        self.envelope(id, word, text).send()
        try:
            return await asyncio.wait_for(self.answers[id], seconds)
        except TimeoutError:
            return None
        finally:
            del self.answers[id]

    def envelope(self, id: str, word: str, text: str) -> Message:
        message = self.make_message(mto=self.service, mtype="chat")
        message["id"] = id
        ET.SubElement(message.xml, "{jabber:client}body")
        x = ET.SubElement(message.xml, f"{{{OOB}}}x")
        ET.SubElement(x, f"{{{OOB}}}type").text = word
        ET.SubElement(x, f"{{{OOB}}}action").text = word
        ET.SubElement(x, f"{{{OOB}}}payload").text = text
        return message


def read_document(iq: Iq) -> dict[str, Any]:
    text = iq.xml.findtext("{vcard-temp}vCard/{vcard-temp}DESC")
    document: dict[str, Any] = json.loads(text or '{"items": []}')
    return document


def shown(items: list[dict[str, Any]], depth: int = 0) -> Iterator[tuple[int, Any]]:
    """Yield what the mobile application shows: no group in which it shows nothing."""
    for item in items:
        below = list(shown(item.get("items", []), depth + 1))
        if item["mobileIsPublished"] and (below or "items" not in item):
            yield depth, item
            yield from below


def route(channel: dict[str, Any], domain: str) -> tuple[str, str]:
    """Return where a message to the channel goes, and its thread or ""."""
    server_address = channel.get("serverAddress")
    name = server_address or channel["address"]
    to = name if "@" in name else f"{name}@{domain}"
    return to, channel["address"] if server_address else ""


def pauses() -> Iterator[int]:
    """Yield the seconds until each repeat: 5, 10, 20, 40, then 60 for ever."""
    pause = 5
    while True:
        yield pause
        pause = min(2 * pause, 60)


def reason_to_repeat(answer: Message | None) -> str:
    """Return why the command must be sent again; "" when its answer is final."""
    if answer is None:
        return "no answer"
    if answer["type"] == "error":
        error = answer["error"]
        return str(error["condition"]) if error["type"] == "wait" else ""
    code = str(read_payload(answer)["errorCode"])
    return code if code in NOT_FINAL else ""


def read_payload(answer: Message) -> dict[str, Any]:
    if answer["type"] == "error":
        raise SystemExit(f"Refused: {answer['error']['condition']}.")
    payload = answer.xml.findtext(f"{{{OOB}}}x/{{{OOB}}}payload")
    found: dict[str, Any] = json.loads(payload or "{}")
    return found


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


async def run(options: argparse.Namespace) -> None:
    client = Client(options.jid, os.environ["PASSWORD"], options.service)
    if options.no_tls:
        client.without_tls()
    host, _, port = options.server.partition(":")
    client.connect(host or None, int(port) if port else None)
    await client.joined

    document = await client.document()
    tree = list(shown(document["items"]))
    for depth, item in tree:
        print("  " * depth + item["info"]["name"])
    channels = [item for _, item in tree if item["type"] == "channel"]
    if channels:
        client.write(channels[0], "Ciao")
        print("wrote to", *route(channels[0], client.boundjid.domain))

    added = await client.command("cmd_add_to_roster", {"channelUsers": CONTACTS})
    print("added", json.dumps(added))
    found = await client.command("cmd_search_users", {"userList": NUMBERS})
    print("found", json.dumps(found))
    await client.disconnect()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("jid", help="a user of the XMPP server")
    parser.add_argument("service", help="the JID of the service")
    parser.add_argument("--server", default="", help="HOST:PORT, else as DNS says")
    parser.add_argument("--no-tls", action="store_true", help="on this machine only")
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
