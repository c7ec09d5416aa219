"""vCard gets: the service, the XMPP server by itself, slixmpp's plugin, bare Python."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from demo.client import Client
from tests.bench import documents
from tests.bench.load import VCARD, Pipe, Rate, pipes, rate
from tests.bench.report import Report, middle, say_rate
from tests.bench.rivals import rival
from tests.bench.servers import PLUGIN, RAW, CrowdedEjabberd, CrowdedProsody
from tests.bench.times import bar, say
from tests.service import COMPONENT, PASSWORD, SECRET, Service, until
from xmppservice.protocol import vcard

NATIVE = "stored"  # an account with a vCard of the same text
CLIENTS, OUTSTANDING = 8, 4
ROUNDS, SECONDS = 3, 1.5

# By kilobytes of DESC: the least ratio to the native rate, and to the plugin's; then
# the targets for all sizes.
TARGETS = {
    "Prosody": {2: (0.9, 1.8), 20: (1.4, 2.3), 100: (1.3, 2.3)},
    "ejabberd": {2: (0.5, 4), 20: (0.5, 5), 100: (0.45, 12)},
}
OF_RAW, CPU_OF_RAW = 0.9, 4


def measure(report: Report) -> None:
    for kind in (CrowdedProsody, CrowdedEjabberd):
        with (
            TemporaryDirectory() as folder,
            Service(Path(folder), kind=kind) as service,
        ):
            _measure_on(service, report)


def _measure_on(service: Service, report: Report) -> None:
    name = service.server.name
    locals = [f"reader-{place}" for place in range(CLIENTS)]
    for local in (NATIVE, *locals):
        service.server.register(local, PASSWORD)
    for kilobytes, targets in TARGETS[name].items():
        say(f"\nvCards of {kilobytes} kB on {name}")
        path = service.folder / "document.json"
        path.write_text(documents.dumps(documents.of_bytes(1000 * kilobytes)))
        service.manage("loadbuddies", "--replace", str(path))
        with _rivals(service, path) as pids:
            found = asyncio.run(_rounds(service, path.read_text(), locals, pids))
        _judge(report, f"{kilobytes} kB, {name}", found, *targets)


@contextmanager
def _rivals(service: Service, document: Path) -> Iterator[dict[str, int]]:
    """Run the rivals with the same document; yield process ids by JID."""
    server = service.server
    assert isinstance(server, CrowdedProsody | CrowdedEjabberd)
    with ExitStack() as stack:
        pids = {COMPONENT: service.pid}
        for kind, jid in (("plugin", PLUGIN), ("raw", RAW)):
            port = server.component_port_of(jid)
            running = rival(kind, jid, SECRET, port, document)
            pids[jid] = stack.enter_context(running)
        yield pids


async def _rounds(
    service: Service, text: str, locals: list[str], pids: dict[str, int]
) -> dict[str, Rate]:
    """Return the rate of each rival by its name."""
    native = f"{NATIVE}@localhost"
    async with service.client(NATIVE) as owner:
        await owner.iq("set", vcard.of_document(text))
        for jid in (COMPONENT, native, PLUGIN, RAW):
            await until(lambda jid=jid: _reads(owner, jid, text))
    jids = {"service": COMPONENT, "native": native, "plugin": PLUGIN, "raw": RAW}
    found: dict[str, list[Rate]] = {name: [] for name in jids}
    async with pipes(locals, service.server.c2s_port) as clients:
        for turn in range(ROUNDS):
            for place, (name, jid) in enumerate(jids.items()):
                bar("rounds", len(jids) * turn + place, len(jids) * ROUNDS)
                processes = {"XMPP server": service.server.processes}
                if jid in pids:
                    processes[name] = {pids[jid]}
                found[name].append(await gets(clients, jid, SECONDS, processes))
    bar("rounds", 1, 1)
    return {name: middle(rates) for name, rates in found.items()}


async def _reads(client: Client, jid: str, text: str) -> bool:
    return await client.document(jid) == text


async def gets(
    clients: list[Pipe], jid: str, seconds: float, processes: dict[str, set[int]]
) -> Rate:
    """Measure how often these clients read the vCard of ``jid``."""
    get = "<vCard xmlns='vcard-temp'/></iq>"

    def request(id: str) -> str:
        return f"<iq type='get' to='{jid}' id='{id}'>{get}"

    return await rate(
        clients,
        lambda client: request,
        VCARD,
        outstanding=OUTSTANDING,
        seconds=seconds,
        processes=processes,
    )


def _judge(
    report: Report,
    what: str,
    found: dict[str, Rate],
    of_native: float,
    of_plugin: float,
) -> None:
    for name, one in found.items():
        say_rate(name, one)
    ours = found["service"]
    for name, target in (
        ("native", of_native),
        ("plugin", of_plugin),
        ("raw", OF_RAW),
    ):
        times = ours.per_second / found[name].per_second
        report.add(f"vCard gets, {what}: times {name}", times, "at least", target)
    cpu = ours.cpu["service"] / found["raw"].cpu["raw"]
    report.add(f"vCard gets, {what}: CPU, times raw", cpu, "at most", CPU_OF_RAW)
