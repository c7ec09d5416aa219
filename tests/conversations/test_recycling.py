"""A number that changes hands: nothing of its last holder is on the next one's roster.

Prosody keeps the rosters that it loads for offline users in memory, also when the
account is deleted, so a lookup must not load any.
"""

from demo.client import Client
from tests.service import PASSWORD, SERVICE, Service


async def search(client: Client, *numbers: str) -> list[str]:
    payload = {"userList": numbers}
    answer = await client.command(SERVICE, "cmd_search_users", payload)
    return answer["userList"]


async def test_the_next_holder_begins_with_an_empty_roster(service: Service):
    romeo, number, friend = service.register(3)
    async with service.client(romeo) as client:
        assert await search(client, number) == [number]
    async with service.client(number) as last:
        await last.roster_set(f"{friend}@localhost", "A friend")
    async with service.client(friend) as client:
        assert await search(client, number) == [number]

    service.server.unregister(number)
    service.server.register(number, PASSWORD)

    async with service.client(number) as new:
        assert await new.roster() == {}
        contact = {"name": "Romeo", "address": romeo}
        payload = {"channelUsers": [contact]}
        assert (await new.command(SERVICE, "cmd_add_to_roster", payload))["status"] == 0
    async with service.client(number) as new:
        assert set(await new.roster()) == {f"{romeo}@localhost"}
