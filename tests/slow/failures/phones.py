"""Clients that repeat until they are answered, as the contract requires."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from demo.client import Client, ClientError, Item
from tests.service import SERVICE, Service

SQL_ERROR = 1
REPEAT_SECONDS = 3.0  # a real phone waits longer


class Phone:
    """A user who adds contacts, and repeats through all failures.

    ``answers`` counts the final answers to each id; ``statuses`` has the first one's.
    """

    def __init__(self, service: Service, local: str) -> None:
        self.service, self.local = service, local
        self.answers: Counter[str] = Counter()
        self.errors = 0
        self.statuses: dict[str, int] = {}
        self._waiting: dict[str, str] = {}
        self._client: Client | None = None
        self._seen = 0

    @property
    def done(self) -> bool:
        return not self._waiting

    def ask(self, number: int) -> None:
        """Queue a command that adds a contact; :meth:`run` sends and repeats it."""
        id = f"{self.local}-{number}"
        self._waiting[id] = _add(id, number)

    async def run(self) -> None:
        """Send and repeat until cancelled."""
        while True:
            try:
                async with self.service.client(self.local) as self._client:
                    self._seen = 0
                    await self._talk(self._client)
            except ClientError:
                await asyncio.sleep(0.5)

    async def roster(self) -> dict[str, Item]:
        async with self.service.client(self.local, "reader") as client:
            return await client.roster()

    async def _talk(self, client: Client) -> None:
        await client.presence()
        sent: dict[str, float] = {}
        loop = asyncio.get_running_loop()
        while True:
            self._take(client)
            for id, xml in [*self._waiting.items()]:
                if loop.time() - sent.get(id, -REPEAT_SECONDS) >= REPEAT_SECONDS:
                    sent[id] = loop.time()
                    await client.send(xml)
            await asyncio.sleep(0.05)

    def _take(self, client: Client) -> None:
        new, self._seen = client.stanzas[self._seen :], len(client.stanzas)
        for stanza in new:
            text = stanza.findtext("{*}x/{*}payload")
            # Without a service the server sends an error; ejabberd's has our payload.
            if text is None or stanza.get("type") == "error":
                continue
            id, status = stanza.get("id", ""), json.loads(text)["status"]
            if status == SQL_ERROR:
                self.errors += 1  # not final: it is repeated
                continue
            self.answers[id] += 1
            self.statuses.setdefault(id, status)
            self._waiting.pop(id, None)


def _add(id: str, number: int) -> str:
    payload = json.dumps(
        {"channelUsers": [{"name": f"C {number}", "address": f"c{number}"}]}
    )
    return (
        f"<message to='{SERVICE}' id='{id}' type='chat'><body/>"
        "<x xmlns='jabber:x:oob'><type>cmd_add_to_roster</type>"
        f"<action>cmd_add_to_roster</action><payload>{payload}</payload></x></message>"
    )


class Phones:
    """Phones that ask one after the other, ``rate`` times a second in all."""

    def __init__(self, service: Service, count: int = 8) -> None:
        self.phones = [Phone(service, local) for local in service.register(count)]

    async def __aenter__(self) -> "Phones":
        # A failing phone fails the test, which would else wait in vain.
        self._group = await asyncio.TaskGroup().__aenter__()
        self._running = [self._group.create_task(phone.run()) for phone in self.phones]
        return self

    async def __aexit__(self, *failure: Any) -> None:
        for task in self._running:
            task.cancel()
        await self._group.__aexit__(*failure)

    async def ask(self, numbers: Iterable[int], rate: float) -> None:
        """Ask for the contacts of these numbers, ``rate`` of them a second."""
        for number in numbers:
            self.phones[number % len(self.phones)].ask(number)
            await asyncio.sleep(1 / rate)

    @property
    def done(self) -> bool:
        return all(phone.done for phone in self.phones)

    @property
    def answered(self) -> int:
        return sum(len(phone.answers) for phone in self.phones)

    @property
    def duplicates(self) -> int:
        return sum(phone.answers.total() for phone in self.phones) - self.answered

    @property
    def errors(self) -> int:
        """How many answers said SQL_ERROR."""
        return sum(phone.errors for phone in self.phones)

    @property
    def statuses(self) -> Counter[int]:
        return Counter(
            status for phone in self.phones for status in phone.statuses.values()
        )


def expected(place: int, phones: Sequence[Phone], count: int) -> set[str]:
    """JIDs that the roster of the phone at ``place`` has when all is done."""
    return {f"c{number}@localhost" for number in range(place, count, len(phones))}


async def read(client: Client) -> str:
    """Return the document, or "" while the service does not answer."""
    try:
        return await client.document(SERVICE)
    except ClientError:
        return ""
