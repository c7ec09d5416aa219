"""Roster writes: few in flight, and one owner's long roster delays no others."""

import json
import time

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

pytestmark = pytest.mark.django_db


class Watched(PaperRosters):
    """Notes the owners of the writes of each round trip."""

    def __init__(self) -> None:
        super().__init__()
        self.trips: list[list[str]] = []
        for owner in (ROMEO, JULIET, MARIO):
            self.register(owner)

    def write(self, changes, deadline):
        self.trips.append([change.owner for change in changes])
        return super().write(changes, deadline)


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

    assert max(map(len, rosters.trips)) == writing.MAX_IN_FLIGHT
    for trip in rosters.trips:
        for owner in owners:
            assert trip.count(owner) <= writing.MAX_IN_FLIGHT_OF_OWNER
    assert len(rosters.written) == 400


def test_what_does_not_fit_before_the_deadline_is_left():
    rosters = Watched()
    intake.receive([message(payload=many(150)), message(payload=LIAM, owner=JULIET)])

    answers = run(rosters, seconds=-1)

    assert len(rosters.written) == writing.FIRST_IN_FLIGHT_OF_OWNER + 1
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
    assert rosters.trips == [[ROMEO] * writing.FIRST_IN_FLIGHT_OF_OWNER]
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

    assert rosters.trips == [[ROMEO] * writing.FIRST_IN_FLIGHT_OF_OWNER]


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
    assert len(rosters.written) == writing.FIRST_IN_FLIGHT_OF_OWNER
