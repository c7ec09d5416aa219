"""nbxmpp: stanza handlers for the answers and the announcements, in GLib's loop."""

import json
import sys
import uuid
from collections import defaultdict, deque
from collections.abc import Iterator

from gi.repository import GLib
from nbxmpp.client import Client
from nbxmpp.const import ConnectionProtocol, ConnectionType
from nbxmpp.protocol import JID as Address
from nbxmpp.protocol import Message
from nbxmpp.structs import StanzaHandler
from report import (
    CONTACTS,
    HOST,
    JID,
    NUMBERS,
    PASSWORD,
    PORT,
    SECONDS,
    SERVICE,
    say,
    sha1,
)

COMMAND = "urn:xmppservice:command:1"
DOCUMENT = "urn:xmppservice:document:1"

loop = GLib.MainLoop()
service = Address.from_string(SERVICE)


class Program:
    """A conversation that waits for one thing after the other."""

    def __init__(self) -> None:
        self.problem = ""
        self.come: defaultdict[str, deque[object]] = defaultdict(deque)
        self.client = self.new_client()
        self.steps = self.conversation()
        self.awaited = next(self.steps)
        self.patience = GLib.timeout_add_seconds(SECONDS, self.on_timeout)
        self.client.connect()

    def new_client(self) -> Client:
        user = Address.from_string(JID)
        client = Client()
        client.set_username(user.localpart)
        client.set_domain(user.domain)
        client.set_resource("nbxmpp")
        client.set_password(PASSWORD)
        # In the clear: for a server on this machine, and for no other.
        peer = f"{HOST}:{PORT}"
        client.set_custom_host(peer, ConnectionProtocol.TCP, ConnectionType.PLAIN)
        client.subscribe("connected", lambda *_: self.arrived("login", None))
        client.subscribe("disconnected", lambda *_: self.end("The connection ended."))
        client.subscribe("connection-failed", lambda *_: self.end("No connection."))
        for name, ns, callback in (
            ("message", COMMAND, self.on_answer),
            # Below nbxmpp's own handler, which has priority 15.
            ("message", "urn:xmpp:receipts", self.on_receipt),
            ("presence", DOCUMENT, self.on_announcement),
        ):
            client.register_handler(StanzaHandler(name, callback, ns=ns, priority=50))
        return client

    def on_answer(self, _client, stanza, properties) -> None:
        if properties.jid == service:
            payload = stanza.getTag("x", namespace=COMMAND).getTagData("payload")
            self.arrived(properties.id, json.loads(payload))

    def on_receipt(self, _client, _stanza, properties) -> None:
        if properties.jid == service and properties.receipt.type == "received":
            say(receipt=True)

    def on_announcement(self, _client, stanza, properties) -> None:
        if properties.jid.bare == service:
            document = stanza.getTag("document", namespace=DOCUMENT)
            self.arrived("announcement", document.getAttr("hash"))

    def on_vcard(self, task) -> None:
        try:
            self.arrived("vCard", task.finish().data["DESC"])
        except Exception as error:
            self.end(f"The vCard: {error}")

    def read_document(self) -> str:
        vcards = self.client.get_module("VCardTemp")
        vcards.request_vcard(service, timeout=SECONDS, callback=self.on_vcard)
        return "vCard"

    def send(self, word: str, payload: object, id: str) -> str:
        # Message(body="") would add no element.
        message = Message(to=service, typ="chat")
        message.setID(id)
        message.setTag("body")
        x = message.setTag("x", namespace=COMMAND)
        x.setTagData("type", word)
        x.setTagData("action", word)
        x.setTagData("payload", json.dumps(payload))
        message.setHint("no-copy")
        message.setReceiptRequest()
        self.client.send_stanza(message)
        return id

    def conversation(self) -> Iterator[str]:
        """Yield what is awaited next; it comes back when it arrives."""
        yield "login"
        presence = self.client.get_module("BasePresence")
        presence.send()

        say(document=sha1((yield self.read_document())))
        added = yield self.send("cmd_add_to_roster", CONTACTS, uuid.uuid4().hex)
        say(cmd_add_to_roster=added)
        id = uuid.uuid4().hex
        say(cmd_search_users=(yield self.send("cmd_search_users", NUMBERS, id)))
        say(repeat=(yield self.send("cmd_search_users", NUMBERS, id)))

        presence.subscribe(service)
        change = subscribed = yield "announcement"
        say(subscribed=subscribed)
        while change == subscribed:
            change = yield "announcement"
        say(change=change, document=sha1((yield self.read_document())))

    def arrived(self, key: str, value: object) -> None:
        self.come[key].append(value)
        try:
            while self.come[self.awaited]:
                GLib.source_remove(self.patience)
                self.patience = GLib.timeout_add_seconds(SECONDS, self.on_timeout)
                self.awaited = self.steps.send(self.come[self.awaited].popleft())
        except StopIteration:
            self.end()

    def on_timeout(self) -> bool:
        self.end(f"{self.awaited} did not come within {SECONDS} seconds.")
        return True

    def end(self, problem: str = "") -> None:
        self.problem = problem
        loop.quit()


program = Program()
loop.run()
if program.problem:
    sys.exit(program.problem)
