"""SIGKILL of each part in turn, during 600 commands: all are answered.

The clients repeat unanswered commands, as the contract requires. Afterwards each
roster has each contact, and every command is ``sent``.
"""

import asyncio
from collections.abc import Callable
from itertools import cycle

from tests.service import DEPLOYMENT, SERVER, Service, until
from tests.slow.failures.phones import Phones, expected

COMMANDS, RATE = 600, 60.0  # a second
# One kill in each part, so that a restart of seconds does not outlast the commands.
PARTS, BEFORE = 3, 0.3  # at least; the share of a part sent before the kill
PATIENCE = 180  # seconds

Kill = Callable[[Service], None]


def processes(*names: str) -> Kill:
    """Kill these processes; their keeper restarts them."""
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
        "workers": processes("commands", "commands-2", "others"),
        "redis": backend("CHANNEL_LAYER_URL"),
        "postgresql": backend("DATABASE_URL"),
        SERVER: xmpp_server,
    },
    "rabbitmq": {"rabbitmq": backend("CELERY_BROKER_URL")},
}


async def test_600_commands_while_each_part_is_killed(new_service):
    service: Service = new_service()
    service.keep()
    victims = VICTIMS[DEPLOYMENT]
    parts = max(PARTS, len(victims))
    size = COMMANDS // parts
    async with Phones(service) as phones:
        for begin, victim in zip(range(0, COMMANDS, size), cycle(victims)):
            middle, end = begin + int(size * BEFORE), begin + size
            await phones.ask(range(begin, middle), RATE)
            # It answers again after the last kill, perhaps all at once.
            await until(lambda: phones.answered > begin, PATIENCE)  # noqa: B023  (awaited here)
            asking = asyncio.create_task(phones.ask(range(middle, end), RATE))
            print(f"{victim} killed after {phones.answered} answers")
            await asyncio.to_thread(victims[victim], service)
            await asking
        await until(lambda: phones.done, PATIENCE)

    print(
        f"{phones.answered} answered, {phones.duplicates} of them twice, "
        f"{phones.errors} answers of SQL_ERROR before"
    )
    assert phones.statuses == {0: COMMANDS}
    for place, phone in enumerate(phones.phones):
        assert set(await phone.roster()) == expected(place, phones.phones, COMMANDS)
    await until(lambda: set(service.states()) == {"sent"}, PATIENCE)
    assert service.states() == {"sent": COMMANDS}
