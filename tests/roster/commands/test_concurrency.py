"""Intake, workers and outbox at once: on PostgreSQL they write beside each other.

On SQLite, the same threads take turns.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import pytest
from django.db import connections
from django.utils import timezone

from roster.accounts import directory
from roster.commands import claims, intake, outbox, results
from roster.commands.claims import ClaimedWork, State
from roster.commands.lock import exclusive
from roster.commands.results import Settled
from roster.models import Account, Claim, Command
from tests.roster.commands.rows import OK, SQL_ERROR
from tests.roster.conftest import make_due, message
from xmppservice.connection.events import Message

pytestmark = pytest.mark.django_db(transaction=True)

OWNERS = [f"owner-{number:02}@localhost" for number in range(30)]
WORKERS, OUTBOXES = 3, 2
BATCHES, BATCH_SIZE = 8, 40
PATIENCE_SECONDS = 120


class Crowd:
    """Commands under way; ``run`` has what workers answered, by owner, in order."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.is_received = threading.Event()
        self.run: dict[str, list[int]] = {owner: [] for owner in OWNERS}
        self._busy: set[str] = set()

    def receive(self) -> None:
        """Send commands, half of them repeats of any that are under way."""
        chance = random.Random(1)
        for number in range(BATCHES):
            new = [message(owner=chance.choice(OWNERS)) for _ in range(BATCH_SIZE // 2)]
            repeats = chance.choices(self.sent, k=BATCH_SIZE // 2) if number else []
            batch = new + repeats
            chance.shuffle(batch)
            intake.receive(batch)
            self.sent += new
        self.is_received.set()

    def work(self, seed: int) -> None:
        chance = random.Random(seed)
        for _ in self._while_open():
            work = claims.claim()
            while work:
                settled = [self._settle(one, chance) for one in work]
                self._busy.difference_update(one.owner for one in work)
                work = results.finish(settled, SQL_ERROR)
            # What was deferred. It locks in no order, like all that is rare.
            with exclusive():
                make_due()

    def _settle(self, work: ClaimedWork, chance: random.Random) -> Settled:
        assert work.owner not in self._busy, "two workers run an owner's commands"
        self._busy.add(work.owner)
        settled = Settled(work)
        if chance.random() < 0.9:
            self.run[work.owner] += work.pks
            settled.answers = dict.fromkeys(work.pks, (OK, True))
        if chance.random() < 0.3:
            settled.effects.append(partial(_see, work.owner))
        return settled

    def send(self, seed: int) -> None:
        for _ in self._while_open():
            answers = outbox.unsent(BATCH_SIZE, ())
            random.Random(seed).shuffle(answers)
            outbox.confirm(answers)

    def _while_open(self) -> Iterator[None]:
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.is_received.is_set() or _open_commands().exists():
            assert time.monotonic() < end, "commands stay open"
            yield


def _see(owner: str) -> None:
    Account.objects.filter(jid=owner).update(last_seen=timezone.now())


def _open_commands():
    return Command.objects.exclude(state=State.SENT)


def _in_thread(part: Callable[[], object]) -> object:
    try:
        return part()
    finally:
        connections.close_all()


def test_all_who_write_the_queue_get_on_together():
    for owner in OWNERS:
        directory.owners_of([owner])
    crowd = Crowd()
    parts = [crowd.receive]
    parts += [partial(crowd.work, seed) for seed in range(WORKERS)]
    parts += [partial(crowd.send, seed) for seed in range(OUTBOXES)]

    with ThreadPoolExecutor(len(parts)) as threads:
        running = [threads.submit(_in_thread, part) for part in parts]
        for one in running:
            one.result()

    assert not Claim.objects.exists()
    assert Command.objects.count() == len(crowd.sent)
    for owner in OWNERS:
        mine = Command.objects.filter(owner=owner).order_by("pk")
        assert crowd.run[owner] == list(mine.values_list("pk", flat=True))


def test_a_worker_chooses_after_another_has_claimed(monkeypatch):
    intake.receive([message()])
    busy_owners, others = claims._busy_owners, []

    def claim_and_receive() -> list[int]:
        pks = [pk for work in claims.claim() for pk in work.pks]
        intake.receive([message()])
        return pks

    def busy_owners_slowly(now):
        owners = busy_owners(now)
        if not others:
            others.append(threads.submit(_in_thread, claim_and_receive))
            # It gets its turn here, unless it has to wait.
            wait(others, timeout=0.3)
        return owners

    monkeypatch.setattr(claims, "_busy_owners", busy_owners_slowly)
    with ThreadPoolExecutor(1) as threads:
        (work,) = claims.claim()

    assert others[0].result() == []
    assert work.pks == list(Command.objects.order_by("pk").values_list("pk")[0])
