"""Roster writes: as the server has room, and a long roster delays no others."""

import itertools
import json
import time
from collections import Counter

import pytest

from roster.commands import batch, claims, intake, results, writing
from roster.models import Claim, Command
from tests.roster.commands.payload_texts import LIAM
from tests.roster.conftest import (
    JULIET,
    MARIO,
    ROMEO,
    PaperRosters,
    message,
    settle,
    users,
)
from xmppservice.connection.gateway import Late
from xmppservice.protocol.roster import Roster, RosterItem
from xmppservice.rosters.interface import CONFLICT, Room, all_refused
from xmppservice.rosters.pace import cost_of_write

pytestmark = pytest.mark.django_db


class Watched(PaperRosters):
    """Notes the owners of the items of each round trip."""

    def __init__(self) -> None:
        super().__init__()
        self.places = Room(items=20, of_owner=5)
        self.trips: list[list[str]] = []
        for owner in (ROMEO, JULIET, MARIO):
            self.register(owner)

    def write(self, writes, deadline):
        self.trips.append([write.owner for write in writes for _ in write.items])
        return super().write(writes, deadline)


class Versioned(Watched):
    """Gives versions; a user edits the roster before each of the first ``edits``."""

    edits = 0

    def __init__(self) -> None:
        super().__init__()
        self.versions: Counter[str] = Counter()
        self.removed: list[str] = []

    def read(self, owners, deadline):
        found = super().read(owners, deadline)
        return [
            Roster(one.items, f"v{self.versions[owner]}")
            for owner, one in zip(owners, found, strict=True)
        ]

    def write(self, writes, deadline):
        written = []
        for one in writes:
            if self.edits:
                self.edits -= 1
                self.versions[one.owner] += 1
                for jid in self.removed:
                    self.rosters[one.owner].pop(jid, None)
            if one.version != f"v{self.versions[one.owner]}":
                written.append(all_refused(one, CONFLICT))
                continue
            (result,) = super().write([one], deadline)
            self.versions[one.owner] += len(one.items)
            written.append(result._replace(version=f"v{self.versions[one.owner]}"))
        return written


def many(count: int) -> dict:
    return users(*((f"C {n}", f"c{n}") for n in range(count)))


def run(rosters: PaperRosters, seconds: float = 60) -> dict[str, dict]:
    """Run one batch; return its answers by owner."""
    settled = batch.run(claims.claim(), rosters, time.time() + seconds)
    return {one.work.owner: one.answers for one in settled}


def test_few_writes_are_in_flight_and_fewer_of_one_owner():
    rosters = Watched()
    owners = [f"o{n}@localhost" for n in range(8)]
    for owner in owners:
        rosters.register(owner)
    intake.receive([message(payload=many(50), owner=owner) for owner in owners])

    run(rosters)

    assert max(map(len, rosters.trips)) == 20
    for trip in rosters.trips:
        for owner in owners:
            assert trip.count(owner) <= 5
    assert len(rosters.written) == 400


def test_the_room_of_a_round_trip_stays_while_it_is_filled():
    """Other threads change the pace meanwhile."""
    rosters = Watched()
    owners = [f"o{n}@localhost" for n in range(8)]
    for owner in owners:
        rosters.register(owner)
    intake.receive([message(payload=many(5), owner=owner) for owner in owners])
    costs = itertools.count(10_000)
    rosters.room = lambda domain: rosters.places._replace(cost=next(costs))

    run(rosters)

    assert max(map(len, rosters.trips)) == 20


def test_owners_take_turns_if_there_is_not_room_for_all():
    rosters = Watched()
    rosters.places = Room(items=10, of_owner=5)
    owners = [ROMEO, JULIET, MARIO]
    intake.receive([message(payload=many(10), owner=owner) for owner in owners])

    run(rosters)

    served = [set(trip) for trip in rosters.trips]
    assert served[0] | served[1] == set(owners)
    assert len(served) == 3


def test_long_rosters_are_written_a_few_items_at_a_time():
    rosters = Watched()
    rosters.places = Room(items=20, of_owner=20, cost=10 * cost_of_write(0))
    old = [RosterItem(f"old{n}@localhost", "", ("x",)) for n in range(1000)]
    rosters.register(JULIET, *old)
    owners = [ROMEO, JULIET]
    intake.receive([message(payload=many(10), owner=owner) for owner in owners])

    run(rosters)

    assert [set(trip) for trip in rosters.trips[-9:]] == [{JULIET}] * 9
    assert all(trip.count(JULIET) <= 1 for trip in rosters.trips)
    assert len(rosters.written) == 20


# --- What users change meanwhile ------------------------------------------------------


def test_a_roster_that_has_changed_is_read_again():
    rosters = Versioned()
    rosters.edits, rosters.removed = 2, ["c0@localhost"]
    intake.receive([message(payload=many(12))])

    answers = run(rosters)

    assert len(answers[ROMEO]) == 1
    assert len(rosters.rosters[ROMEO]) == 12
    # Read at first, and after each of the two.
    assert len(rosters.reads) == 3


def test_what_the_user_removes_meanwhile_is_not_written_again():
    rosters = Versioned()
    intake.receive([message(payload=many(12))])
    (work,) = claims.claim()
    write, trips = rosters.write, rosters.trips

    def write_and_edit(writes, deadline):
        if len(trips) == 1 and not rosters.removed:
            rosters.edits, rosters.removed = 1, ["c0@localhost"]
        return write(writes, deadline)

    rosters.write = write_and_edit
    (settled,) = batch.run([work], rosters, time.time() + 60)

    assert len(settled.answers) == 1
    assert "c0@localhost" not in rosters.rosters[ROMEO]
    assert len(rosters.rosters[ROMEO]) == 11


def test_a_roster_that_never_rests_is_left_for_a_later_attempt():
    rosters = Versioned()
    rosters.edits = 1_000
    intake.receive([message(payload=many(3)), message(payload=LIAM, owner=JULIET)])

    settled = {
        one.work.owner: one
        for one in batch.run(claims.claim(), rosters, time.time() + 60)
    }

    assert settled[ROMEO].answers == {}
    assert list(settled[ROMEO].failures.values()) == [
        "roster not written: it changes all the time"
    ]
    assert rosters.written == []


def run_with_late_reads(rosters: Versioned) -> list:
    """Run a batch in which a roster that changes cannot be read again in time."""
    reads = rosters.read

    def read(owners, deadline):
        if rosters.reads:
            raise Late("no answer by the deadline")
        return reads(owners, deadline)

    rosters.read = read
    return batch.run(claims.claim(), rosters, time.time() + 60)


def test_a_roster_that_is_not_read_again_in_time_fails_no_other_owner():
    rosters = Versioned()
    rosters.edits = 1  # of the first owner's roster
    owners = [ROMEO, JULIET, MARIO]
    intake.receive([message(payload=many(3), owner=owner) for owner in owners])

    first, *others = run_with_late_reads(rosters)

    assert (first.answers, first.failures) == ({}, {})
    assert [len(one.answers) for one in others] == [1, 1]


def test_an_attempt_counts_if_nothing_could_be_written():
    rosters = Versioned()
    rosters.edits = 1
    intake.receive([message(payload=many(3))])

    (settled,) = run_with_late_reads(rosters)

    failures = list(settled.failures.values())
    assert failures == ["roster not written: no answer by the deadline"]


# --- When time is over ----------------------------------------------------------------


def test_what_does_not_fit_before_the_deadline_is_left():
    rosters = Watched()
    intake.receive([message(payload=many(150)), message(payload=LIAM, owner=JULIET)])

    answers = run(rosters, seconds=-1)

    assert len(rosters.written) == 5 + 1
    assert answers[ROMEO] == {}
    assert len(answers[JULIET]) == 1


def test_a_long_roster_is_continued_after_others_that_wait(monkeypatch):
    monkeypatch.setattr(writing, "SLICE_SECONDS", 0)
    rosters = Watched()
    intake.receive([message(payload=many(100))])
    work = claims.claim()
    intake.receive([message(payload=LIAM, owner=JULIET)])

    (settled,) = batch.run(work, rosters, time.time() + 60)
    assert settled.answers == {}
    assert rosters.trips == [[ROMEO] * 5]
    work = results.finish([settled], "")
    assert [one.owner for one in work] == [JULIET]
    results.finish(batch.run(work, rosters, time.time() + 60), "")

    # It goes on where it was: nothing is written twice, no attempt was counted.
    claims.clear_claims()
    settle(rosters)
    assert len(rosters.written) == 101
    row = Command.objects.get(owner=ROMEO)
    assert (row.attempts, json.loads(row.answer)["status"]) == (0, 0)


def test_a_long_roster_goes_on_while_nobody_waits(monkeypatch):
    monkeypatch.setattr(writing, "SLICE_SECONDS", 0)
    rosters = Watched()
    intake.receive([message(payload=many(100))])
    assert len(run(rosters)[ROMEO]) == 1
    assert len(rosters.written) == 100


def test_an_owner_who_is_done_does_not_wait_for_a_long_roster(monkeypatch):
    monkeypatch.setattr(writing, "SLICE_SECONDS", 0)
    rosters = Watched()
    intake.receive([message(payload=many(100)), message(payload=LIAM, owner=JULIET)])
    answers = run(rosters)
    assert (len(answers[JULIET]), answers[ROMEO]) == (1, {})


def test_nothing_more_is_written_for_an_account_that_is_missing():
    rosters = Watched()
    intake.receive([message(payload=many(100))])
    rosters.exist = lambda jids, deadline: [True for _ in jids]
    del rosters.rosters[ROMEO]

    run(rosters)

    assert rosters.trips == [[ROMEO] * 5]


def test_nothing_more_is_written_once_the_claim_is_lost():
    rosters = Watched()
    intake.receive([message(payload=many(100))])
    work = claims.claim()
    write = rosters.write

    def write_and_lose(changes, deadline):
        Claim.objects.all().delete()
        return write(changes, deadline)

    rosters.write = write_and_lose
    (settled,) = batch.run(work, rosters, time.time() + 60)

    assert settled.answers == {}
    assert len(rosters.written) == 5
