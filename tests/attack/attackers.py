"""Attackers at the running service: each asks over real streams until it is stopped."""

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from demo.client import Client
from tests.attack.population import BLOCK, Population
from tests.attack.projection import Outcome
from tests.bench import numbers
from tests.bench.service import inside
from tests.service import SERVICE, Service

SEARCH, ADD = "cmd_search_users", "cmd_add_to_roster"
RATE_LIMITED = 5
ANSWER_SECONDS = 120
NOTHING = {"asked": 0, "rules": []}


@dataclass
class Attack:
    """Numbers in the order in which they are asked about.

    ``size``: numbers in a command, ``together``: commands at a time, of each of
    ``accounts``, which share the numbers.
    """

    name: str
    numbers: Iterable[str]
    size: int
    together: int = 1
    accounts: int = 1
    command: str = SEARCH
    waiting: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = iter(self.numbers)


def attacks(population: Population) -> list[Attack]:
    """All of them, the simplest first."""
    many = 300_000
    valid = [population.valid(many, seed) for seed in range(4)]
    first = population.blocks[0]
    return [
        Attack("sequential", (f"+{first + n}" for n in range(many)), 1_000),
        Attack("random, valid", valid[0], 1_000),
        Attack("hybrid", population.scanned(100, 90_000, 1), 1_000),
        Attack("whole block, shuffled", population.scanned(BLOCK, many, 2), 1_000),
        Attack("one by one, shuffled", valid[1], 1, together=20),
        Attack("20 accounts", valid[2], 500, accounts=20),
        Attack("side door", valid[3], 200, command=ADD),
    ]


async def play(
    service: Service, attack: Attack, locals: list[str], seconds: float
) -> Outcome:
    """Attack until nothing is answered any more, or for ``seconds``."""
    began = time.monotonic()
    mine = [_Account(service, attack, local) for local in locals]
    try:
        async with asyncio.timeout(seconds), asyncio.TaskGroup() as group:
            for account in mine:
                group.create_task(account.run())
    except TimeoutError:
        pass
    jids = [one.jid for one in mine]
    # What the service has charged: refused or unanswered numbers do not count.
    outcomes = await asyncio.to_thread(inside, service, f"asked({jids})")
    return Outcome(
        answered={one.local: outcomes.get(one.jid, NOTHING)["asked"] for one in mine},
        rules={one.local: outcomes.get(one.jid, NOTHING)["rules"] for one in mine},
        hits=len(set().union(*(one.learnt for one in mine))),
        refused={one.local for one in mine if one.refused},
        seconds=time.monotonic() - began,
    )


class _Account:
    """One attacking account, with the users that it has learnt of."""

    def __init__(self, service: Service, attack: Attack, local: str) -> None:
        self.service, self.attack, self.local = service, attack, local
        self.learnt: set[str] = set()
        self.refused = False
        self.jid = f"{local}@localhost"
        self._size = attack.size
        self._again: list[str] = []

    async def run(self) -> None:
        client = self.service.client(self.local)
        async with client, asyncio.TaskGroup() as group:
            for _ in range(self.attack.together):
                group.create_task(self._ask(client))

    async def _ask(self, client: Client) -> None:
        while self._size and (asked := self._next()):
            if self.attack.command == ADD:
                await self._add(client, asked)
            else:
                await self._search(client, asked)

    def _next(self) -> list[str]:
        waiting = chain(self._again, self.attack.waiting)
        asked = list(islice(waiting, self._size))
        self._again = self._again[len(asked) :]
        return asked

    async def _search(self, client: Client, asked: list[str]) -> None:
        spelled = [numbers.local(one) for one in asked]
        answer = await client.command(
            SERVICE, SEARCH, {"userList": spelled}, timeout=ANSWER_SECONDS
        )
        self.learnt.update(answer["userList"])
        if answer["status"] == RATE_LIMITED:
            # The rest of the budget may cover fewer numbers.
            self.refused = True
            self._again += asked
            self._size = len(asked) // 2

    async def _add(self, client: Client, asked: list[str]) -> None:
        contacts = [{"name": "", "address": numbers.local(one)} for one in asked]
        await client.command(
            SERVICE, ADD, {"channelUsers": contacts}, timeout=ANSWER_SECONDS
        )
        roster = await client.roster()
        verified = {jid for jid, item in roster.items() if "verified" in item.groups}
        self.learnt |= verified
