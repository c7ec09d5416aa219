"""Commands, end to end and durable: beside an echo bot, and beside the XMPP server.

A search without hits touches no roster: the echo bot shows what a message and its
answer cost. All else reads or writes rosters, so it can be no faster than the XMPP
server does that for another component with the same privilege (XEP-0356).
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import count, cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4
from xml.sax.saxutils import escape

from tests import prosody_files
from tests.bench import numbers, workers
from tests.bench.load import MESSAGE, RESULT, Pipe, Rate, Request, pipes, rate
from tests.bench.report import Report, middle, say_rate
from tests.bench.rivals import Component, open_component, rival
from tests.bench.servers import CROWD, ECHO, CrowdedProsody
from tests.bench.times import bar, say
from tests.service import COMPONENT, PASSWORD, SECRET, Service
from xmppservice.protocol import iq, roster

CLIENTS, OUTSTANDING = 64, 4
ROUNDS, SECONDS = 3, 3.0
CONTACTS, FRIENDS = 10, 2  # of a command; those that are users
NEW_CONTACTS = 500  # to add to one roster

OF_ECHO, OF_WRITES = 0.45, 0.9
OF_READS, OF_READS_TO_FIND = 0.5, 0.25

Books = dict[str, list[str]]  # the numbers of each client


def measure(report: Report) -> None:
    owners = [numbers.owner(place) for place in range(CLIENTS + 2 * ROUNDS)]
    friends = [numbers.local(numbers.user(place)) for place in range(FRIENDS)]
    with TemporaryDirectory() as folder:
        settings = {"DISCOVERY_BURST": "100000"}
        service = Service(Path(folder), kind=CrowdedProsody, **settings)
        prosody_files.accounts(service.server.folder, [*owners, *friends], PASSWORD)
        with service, _echo(service) as echo:
            bench = _Bench(service, echo, report)
            asyncio.run(bench.commands(owners[:CLIENTS], friends))
            asyncio.run(bench.additions(owners[CLIENTS:]))
    workers.measure(report)


@contextmanager
def _echo(service: Service) -> Iterator[int]:
    nothing = service.folder / "nothing"
    nothing.touch()
    with rival("echo", ECHO, SECRET, service.server.component_port, nothing) as pid:
        yield pid


@asynccontextmanager
async def reader(service: Service) -> AsyncIterator[Pipe]:
    """Yield a component with the service's privilege for rosters."""
    component = Component(CROWD, SECRET)
    await open_component(component, service.server.component_port)
    yield Pipe(CROWD, component.transport)
    component.transport.close()


# --- Requests -------------------------------------------------------------------------


def search(to: str, contacts: Sequence[str]) -> Request:
    return _message(to, "cmd_search_users", {"userList": contacts})


def add(to: str, contacts: Sequence[str]) -> Request:
    users = [{"name": f"Contact {one}", "address": one} for one in contacts]
    return _message(to, "cmd_add_to_roster", {"channelUsers": users})


def _message(to: str, command: str, payload: object) -> Request:
    inner = (
        f"<x xmlns='jabber:x:oob'><type>{command}</type><action>{command}</action>"
        f"<payload>{escape(json.dumps(payload))}</payload></x></message>"
    )
    # Another id each time: the same one would be a repeat, and run once.
    run = uuid4().hex
    return lambda id: f"<message to='{to}' id='{run}-{id}' type='chat'><body/>{inner}"


def reads(owners: Sequence[str]) -> Request:
    """Roster gets of one owner after the other."""
    turn = cycle(owners)
    return lambda id: _iq("get", id, next(turn), roster.get())


def _writes(owner: str, contacts: Sequence[str]) -> Request:
    left = iter(contacts)

    def request(id: str) -> str:
        contact = next(left)
        item = roster.set_item(f"{contact}@localhost", f"Contact {contact}", ["others"])
        return _iq("set", id, f"{owner}@localhost", item)

    return request


def _iq(type: str, id: str, to: str, payload: str) -> str:
    return iq.build(type, sender=CROWD, to=to, id=id, payload=payload)


# --- Measurements ---------------------------------------------------------------------


class _Bench:
    """A service, an echo bot and a component that may read rosters, on one Prosody."""

    def __init__(self, service: Service, echo: int, report: Report) -> None:
        self._service, self._echo, self._report = service, echo, report
        self._places = count()

    async def commands(self, owners: list[str], friends: list[str]) -> None:
        """Measure commands of many users that repeat their earlier ones.

        Each has the contacts of their commands on the roster, and no others, so that
        the XMPP server's own reads are of rosters of the same size.
        """
        port = self._service.server.c2s_port
        async with pipes(owners, port) as self._clients, reader(self._service) as crowd:
            self._crowd = crowd
            nobody = {one.jid: self._unknown(CONTACTS) for one in self._clients}
            known = {jid: [*friends, *book[FRIENDS:]] for jid, book in nobody.items()}
            await self._ask_each(add, known)
            what = f"searches of {CONTACTS} numbers asked before, no user among them"
            found = await self._compare(what, search, nobody, self._echoed)
            self._judge("search again, no user", found, "echo bot", OF_ECHO)
            what = f"searches of {CONTACTS} numbers, {FRIENDS} users on the roster"
            found = await self._compare(what, search, known, self._read)
            self._judge(
                "search again, two users", found, "roster gets", OF_READS_TO_FIND
            )
            what = f"add-to-roster of {CONTACTS} contacts, all on the roster"
            found = await self._compare(what, add, known, self._read)
            self._judge("add-to-roster, all there", found, "roster gets", OF_READS)

    async def additions(self, owners: list[str]) -> None:
        """Measure adding many contacts to an empty roster, one user after the other."""
        say(f"\nadd-to-roster of {NEW_CONTACTS} contacts, none on the roster")
        ours, own = [], []
        port = self._service.server.c2s_port
        async with pipes(owners, port) as clients, reader(self._service) as crowd:
            for turn in range(ROUNDS):
                bar("rounds", turn, ROUNDS)
                asked = add(COMPONENT, self._unknown(NEW_CONTACTS))
                ours.append(await clients[turn].ask(asked, MESSAGE, 1))
                asked = _writes(owners[ROUNDS + turn], self._unknown(NEW_CONTACTS))
                own.append(await crowd.ask(asked, RESULT, NEW_CONTACTS))
        bar("rounds", ROUNDS, ROUNDS)
        found = [
            middle([Rate(NEW_CONTACTS / seconds, {}) for seconds in taken])
            for taken in (ours, own)
        ]
        self._judge(
            f"add-to-roster, {NEW_CONTACTS} new", found, "roster sets", OF_WRITES
        )

    def _unknown(self, size: int) -> list[str]:
        """Return numbers of no user that no owner has asked about."""
        places = (next(self._places) for _ in range(size))
        return [numbers.local(numbers.unregistered(place)) for place in places]

    async def _compare(
        self,
        what: str,
        command: Callable[[str, Sequence[str]], Request],
        books: Books,
        contest: Callable[[Books], Awaitable[Rate]],
    ) -> list[Rate]:
        """Measure the service and its rival in turn."""
        say(f"\n{what}")
        # Once before, so that later there is nothing to look up or to write.
        asked = await self._ask_each(command, books)
        ours, others = [], []
        for turn in range(ROUNDS):
            bar("rounds", turn, ROUNDS)
            ours.append(await self._rate(asked, "service", self._service.pid))
            others.append(await contest(books))
        bar("rounds", ROUNDS, ROUNDS)
        return [middle(ours), middle(others)]

    async def _ask_each(
        self, command: Callable[[str, Sequence[str]], Request], books: Books
    ) -> dict[str, Request]:
        """Send each client's command once; return the commands."""
        asked = {jid: command(COMPONENT, book) for jid, book in books.items()}
        await asyncio.gather(
            *(one.ask(asked[one.jid], MESSAGE, 1) for one in self._clients)
        )
        return asked

    async def _echoed(self, books: Books) -> Rate:
        asked = {jid: search(ECHO, book) for jid, book in books.items()}
        return await self._rate(asked, "echo bot", self._echo)

    async def _rate(self, asked: dict[str, Request], name: str, pid: int) -> Rate:
        return await rate(
            self._clients,
            lambda client: asked[client.jid],
            MESSAGE,
            outstanding=OUTSTANDING,
            seconds=SECONDS,
            processes={name: {pid}, "XMPP server": self._service.server.processes},
        )

    async def _read(self, books: Books) -> Rate:
        owners = [jid.partition("/")[0] for jid in books]
        return await rate(
            [self._crowd],
            lambda _: reads(owners),
            RESULT,
            outstanding=CLIENTS * OUTSTANDING,
            seconds=SECONDS,
            processes={"XMPP server": self._service.server.processes},
        )

    def _judge(self, what: str, found: list[Rate], other: str, target: float) -> None:
        ours, theirs = found
        say_rate("service", ours)
        say_rate(other, theirs)
        times = ours.per_second / theirs.per_second
        self._report.add(f"{what}: times {other}", times, "at least", target)
