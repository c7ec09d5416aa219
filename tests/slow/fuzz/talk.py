"""An attacker and a witness, both clients of one service."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from typing import Self

from demo.client import Client, ClientError
from tests.service import SERVICE, Service, until
from tests.slow.fuzz.stanzas import TOKEN, WORD, Case

ATTACKERS = 8
PATIENCE = 20  # seconds
# Prosody ends the stream of a client that sends more (c2s_stanza_size_limit).
MAX_STANZA_BYTES = 256 * 1024
# Cases between two lines of progress.
PROGRESS_CASES = 500
# What no log may contain: an unexpected exception, a payload, a number.
PRIVATE = ("Traceback", WORD, "channelUsers", "userList", "3490777", "0039320")


class Talk:
    """Sends cases; after each batch the service must be as before."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.sent = self.answered = self.closed = 0
        self.statuses: Counter[int] = Counter()
        self._tokens = (f"f{number}-" for number in itertools.count())
        self._read = 0  # bytes of the log
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        witness, *attackers = self.service.register(1 + ATTACKERS)
        self._attackers = itertools.cycle(attackers)
        self._witness = self.service.client(witness)
        self._runner.run(self._witness.__aenter__())
        self._document = self._runner.run(self._witness.document(SERVICE))
        self._state_before = self._state()
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._witness.__aexit__())
        self._runner.close()
        print(
            f"{self.sent} cases: {self.answered} owed an answer and got it, "
            f"{self.closed} ended the stream of their client; "
            f"answers by status: {dict(sorted(self.statuses.items()))}"
        )

    def survive(self, cases: Sequence[Case]) -> None:
        """Send ``cases``; fail unless the service works as before."""
        self._runner.run(self._survive(cases))
        if self.sent // PROGRESS_CASES != (self.sent - len(cases)) // PROGRESS_CASES:
            print(f"{self.sent} cases ...", flush=True)

    async def _survive(self, cases: Sequence[Case]) -> None:
        local = next(self._attackers)
        asked = [case for case in cases if case.needs_answer and _fits(case)]
        async with self.service.client(local) as attacker:
            await self._ask(attacker, asked)
        others = [case for case in cases if not (case.needs_answer and _fits(case))]
        while others:
            async with self.service.client(local) as attacker:
                await self._attack(attacker, others)
        await self._all_is_well()

    async def _ask(self, attacker: Client, cases: Sequence[Case]) -> None:
        """Send cases that must be answered, and wait for the answers."""
        asked = dict(zip(self._tokens, cases, strict=False))
        for token, case in asked.items():
            await self._send(attacker, case, token)

        def silent() -> list[Case]:
            waiting = [one for one in asked if not _has_answer(attacker, one)]
            return [asked[token] for token in waiting]

        try:
            await until(lambda: not silent(), PATIENCE)
        except AssertionError:
            raise AssertionError(f"no answer to {silent()}") from None
        self.answered += len(asked)
        self.statuses.update(_statuses(attacker))

    async def _attack(self, attacker: Client, cases: list[Case]) -> None:
        """Send cases until none is left, or one has ended the stream."""
        while cases:
            case = cases.pop(0)
            await self._send(attacker, case, next(self._tokens))
            if case.broken or not await _is_connected(attacker):
                self.closed += 1
                return

    async def _send(self, attacker: Client, case: Case, token: str) -> None:
        self.sent += 1
        await attacker.send(case.xml.replace(TOKEN, token))

    async def _all_is_well(self) -> None:
        document = self._witness.document(SERVICE)
        command = self._witness.command(
            SERVICE, "cmd_search_users", {"userList": []}, timeout=PATIENCE
        )
        read, answer = await asyncio.gather(document, command)
        assert read == self._document
        assert answer["status"] == 0
        assert self._state() == self._state_before, "a process died, or a stream ended"
        with self.service.log.open() as log:
            log.seek(self._read)
            said = log.read()
            self._read = log.tell()
        assert not [word for word in PRIVATE if word in said], said

    def _state(self) -> tuple[list[int], int]:
        processes = self.service.processes.values()
        assert all(one.running for one in processes)
        opened = self.service.log.read_text().count("the stream of")
        return [one.pid for one in processes], opened


def _fits(case: Case) -> bool:
    return len(case.xml.encode()) + len(TOKEN) < MAX_STANZA_BYTES


async def _is_connected(client: Client) -> bool:
    """Return whether the server still answers ``client``."""
    try:
        await client.iq("get", "<ping xmlns='urn:xmpp:ping'/>", timeout=PATIENCE)
    except ClientError:
        return False
    return True


def _has_answer(client: Client, token: str) -> bool:
    return any(
        stanza.get("id", "").startswith(token)
        or stanza.findtext("{jabber:client}thread") == token
        for stanza in client.stanzas
    )


def _statuses(client: Client) -> list[int]:
    texts = (stanza.findtext("{*}x/{*}payload") for stanza in client.stanzas)
    return [json.loads(text)["status"] for text in texts if text]
