"""Kill -9 of each part in the middle of 600 commands: all are answered.

The clients repeat what was not answered, as the contract asks. Afterwards each
roster has each contact, and no command is left in any state but ``sent``.
"""

import asyncio
from collections.abc import Callable

import pytest

from tests.failures.phones import Phones, expected
from tests.service import DEPLOYMENT, SERVER, Service, until

COMMANDS, RATE = 600, 60.0  # a second
# One kill in the middle of each part: whatever takes seconds to start again does
# not outlast the commands.
PART, KILL_AFTER = 200, 60
PATIENCE = 180  # seconds

Kill = Callable[[Service], None]


def processes(*names: str) -> Kill:
    """Kill these; who watches over them starts them again."""
    return lambda service: service.kill(*names)


def backend(name: str) -> Kill:
    def kill(service: Service) -> None:
        service.backends[name].kill()
        service.backends[name].start()

    return kill


def xmpp_server(service: Service) -> None:
    service.server.kill()
    service.server.start()


VICTIMS: dict[str, dict[str, Kill]] = {
    "one": {"process": processes("serve"), SERVER: xmpp_server},
    "redis": {
        "xmpp": processes("xmpp"),
        "workers": processes("worker-1", "worker-2", "worker-3"),
        "redis": backend("CHANNEL_LAYER_URL"),
        "postgresql": backend("DATABASE_URL"),
        SERVER: xmpp_server,
    },
    "rabbitmq": {"rabbitmq": backend("CELERY_BROKER_URL")},
}


@pytest.mark.parametrize("victim", VICTIMS[DEPLOYMENT])
async def test_600_commands_while_it_is_killed(victim, new_service):
    service: Service = new_service()
    service.keep()
    async with Phones(service) as phones:
        for begin in range(0, COMMANDS, PART):
            part = range(begin, begin + PART)
            asking = asyncio.create_task(phones.ask(part, RATE))
            await until(lambda: phones.answered >= part[KILL_AFTER], PATIENCE)  # noqa: B023  (awaited here)
            assert phones.answered < part.stop, "killed too late to mean anything"
            await asyncio.to_thread(VICTIMS[DEPLOYMENT][victim], service)
            await asking
        await until(lambda: phones.done, PATIENCE)

    print(
        f"{victim}: {phones.answered} answered, {phones.duplicates} of them twice, "
        f"{phones.errors} answers of SQL_ERROR before"
    )
    assert phones.statuses == {0: COMMANDS}
    for place, phone in enumerate(phones.phones):
        assert set(await phone.roster()) == expected(place, phones.phones, COMMANDS)
    await until(lambda: set(service.states()) == {"sent"}, PATIENCE)
    assert service.states() == {"sent": COMMANDS}
