"""Components that the service is compared with, on the same XMPP server.

Each runs in a process of its own, as `python -m tests.bench.rivals KIND JID SECRET PORT
DOCUMENT`, and prints `ready` when it answers:

- `plugin`: slixmpp's own vCard plugin (XEP-0054), as its documentation uses it;
- `raw`: asyncio and expat, and nothing else: as fast as a component in Python gets;
- `echo`: slixmpp, answers each message at once and stores nothing.
"""

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from select import select
from typing import Any
from xml.parsers import expat

import slixmpp
import uvloop

from demo.server import STREAM, bound_to_us, end
from tests.processes import ROOT

ACCEPT = "jabber:component:accept"
OPENED, PATIENCE = b"ready\n", 30  # seconds


# --- A component without a library ----------------------------------------------------


class Component(asyncio.Protocol):
    """A component's stream: ``ready`` when it is open; :meth:`stanza` gets the rest."""

    def __init__(self, jid: str, secret: str) -> None:
        self.ready = asyncio.Event()
        self._jid, self._secret = jid, secret
        self._depth = 0
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.write(STREAM.format(namespace=ACCEPT, to=self._jid))

    def write(self, xml: str) -> None:
        self.transport.write(xml.encode())

    def data_received(self, data: bytes) -> None:
        self._parser.Parse(data, False)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._depth == 0:
            secret = attributes["id"] + self._secret
            digest = hashlib.sha1(secret.encode()).hexdigest()
            self.write(f"<handshake>{digest}</handshake>")
        elif self._depth == 1:
            self.name, self.attributes, self.child = name, attributes, ""
        elif self._depth == 2:
            self.child = attributes.get("xmlns", "")
        self._depth += 1

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._depth == 1:
            if name == "handshake":
                self.ready.set()
            else:
                self.stanza(name, self.attributes, self.child)

    def stanza(self, name: str, attributes: dict[str, str], namespace: str) -> None:
        """Take a stanza: its name, its attributes, the namespace of its child."""


class Raw(Component):
    """Answers every vCard get with the same bytes."""

    def __init__(self, jid: str, secret: str, document: str) -> None:
        super().__init__(jid, secret)
        text = document.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        self._tail = f"<vCard xmlns='vcard-temp'><DESC>{text}</DESC></vCard></iq>"

    def stanza(self, name: str, attributes: dict[str, str], namespace: str) -> None:
        if name == "iq" and namespace == "vcard-temp":
            to, sender, id = (attributes[one] for one in ("from", "to", "id"))
            head = f"<iq type='result' from='{sender}' to='{to}' id='{id}'>"
            self.write(head + self._tail)


async def open_component(component: Component, port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: component, "127.0.0.1", port)
    await asyncio.wait_for(component.ready.wait(), 10)


# --- slixmpp --------------------------------------------------------------------------


class Plugin(slixmpp.ComponentXMPP):
    """The vCard as slixmpp's plugin keeps and sends it."""

    def __init__(self, jid: str, secret: str, document: str) -> None:
        super().__init__(jid, secret)  # type: ignore[no-untyped-call]  # slixmpp leaves it untyped
        self.register_plugin("xep_0054")
        card = self.plugin["xep_0054"].make_vcard()
        card["DESC"] = document
        self._card = card
        self.add_event_handler("session_start", self._opened)

    async def _opened(self, _: object) -> None:
        jid = slixmpp.JID(self.boundjid.bare)
        await self.plugin["xep_0054"].api["set_vcard"](jid, None, None, self._card)
        _say_ready()


class Echo(slixmpp.ComponentXMPP):
    """The echo bot of slixmpp's documentation, as a component."""

    def __init__(self, jid: str, secret: str, document: str) -> None:
        super().__init__(jid, secret)  # type: ignore[no-untyped-call]  # slixmpp leaves it untyped
        self.add_event_handler("session_start", lambda _: _say_ready())
        self.add_event_handler("message", self._message)

    def _message(self, message: Any) -> None:
        message.reply("You said it.").send()


def _say_ready() -> None:
    sys.stdout.buffer.write(OPENED)
    sys.stdout.flush()


# --- In a process ---------------------------------------------------------------------


@contextmanager
def rival(kind: str, jid: str, secret: str, port: int, document: Path) -> Iterator[int]:
    """Run a component in a process of its own; yield the process' id."""
    words = [kind, jid, secret, str(port), str(document)]
    command = [sys.executable, "-m", "tests.bench.rivals", *words]
    child = subprocess.Popen(bound_to_us(command), cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        ready, _, _ = select([child.stdout], [], [], PATIENCE)
        said = child.stdout.readline() if ready else b""
        assert said == OPENED, f"{kind} did not open its stream"
        yield child.pid
    finally:
        end(child, 10)
        if child.stdout is not None:
            child.stdout.close()


async def _raw(jid: str, secret: str, port: int, document: str) -> None:
    await open_component(Raw(jid, secret, document), port)
    _say_ready()
    await asyncio.Event().wait()


def main() -> None:
    kind, jid, secret, port, path = sys.argv[1:]
    document = Path(path).read_text()
    if kind == "raw":
        # On the event loop of the service.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_raw(jid, secret, int(port), document))
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    bot = {"plugin": Plugin, "echo": Echo}[kind](jid, secret, document)
    bot.connect("127.0.0.1", int(port))
    loop.run_forever()


if __name__ == "__main__":
    main()
