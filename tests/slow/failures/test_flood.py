"""30,000 commands at once: all are answered, in bounded memory, or refused in time."""

import asyncio
import json
import time
from collections import Counter
from pathlib import Path

from demo.client import Client, ClientError
from tests.service import SERVICE, Service, until
from xmppservice.connection.events import OVERLOADED

CLIENTS, COMMANDS = 10, 30_000
UNANSWERED = -1
PATIENCE = 500  # seconds, on a busy machine; a quiet one needs 45
# More than a quiet process; measured: 60. The inbox takes 20,000 commands,
# here a quarter of the 64 MB that it takes at most.
MAX_EXTRA_MB = 150


async def test_30000_commands_at_once(new_service):
    # As many as possible are admitted: this is about memory.
    service: Service = new_service(COMMAND_MAX_WAIT_SECONDS="3600")
    quiet, began = _peak_megabytes(service.pid), time.monotonic()

    answered = await asyncio.gather(
        *(_flood(service, local) for local in service.register(CLIENTS))
    )

    seconds, peak = time.monotonic() - began, _peak_megabytes(service.pid)
    print(
        f"{sum(answered)} answered in {seconds:.0f} s; peak memory {peak} MB,", end=""
    )
    print(f" {quiet} MB when quiet, {quiet + MAX_EXTRA_MB} MB allowed")
    assert sum(answered) == COMMANDS
    assert peak < quiet + MAX_EXTRA_MB


async def _flood(service: Service, local: str) -> int:
    """Ask all at once, and repeat as the contract asks; return how many succeeded."""
    async with service.client(local) as client:
        asked = [_search(client, number) for number in range(COMMANDS // CLIENTS)]
        return (await asyncio.gather(*asked)).count(0)


async def _search(client: Client, number: int) -> int:
    nobody = [f"003934901{number % 50:02d}{place:03d}" for place in range(10)]
    payload = {"userList": nobody}
    try:
        answer = await client.command(
            SERVICE, "cmd_search_users", payload, id=f"cmd-{number}", timeout=PATIENCE
        )
    except ClientError:
        return UNANSWERED
    status: int = answer["status"]
    return status


def _peak_megabytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    raise AssertionError("no VmHWM")


async def test_a_flood_is_refused_by_age_and_those_admitted_are_answered(new_service):
    service: Service = new_service(COMMAND_MAX_WAIT_SECONDS="1")
    (local,) = service.register(1)
    count = 3_000
    async with service.client(local) as client:
        for number in range(count):
            await client.send(_xml(number))

        def kinds() -> Counter[str]:
            return Counter(
                stanza.get("type", "")
                for stanza in client.stanzas
                if stanza.get("id", "").startswith("flood-")
            )

        await until(lambda: kinds().total() == count, PATIENCE)

        assert kinds().keys() == {"chat", "error"}
        texts = {
            stanza.findtext("{*}error/{*}text")
            for stanza in client.stanzas
            if stanza.get("type") == "error"
        }
        assert texts == {OVERLOADED}
        # The client repeats what was refused.
        refused = next(one for one in client.stanzas if one.get("type") == "error")
        number = int(refused.get("id", "").removeprefix("flood-"))
        again = await client.command(
            SERVICE, "cmd_search_users", PAYLOAD, id=f"flood-{number}"
        )
        assert again["status"] == 0
    assert service.log.read_text().count("new ones are refused") == 1


PAYLOAD = {"userList": ["00393490100000"]}


def _xml(number: int) -> str:
    return (
        f"<message to='{SERVICE}' id='flood-{number}' type='chat'><body/>"
        "<x xmlns='jabber:x:oob'><type>cmd_search_users</type>"
        "<action>cmd_search_users</action>"
        f"<payload>{json.dumps(PAYLOAD)}</payload></x></message>"
    )
