"""A number on many rosters registers: all are updated despite a kill."""

import asyncio

from tests.service import PASSWORD, SERVICE, Service, until

HOLDERS = 24
OTHERS, VERIFIED = frozenset({"others"}), frozenset({"verified"})


async def _ask(service: Service, owner: str, address: str) -> None:
    async with service.client(owner) as client:
        contacts = {"channelUsers": [{"name": "Late", "address": address}]}
        await client.command(SERVICE, "cmd_add_to_roster", contacts)


async def _groups(service: Service, owner: str, address: str) -> frozenset[str]:
    async with service.client(owner, "reader") as client:
        return (await client.roster())[f"{address}@localhost"].groups


def _left(service: Service) -> int:
    said = service.shell(
        "from roster.models import LateJoin\nprint(LateJoin.objects.count())"
    )
    return int(said)


async def test_a_late_join_survives_a_kill(new_service):
    service: Service = new_service(LATE_JOINS_PER_SECOND="4")
    (late,), owners = service.unknown(), service.register(HOLDERS)
    for owner in owners:
        await _ask(service, owner, late)
        assert await _groups(service, owner, late) == OTHERS

    assert _left(service) == 0
    service.server.register(late, PASSWORD)
    await _ask(service, late, "liam")

    async def begun():
        return 0 < await asyncio.to_thread(_left, service) < HOLDERS

    await until(begun, 60)
    service.kill()
    assert 0 < _left(service) < HOLDERS, "killed too late to mean anything"
    await asyncio.to_thread(service.start)

    async def finished():
        return not await asyncio.to_thread(_left, service)

    await until(finished, 60)
    found = [await _groups(service, owner, late) for owner in owners]
    assert found == [VERIFIED] * HOLDERS
    print(f"{HOLDERS} holders: all told")
