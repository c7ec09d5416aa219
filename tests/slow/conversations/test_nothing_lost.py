"""Kill -9, a restart of the XMPP server, and a flood: every command is answered."""

import asyncio
import json
from collections import Counter
from pathlib import Path

from demo.client import Client, ClientError
from tests.service import SERVICE, Service, until

PATIENCE = 500  # seconds


def add(number: int) -> dict:
    return {"channelUsers": [{"name": f"Contact {number}", "address": f"c{number}"}]}


async def ask(client: Client, number: int) -> dict:
    """Repeat a command until it is answered, as the contract requires.

    Also after a refusal: for an absent service ejabberd answers `forbidden`.
    """
    word, id = "cmd_add_to_roster", f"cmd-{number}"

    async def answered() -> dict | None:
        try:
            return await client.command(
                SERVICE, word, add(number), id=id, timeout=PATIENCE
            )
        except ClientError:
            await asyncio.sleep(0.5)
            return None

    return await until(answered, PATIENCE)


async def test_kill_minus_nine_in_the_middle_of_200_commands(new_service):
    service: Service = new_service()
    locals = service.register(4)
    clients = [service.client(local) for local in locals]
    for client in clients:
        await client.__aenter__()
        await client.roster()
    asked = [
        asyncio.create_task(ask(clients[number % 4], number)) for number in range(200)
    ]
    await until(lambda: sum(task.done() for task in asked) >= 20, PATIENCE)

    service.kill()
    assert sum(task.done() for task in asked) < 200, "killed too late to mean anything"
    await asyncio.to_thread(service.start)

    answers = await asyncio.gather(*asked)
    assert Counter(answer["status"] for answer in answers) == {0: 200}
    for place, client in enumerate(clients):
        expected = {f"c{number}@localhost" for number in range(place, 200, 4)}
        assert set(await client.roster()) == expected
        await client.__aexit__()
    await until(lambda: set(service.states()) == {"sent"})


async def test_the_xmpp_server_restarts_in_the_middle(new_service):
    service: Service = new_service()
    (local,) = service.register()
    async with service.client(local) as client:
        for number in range(50):
            await client.send(_message(number, add(number)))
        service.server.kill()
    opened = service.opened
    await asyncio.to_thread(service.server.start)
    # Until then ejabberd refuses stanzas for us, instead of asking to wait.
    await until(lambda: service.opened > opened, PATIENCE)

    async with service.client(local) as client:
        answers = await asyncio.gather(*(ask(client, number) for number in range(50)))
        assert Counter(answer["status"] for answer in answers) == {0: 50}
        assert len(await client.roster()) == 50
    await until(lambda: set(service.states()) == {"sent"})


async def test_a_flood_of_ten_thousand_commands(new_service):
    """8 owners, 1,250 searches each, while 2 more have their rosters written."""
    # None is refused, however long this machine needs for all of them.
    service: Service = new_service(COMMAND_MAX_WAIT_SECONDS="3600")
    *locals, first, second = service.register(10)
    clients = [service.client(local) for local in (*locals, first, second)]
    for client in clients:
        await client.__aenter__()
    *searchers, one, two = clients
    writing = [
        asyncio.create_task(ask(client, number))
        for client in (one, two)
        for number in range(50)
    ]
    await asyncio.gather(*(_flood(client) for client in searchers))

    await until(
        lambda: all(_answered(client) == 1250 for client in searchers), PATIENCE
    )
    assert all(answer["status"] == 0 for answer in await asyncio.gather(*writing))
    for client in (one, two):
        assert len(await client.roster()) == 50
    peak = _peak_megabytes(service.pid)
    print(f"peak memory {peak} MB")
    # The inbox alone is bounded at 64 MB; a quiet service has about 100.
    assert peak < 350
    for client in clients:
        await client.__aexit__()


async def test_an_edit_is_live_while_commands_flood_in(new_service):
    service: Service = new_service()
    locals = service.register(8)
    clients = [service.client(local) for local in locals]
    for client in clients:
        await client.__aenter__()
    await asyncio.gather(*(_flood(client) for client in clients))
    entry = {"type": "channel", "webIsPublished": True, "info": {"name": "Amid"}}
    status, _, _ = await asyncio.to_thread(service.http, "POST", "/api/buddies/", entry)
    assert status == 201

    async def live():
        return "Amid" in await clients[0].document(SERVICE)

    await until(live, PATIENCE)

    assert _answered(clients[0]) < 1250, "the flood was over before the edit was live"
    # It stops at once, whatever is waiting, and resumes there after a start.
    assert await asyncio.to_thread(service.stop) == 0
    assert service.states().get("received", 0) > 0
    for client in clients:
        await client.__aexit__()


async def test_thirty_full_searches_of_one_owner_end(new_service):
    """More numbers than a query of SQLite takes, and more than the budget."""
    # All are admitted: on a busy machine each takes seconds, and none is repeated here.
    service: Service = new_service(COMMAND_MAX_WAIT_SECONDS="3600")
    (local,) = service.register()
    async with service.client(local) as client:
        for number in range(30):
            numbers = [f"00{39_000_000 + number * 10_000 + n}" for n in range(10_000)]
            payload = {"userList": numbers}
            await client.send(_message(number, payload, "cmd_search_users"))
        await until(lambda: _answered(client) == 30, PATIENCE)


def _message(number: int, payload: dict, command: str = "cmd_add_to_roster") -> str:
    return (
        f"<message to='{SERVICE}' id='cmd-{number}' type='chat'><body/>"
        f"<x xmlns='jabber:x:oob'><type>{command}</type><action>{command}</action>"
        f"<payload>{json.dumps(payload)}</payload></x></message>"
    )


async def _flood(client: Client) -> None:
    for number in range(1250):
        await client.send(_message(number, _numbers(number), "cmd_search_users"))


def _numbers(number: int) -> dict:
    numbers = [f"003934901{number % 50:02d}{place:03d}" for place in range(10)]
    return {"userList": numbers}


def _answered(client: Client) -> int:
    return len(
        {one.get("id") for one in client.stanzas if one.find("{*}x") is not None}
    )


def _peak_megabytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    raise AssertionError("no VmHWM")


async def test_commands_beyond_the_inbox_are_refused_and_can_be_repeated(new_service):
    service: Service = new_service(XMPP_INBOX_STANZAS="20")
    (local,) = service.register()
    async with service.client(local) as client:
        await _flood(client)

        refused = await client.message(lambda stanza: stanza.get("type") == "error", 30)

        error = refused.find("{*}error")
        assert error.get("type") == "wait"
        assert error.find("{*}resource-constraint") is not None
        number = int(refused.get("id").removeprefix("cmd-"))
        answer = await client.command(
            SERVICE,
            "cmd_search_users",
            _numbers(number),
            id=refused.get("id"),
            timeout=PATIENCE,
        )
        assert answer["status"] == 0


async def test_missing_storage_is_sql_error_and_a_repeat_runs(new_service):
    service: Service = new_service()
    (local,) = service.register()
    async with service.client(local) as client:
        document = await client.document(SERVICE)
        service.sql("ALTER TABLE roster_command RENAME TO gone")

        answer = await ask(client, 1)

        assert (answer["status"], answer["errorCode"]) == (1, "SQL_ERROR")
        assert "gone" not in json.dumps(answer)
        assert await client.document(SERVICE) == document
        service.sql("ALTER TABLE gone RENAME TO roster_command")
        assert (await ask(client, 1))["status"] == 0
        assert set(await client.roster()) == {"c1@localhost"}
