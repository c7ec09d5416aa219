"""A simulated XMPP server, commands as they arrive, and whole batches."""

import json
import time
from collections.abc import Sequence
from itertools import count
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from roster.commands import batch, claims, intake, payloads, results
from roster.models import Claim, Command
from xmppservice.connection import events
from xmppservice.connection.gateway import Late
from xmppservice.protocol.roster import Roster, RosterItem
from xmppservice.rosters.interface import (
    MISSING,
    Room,
    RosterError,
    RosterWrite,
    Written,
)

ROMEO, JULIET, MARIO = "romeo@localhost", "juliet@localhost", "00393471111111@localhost"
ADD, SEARCH = payloads.ADD_TO_ROSTER, payloads.SEARCH_USERS

Contact = dict[str, Any]


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def _fresh_lookout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_lookout", claims.Lookout())


class WrittenItem(NamedTuple):
    owner: str
    item: RosterItem


class PaperRosters:
    """The rosters of an XMPP server, kept in memory; behaves like Prosody.

    The roster of an unknown user reads as empty, and writing to it returns MISSING.
    Reading an ``unreadable`` roster, or writing an ``unwritable`` JID, is refused
    with that condition. ``raises`` is raised whenever that JID is asked about, read
    or written. After ``writes_left`` writes it is Late. With ``lists`` it lists all
    accounts, like ejabberd.
    """

    name = "paper"

    def __init__(self) -> None:
        self.cheap_lookups = False
        self.places = Room(100, 20)
        self.rosters: dict[str, dict[str, RosterItem]] = {}
        self.unreadable: dict[str, str] = {}
        self.unwritable: dict[str, str] = {}
        self.raises: dict[str, Exception] = {}
        self.writes_left: int | None = None
        self.lists = False
        self.asked: list[str] = []
        self.reads: list[list[str]] = []
        self.written: list[WrittenItem] = []

    def register(self, jid: str, *items: RosterItem) -> None:
        self.rosters[jid] = {item.jid: item for item in items}

    def ready(self) -> bool:
        return True

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[Roster | RosterError]:
        self.reads.append(list(owners))
        return [self._read(owner) for owner in owners]

    def room(self, domain: str) -> Room:
        return self.places

    def write(self, writes: Sequence[RosterWrite], deadline: float) -> list[Written]:
        return [
            Written([self._write(write.owner, item) for item in write.items])
            for write in writes
        ]

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        self.asked += jids
        for jid in jids:
            self._break_at(jid)
        return [jid in self.rosters for jid in jids]

    def accounts(self, domain: str, deadline: float) -> set[str] | None:
        self._break_at(domain)
        return set(self.rosters) if self.lists else None

    def _read(self, owner: str) -> Roster | RosterError:
        self._break_at(owner)
        if owner in self.unreadable:
            return RosterError(self.unreadable[owner])
        return Roster(list(self.rosters.get(owner, {}).values()))

    def _write(self, owner: str, item: RosterItem) -> str:
        self._break_at(item.jid)
        if self.writes_left is not None:
            if not self.writes_left:
                raise Late("no answer by the deadline")
            self.writes_left -= 1
        if owner not in self.rosters:
            return MISSING
        if item.jid in self.unwritable:
            return self.unwritable[item.jid]
        self.written.append(WrittenItem(owner, item))
        self.rosters[owner][item.jid] = item
        return ""

    def _break_at(self, jid: str) -> None:
        if jid in self.raises:
            raise self.raises[jid]


@pytest.fixture
def rosters() -> PaperRosters:
    """A server with Romeo, Juliet and Mario, whose rosters are empty."""
    paper = PaperRosters()
    for jid in (ROMEO, JULIET, MARIO):
        paper.register(jid)
    return paper


def staff(*permissions: str) -> Client:
    """The client of a staff user with these permissions."""
    user = User.objects.create_user("nurse", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


_ids = count()


def message(
    command: str = ADD,
    payload: object = "{}",
    owner: str = ROMEO,
    *,
    id: str | None = None,
    resource: str = "phone",
) -> events.Message:
    """A command as the stream delivers it; without ``id`` it gets a new one."""
    return events.message(
        {
            "sender": f"{owner}/{resource}",
            "owner": owner,
            "id": f"id-{next(_ids)}" if id is None else id,
            "thread": "a thread",
            "message_type": "chat",
            "namespace": "jabber:x:oob",
            "envelope_type": command,
            "envelope_action": command,
            "command": command,
            "payload": payload if isinstance(payload, str) else json.dumps(payload),
        }
    )


def users(*contacts: tuple[str, str]) -> dict[str, list[Contact]]:
    """Payload of cmd_add_to_roster from pairs of name and address."""
    return {"channelUsers": [{"name": n, "address": a} for n, a in contacts]}


def numbers(*spellings: object) -> dict[str, list[object]]:
    """Payload of cmd_search_users."""
    return {"userList": list(spellings)}


def settle(rosters: PaperRosters) -> None:
    """Run waiting commands until none are left, like the task."""
    work = claims.claim()
    while work:
        settled = batch.run(work, rosters, time.time() + 60)
        work = results.finish(settled, payloads.storage_failed())


def make_due() -> None:
    """End all backoffs and deferrals."""
    Command.objects.update(not_before=timezone.now())
    Claim.objects.filter(command=None).update(expires_at=timezone.now())


def ask(rosters: PaperRosters, *messages: events.Message) -> list[dict[str, Any]]:
    """Receive commands together; return their answers in order."""
    before = set(Command.objects.values_list("pk", flat=True))
    intake.receive(messages)
    settle(rosters)
    rows = Command.objects.exclude(pk__in=before).order_by("pk")
    return [json.loads(row.answer) for row in rows]


def groups_of(rosters: PaperRosters, owner: str = ROMEO) -> dict[str, tuple[str, ...]]:
    """JID → groups of an owner's roster."""
    return {jid: item.groups for jid, item in rosters.rosters[owner].items()}
