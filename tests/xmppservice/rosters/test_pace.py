"""How much an XMPP server is given to do at once."""

import asyncio
import time

import pytest

from tests.xmppservice.rosters.test_drivers import ITEM, ROMEO
from xmppservice.connection import gateway
from xmppservice.rosters import privileged
from xmppservice.rosters.interface import Room, RosterWrite, Written
from xmppservice.rosters.pace import (
    FIXED_COST,
    MAX_LATENCY_SECONDS,
    TURN_SECONDS,
    Latency,
    Pace,
)
from xmppservice.rosters.privileged import PrivilegedRosters


def test_a_pace_doubles_while_the_server_is_fast():
    pace = Pace(first=5, most=30)
    loads = []
    for _ in range(4):
        pace.note(pace.load, TURN_SECONDS / 100)
        loads.append(pace.load)
    assert loads == [10, 20, 30, 30]


def test_a_pace_falls_at_once_to_what_the_server_manages():
    pace = Pace(first=100, most=100)
    pace.note(100, 10 * TURN_SECONDS)
    assert pace.load == 10
    pace.note(10, 100 * TURN_SECONDS)
    assert pace.load == 1


def test_an_answer_that_took_no_time_is_no_error():
    pace = Pace(first=1, most=2)
    pace.note(1, 0)
    assert pace.load == 2


@pytest.mark.parametrize(
    ("size", "fitting"),
    [(0, 20), (FIXED_COST, 20), (9 * FIXED_COST, 5), (49 * FIXED_COST, 1), (10_000, 0)],
)
def test_fewer_items_fit_in_for_a_longer_roster(size, fitting):
    room = Room(items=100, of_owner=20, cost=50 * FIXED_COST)
    assert room.fitting(size) == fitting


def test_what_is_taken_leaves_less_room():
    room = Room(items=25, of_owner=20, cost=100 * FIXED_COST)
    assert room.without(20, size=0).fitting(0) == 5
    assert room.without(2, size=49 * FIXED_COST).fitting(0) == 0


def settled(distance: float) -> int:
    """Return the pace for a server that takes a millisecond for each of a load."""
    pace, latency = Pace(first=5, most=1_000), Latency()
    latency.note(distance + 0.001)
    for _ in range(20):
        pace.note(pace.load, latency.without(distance + 0.001 * pace.load))
    return pace.load


def test_a_distant_server_is_given_as_much_as_a_near_one():
    assert settled(0.2) == settled(0.0)


def test_a_server_that_is_always_busy_is_not_taken_for_a_distant_one():
    assert settled(10 * MAX_LATENCY_SECONDS) == 1


@pytest.fixture
def paces(monkeypatch) -> dict[str, Pace]:
    paces = {name: Pace(100, 1_000) for name in ("_reading", "_writing")}
    for name, pace in paces.items():
        monkeypatch.setattr(privileged, name, pace)
    monkeypatch.setattr(privileged, "_latency", Latency())
    return paces


async def call(answer, function, items):
    gateway.attach(answer, lambda: gateway.State(True, True))
    try:
        return await asyncio.to_thread(function, items, time.time() + 5)
    finally:
        gateway.detach()


async def test_a_server_that_does_not_answer_is_given_less(paces):
    async def too_late(requests, deadline):
        await asyncio.sleep(2 * TURN_SECONDS)
        raise gateway.Late("no answer by the deadline")

    rosters = PrivilegedRosters()
    with pytest.raises(gateway.Late):
        await call(too_late, rosters.read, [ROMEO])
    with pytest.raises(gateway.Late):
        await call(too_late, rosters.write, [RosterWrite(ROMEO, [ITEM], size=10)])

    assert [pace.load < 100 for pace in paces.values()] == [True, True]


async def test_what_was_not_asked_says_nothing_of_the_server(paces):
    async def down(requests, deadline):
        raise gateway.Down("no stream")

    rosters = PrivilegedRosters()
    with pytest.raises(gateway.Down):
        await call(down, rosters.read, [ROMEO])
    assert await call(down, rosters.write, [RosterWrite(ROMEO, [])]) == [Written([])]

    assert [pace.load for pace in paces.values()] == [100, 100]


async def test_a_server_far_away_gets_more_than_one_request_at_a_time(paces):
    trips: list[int] = []

    async def far_away(requests, deadline):
        trips.append(len(requests))
        await asyncio.sleep(2 * TURN_SECONDS)
        return [gateway.IqResult("", "")] * len(requests)

    rosters = PrivilegedRosters()
    await call(far_away, rosters.read, [ROMEO])
    await call(far_away, rosters.read, [ROMEO] * 20)

    assert max(trips) > 1
