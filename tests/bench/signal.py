"""`make bench-signal`: 20,000 subscribers are notified of an edit, and read it.

A component of a real Prosody plays all of them: each subscribes, and reads the document
when presence names another one. At the end all probe at once, as after a restart of the
XMPP server.
"""

import argparse
import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree.ElementTree import Element, XMLPullParser

from demo.server import STREAM
from tests.bench.idle import memory
from tests.bench.servers import CROWD, CrowdedProsody
from tests.bench.times import bar, percentile, say
from tests.conversations.presences import DOCUMENT, add
from tests.service import COMPONENT, SECRET, Service, until

PATIENCE, REPEAT = 900, 5  # seconds
PAGE = """
import json
from buddies.publishing.live import live_release
from xmppservice.monitoring.reach import counts_of
counts = counts_of(live_release().number)
print(json.dumps({"told": counts.told, "read": counts.read}))
"""
ROWS = "from roster.models import Subscriber; print(Subscriber.objects.count())"


class Crowd:
    """Many clients: when each was notified, and had read, since :meth:`begin`."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int
    ) -> None:
        self.jids = [f"{number:06d}@{CROWD}" for number in range(count)]
        self.opened = asyncio.Event()
        self.reads = 0  # all of them, however often one client reads
        self._reader, self._writer = reader, writer
        self.begin()

    def begin(self) -> None:
        """Restart the times."""
        self.began = time.monotonic()
        self.notified: dict[str, float] = {}
        self.read: dict[str, float] = {}

    async def listen(self) -> None:
        parser, depth = XMLPullParser(("start", "end")), 0
        while data := await self._reader.read(1 << 18):
            parser.feed(data)
            for event, element in parser.read_events():
                if event == "start" and not depth:
                    self._shake_hands(element)
                depth += 1 if event == "start" else -1
                if event == "end" and depth == 1:
                    self._take(element)
                    element.clear()

    def _shake_hands(self, stream: Element) -> None:
        secret = stream.get("id", "") + SECRET
        digest = hashlib.sha1(secret.encode()).hexdigest()
        self._writer.write(f"<handshake>{digest}</handshake>".encode())

    def _take(self, stanza: Element) -> None:
        jid, seconds = stanza.get("to", ""), time.monotonic() - self.began
        if stanza.tag.endswith("handshake"):
            self.opened.set()
        elif stanza.find(DOCUMENT) is not None:
            self.notified.setdefault(jid, seconds)
            self._ask(jid)
        elif stanza.get("type") == "error":
            # The service is busy: repeat, as the contract requires.
            asyncio.get_running_loop().call_later(REPEAT, self._ask, jid)
        elif stanza.find("{vcard-temp}vCard") is not None:
            self.reads += 1
            self.read.setdefault(jid, seconds)

    def _ask(self, jid: str) -> None:
        self._write(jid, "iq", "get", "<vCard xmlns='vcard-temp'/>")

    async def send(self, type: str) -> None:
        """Send presence of all clients at once."""
        self.begin()
        for jid in self.jids:
            self._write(jid, "presence", type)
            await self._writer.drain()

    async def all(self, what: str, seconds: Callable[[], dict[str, float]]) -> None:
        """Wait until all clients have it."""

        def done() -> bool:
            bar(what, len(seconds()), len(self.jids))
            return len(seconds()) == len(self.jids)

        await until(done, PATIENCE)
        say(f"{what:24} {_summary(list(seconds().values()))}")

    def _write(self, jid: str, kind: str, type: str, payload: str = "") -> None:
        start = f"<{kind} from='{jid}' to='{COMPONENT}' type='{type}' id='1'>"
        self._writer.write(f"{start}{payload}</{kind}>".encode())


def _summary(seconds: list[float]) -> str:
    quarters = (percentile(seconds, percent) for percent in (25, 50, 75))
    first, last = min(seconds), max(seconds)
    between = " ".join(f"{one:.1f}" for one in quarters)
    return f"first {first:.2f} s   quarters {between}   last {last:.1f} s"


@asynccontextmanager
async def _crowd(port: int, count: int) -> AsyncIterator[Crowd]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    crowd = Crowd(reader, writer, count)
    namespace = "jabber:component:accept"
    writer.write(STREAM.format(namespace=namespace, to=CROWD).encode())
    listening = asyncio.create_task(crowd.listen())
    await until(crowd.opened.is_set)
    yield crowd
    listening.cancel()
    writer.close()


async def _bench(service: Service, count: int) -> None:
    async with _crowd(service.server.component_port, count) as crowd:
        await crowd.send("subscribe")
        await crowd.all("subscribing: told", lambda: crowd.notified)
        await crowd.all("subscribing: read", lambda: crowd.read)
        await until(lambda: int(service.shell(ROWS)) == count, PATIENCE)
        say(f"memory of the service: {_memory(service)}")

        crowd.begin()
        crowd.reads = 0
        await asyncio.to_thread(add, service, "Announced")
        await crowd.all("an edit: told", lambda: crowd.notified)
        await crowd.all("an edit: read", lambda: crowd.read)
        await _compare(service, crowd)

        await crowd.send("probe")
        await crowd.all("all probe at once: told", lambda: crowd.notified)
        await crowd.all("all probe at once: read", lambda: crowd.read)
        say(f"memory of the service: {_memory(service)}")


async def _compare(service: Service, crowd: Crowd) -> None:
    """Say what the page of the version's reach says: it has to be what was seen."""
    seen = {"told": len(crowd.notified), "read": crowd.reads}

    def page() -> dict[str, int]:
        found: dict[str, int] = json.loads(service.shell(PAGE))
        return found

    await until(lambda: page() == seen, PATIENCE)
    say(f"the page says: told {seen['told']:,}, read {seen['read']:,}: as seen here")


def _memory(service: Service) -> str:
    now, most = memory(service.pid), memory(service.pid, "VmHWM")
    return f"{now} MB, {most} MB at most"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-signal")
    parser.add_argument("--subscribers", type=int, default=20_000)
    parser.add_argument("--rate", type=int, default=500, help="told in a second")
    return parser.parse_args()


def main() -> None:
    options = _options()
    rate, domains = str(options.rate), f"localhost,{CROWD}"
    with TemporaryDirectory() as folder:
        settings = {"ANNOUNCEMENTS_PER_SECOND": rate, "XMPP_DOMAINS": domains}
        with Service(Path(folder), kind=CrowdedProsody, **settings) as service:
            asyncio.run(_bench(service, options.subscribers))


if __name__ == "__main__":
    main()
