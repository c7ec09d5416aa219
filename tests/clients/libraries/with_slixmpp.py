"""slixmpp: stanza classes for the envelope and the announcement, and three plugins."""

import asyncio
import json
from functools import partial
from xml.etree import ElementTree as ET

from report import (
    HOST,
    JID,
    PASSWORD,
    PORT,
    SERVICE,
    Arrivals,
    converse,
    run,
    say,
    within,
)
from slixmpp import ClientXMPP, Message, Presence
from slixmpp.xmlstream import ElementBase, register_stanza_plugin
from slixmpp.xmlstream.handler import Callback
from slixmpp.xmlstream.matcher import StanzaPath


class Command(ElementBase):
    """The envelope of a command and of its answer."""

    name = "x"
    namespace = "urn:xmppservice:command:1"
    plugin_attrib = "command"
    interfaces = sub_interfaces = {"type", "action", "payload"}


class Document(ElementBase):
    """The announcement of a document."""

    name = "document"
    namespace = "urn:xmppservice:document:1"
    plugin_attrib = "document"
    interfaces = {"hash", "version", "url"}


class Client(ClientXMPP):
    def __init__(self) -> None:
        super().__init__(JID, PASSWORD)
        for plugin in ("xep_0054", "xep_0184", "xep_0334"):
            self.register_plugin(plugin)
        register_stanza_plugin(Message, Command)
        register_stanza_plugin(Presence, Document)
        for path, handler in {
            "message/command": self.on_answer,
            "presence/document": self.on_announcement,
        }.items():
            self.register_handler(Callback(path, StanzaPath(path), handler))
        self.add_event_handler("receipt_received", self.on_receipt)
        # In the clear: for a server on this machine, and for no other.
        self.enable_plaintext = True
        self.enable_starttls = self.enable_direct_tls = False
        self.plugin["feature_mechanisms"].unencrypted_scram = True
        self.arrivals = Arrivals()

    def on_answer(self, message: Message) -> None:
        if message["from"] == SERVICE:
            payload = json.loads(message["command"]["payload"])
            self.arrivals.put(message["id"], payload)

    def on_announcement(self, presence: Presence) -> None:
        if presence["from"].bare == SERVICE:
            self.arrivals.put("announcement", presence["document"]["hash"])

    def on_receipt(self, message: Message) -> None:
        if message["from"] == SERVICE:
            say(receipt=True)

    async def document(self) -> str:
        """Return the text in the service's vCard."""
        iq = await self.plugin["xep_0054"].get_vcard(SERVICE, timeout=30)
        return str(iq["vcard_temp"]["DESC"])

    async def command(self, word: str, payload: object, id: str) -> object:
        message = self.make_message(mto=SERVICE, mtype="chat")
        message["id"] = id
        # An empty mbody would add no element.
        ET.SubElement(message.xml, "{jabber:client}body")
        message["command"]["type"] = message["command"]["action"] = word
        message["command"]["payload"] = json.dumps(payload)
        message["request_receipt"] = True
        message.enable("no-copy")
        message.send()
        return await self.arrivals.next(id)


async def main() -> None:
    client = Client()
    client.connect(HOST, PORT)
    await within(client.wait_until("session_start"), "The login")
    client.send_presence()

    subscribe = partial(client.send_presence_subscription, pto=SERVICE)
    await converse(client.document, client.command, subscribe, client.arrivals)
    await asyncio.wait_for(client.disconnect(), 30)


run(main())
