"""What a command would do, entry by entry; nothing is written."""

import json
import time

import pytest
from django.utils import timezone

from roster.commands import dry_run
from roster.commands.dry_run import BudgetDecision, DryRun
from roster.commands.rules import Rule
from roster.models import Account, AddressBookEntry, Command, Flag
from tests.roster.conftest import (
    ADD,
    JULIET,
    MARIO,
    ROMEO,
    SEARCH,
    ask,
    message,
    numbers,
    users,
)
from xmppservice.protocol.roster import RosterItem

pytestmark = pytest.mark.django_db


@pytest.fixture
def romeo() -> Account:
    return Account.objects.create(jid=ROMEO, checked_at=timezone.now())


def simulate(romeo: Account, rosters, word: str, payload: dict) -> DryRun:
    deadline = time.time() + 60
    return dry_run.run(romeo, word, json.dumps(payload), rosters, deadline)


def test_each_entry_shows_its_outcome_and_the_rule(romeo, rosters, settings):
    settings.DISCOVERY_BURST = 3
    off = "0039347222222@localhost"
    Account.objects.create(jid="hidden@localhost", discoverable=False)
    rosters.register(ROMEO, RosterItem(JULIET, "Juliet", ("others",)))
    ask(rosters, message(payload=users(("Juliet", JULIET))))
    contacts = users(
        ("Juliet", JULIET),
        ("Mario", MARIO),
        ("Hidden", "hidden"),
        ("Off", off),
        ("Far", "far@elsewhere.example"),
    )
    rosters.rosters[ROMEO][JULIET] = RosterItem(JULIET, "Juliet", ("others",))

    trial = simulate(romeo, rosters, ADD, contacts)

    assert [(line.entry.name, line.decision, line.rule) for line in trial.rows] == [
        ("Juliet", BudgetDecision.FREE, Rule.PROMOTED),
        ("Mario", BudgetDecision.CHARGED, Rule.ADDED),
        ("Hidden", BudgetDecision.CHARGED, Rule.ADDED),
        ("Off", BudgetDecision.NOT_COVERED, Rule.ADDED),
        ("Far", BudgetDecision.NOT_ASKED, Rule.ADDED),
    ]
    assert [line.verified for line in trial.rows] == [True, True, False, False, False]
    hidden = trial.rows[2].account
    assert hidden is not None
    assert not hidden.visible
    assert trial.left == pytest.approx(0, abs=0.1)
    assert trial.reply.code == (0, "")


def test_nothing_is_written_or_charged(romeo, rosters):
    sent = [f"+39347{n * n:07d}" for n in range(1_000, 1_500)]
    scan = [f"+3934711{n:05d}" for n in range(2_000)]
    before = dict(Account.objects.values().get())

    assert not simulate(romeo, rosters, SEARCH, numbers(*sent)).is_flagged
    assert simulate(romeo, rosters, SEARCH, numbers(*scan)).is_flagged

    assert dict(Account.objects.values().get()) == before
    for model in (AddressBookEntry, Command, Flag):
        assert not model.objects.exists()
    assert rosters.written == []


def test_a_search_shows_the_users_it_finds(romeo, rosters):
    trial = simulate(romeo, rosters, SEARCH, numbers(MARIO.partition("@")[0], "x"))
    (line,) = trial.rows
    assert line.after == RosterItem(MARIO, "00393471111111", ("verified",))
    assert trial.reply.extra == {"userList": ["00393471111111"]}


def test_unusable_entries_are_reported(romeo, rosters):
    trial = simulate(romeo, rosters, ADD, {"channelUsers": [{"name": "x"}]})
    assert trial.rows == []
    assert trial.reply.messages == ("channelUsers[0].address: missing or not text",)


def test_an_unreadable_roster_is_reported(romeo, rosters):
    rosters.unreadable[ROMEO] = "forbidden"
    trial = simulate(romeo, rosters, ADD, users(("Mario", MARIO)))
    assert trial.failure == "roster not read: forbidden"
