"""What the served domains lack is asked again and again, and logged when it changes."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.service import until
from xmppservice.connection.status import StatusWriter
from xmppservice.service import roster_probe
from xmppservice.service.roster_probe import RosterProbe


class State(StatusWriter):
    """Counts what is recorded."""

    count = 0

    def set_driver(self, *args) -> None:
        super().set_driver(*args)
        self.count += 1


@pytest.fixture
async def state(monkeypatch, settings) -> AsyncIterator[State]:
    """The state that a probe writes; without a stream all domains lack something."""
    monkeypatch.setattr(roster_probe, "MISSING_PAUSE_SECONDS", 0.01)
    settings.CHANNEL_LAYER_URL = ""
    settings.XMPP_DOMAINS = ["montague.example", "capulet.example"]
    state = State("service.example")
    probe = RosterProbe(state)
    running = asyncio.create_task(probe.run())
    probe.connected()
    yield state
    running.cancel()
    await asyncio.wait([running])


async def test_domains_are_named_once(state, caplog):
    await until(lambda: state.count > 2)

    (record,) = caplog.records
    assert record.levelname == "ERROR"
    start = "rosters cannot be kept: montague.example, capulet.example: give "
    assert record.getMessage().startswith(start)


async def test_a_change_during_the_session_is_logged(state, settings, caplog):
    await until(lambda: state.count)
    settings.XMPP_DOMAINS = []

    await until(lambda: "rosters are kept by privileged stanzas" in caplog.text)
