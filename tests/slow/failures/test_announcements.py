"""SIGKILL in the middle of an announcement: all subscribers still get it."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from demo.client import CLIENT, Client
from tests.conversations.presences import add, digest, newest, stored_jids, subscribe
from tests.service import SERVER, Service, component_only, until
from tests.slow.failures.phones import read

SUBSCRIBERS = 16
PATIENCE = 60  # seconds
PRESENCE = CLIENT + "presence"


@component_only
@pytest.mark.parametrize("victim", ["service", SERVER])
async def test_an_announcement_survives_a_kill(victim, new_service):
    service: Service = new_service(ANNOUNCEMENTS_PER_SECOND="4")
    service.keep()
    locals = service.register(SUBSCRIBERS)
    async with AsyncExitStack() as stack:
        clients = await _online(service, locals, stack)
        old = newest(clients[0])
        await asyncio.to_thread(add, service, "Killed amid")
        await until(lambda: sum(newest(one) != old for one in clients) >= 2)
        reached = sum(newest(one) != old for one in clients)
        assert reached < SUBSCRIBERS, "killed too late to mean anything"

        if victim == "service":
            await asyncio.to_thread(service.kill, service.owner)
        else:
            await asyncio.to_thread(service.server.kill)
            await asyncio.to_thread(service.server.start)
            clients = await _online(service, locals, stack)

        async def all_are_up_to_date() -> bool:
            document = await read(clients[0])
            live = digest(document)
            hashes = {newest(client) for client in clients}
            return "Killed amid" in document and hashes == {live}

        await until(all_are_up_to_date, PATIENCE)


async def test_clients_coming_online_in_an_outage_get_the_hash_after_it(
    new_service,
):
    service: Service = new_service()
    (local,) = service.register()
    async with AsyncExitStack() as stack:
        await _online(service, [local], stack)
        # A subscriber gets the hash at once, and is stored a moment later.
        await until(lambda: f"{local}@localhost" in stored_jids(service), PATIENCE)
    service.kill(service.owner)

    async with service.client(local) as client:
        await client.presence()
        await until(lambda: any(one.tag == PRESENCE for one in client.stanzas))
        await asyncio.to_thread(service.start)
        await until(lambda: newest(client), PATIENCE)


async def _online(
    service: Service, locals: list[str], stack: AsyncExitStack
) -> list[Client]:
    clients = [
        await stack.enter_async_context(service.client(local)) for local in locals
    ]
    for client in clients:
        await subscribe(client)
    for client in clients:
        await until(lambda: newest(client), PATIENCE)  # noqa: B023  (awaited here)
    return clients
