"""Late joins, deleted accounts and number enumeration, as clients see them."""

import base64
import hashlib
import hmac
import json
import os
import random
import re
import subprocess
import time
from datetime import UTC, datetime

from demo.client import Client
from tests.processes import ROOT
from tests.service import PASSWORD, SERVICE, Service, until

SEARCH, ADD = "cmd_search_users", "cmd_add_to_roster"
OTHERS, VERIFIED = frozenset({"others"}), frozenset({"verified"})
KEY = b"0123456789abcdef0123456789abcdef"


async def search(client: Client, *numbers: str) -> dict:
    return await client.command(SERVICE, SEARCH, {"userList": numbers})


async def add(client: Client, *numbers: str) -> dict:
    contacts = [{"name": "Late", "address": number} for number in numbers]
    return await client.command(SERVICE, ADD, {"channelUsers": contacts})


async def groups(client: Client, local: str) -> frozenset[str]:
    return (await client.roster())[f"{local}@localhost"].groups


async def test_a_new_user_is_verified_on_rosters_that_had_the_number(service):
    (late,) = service.unknown()
    here, there = service.register(2)
    async with service.client(here) as romeo, service.client(there) as juliet:
        for client in (romeo, juliet):
            await add(client, late)
            assert await groups(client, late) == OTHERS

        service.server.register(late, PASSWORD)
        async with service.client(late) as newcomer:
            # A user who sends a command is known from then on.
            await search(newcomer, here)

        for client in (romeo, juliet):
            assert await until(lambda c=client: _has(c, late, VERIFIED), 30)


async def _has(client: Client, local: str, wanted: frozenset[str]) -> bool:
    return await groups(client, local) == wanted


async def test_signed_notices_add_and_remove_a_user(new_service):
    secret = "whsec_" + base64.b64encode(KEY).decode()
    service = new_service(ACCOUNT_WEBHOOK_SECRET=secret)
    # Only the notice makes it known: the XMPP server has no such account.
    (late,) = service.unknown()
    (local,) = service.register()
    async with service.client(local) as client:
        assert (await search(client, late))["userList"] == []

        assert _notify(service, "account.registered", late) == 204
        assert (await search(client, late))["userList"] == [late]
        assert _notify(service, "account.unregistered", late) == 204
        assert (await search(client, late))["userList"] == []


def test_the_documented_notice_is_signed_correctly(new_service):
    secret = "whsec_" + base64.b64encode(KEY).decode()
    service = new_service(ACCOUNT_WEBHOOK_SECRET=secret)
    page = (ROOT / "docs" / "api.md").read_text()
    (script,) = re.findall(r"```sh\n(body=.*?)curl ", page, re.DOTALL)
    script += 'printf "%s %s %s" "$sent" "$mac" "$body"'
    here = {**os.environ, "ACCOUNT_WEBHOOK_SECRET": secret}

    said = subprocess.run(
        ["sh", "-euc", script], env=here, capture_output=True, text=True, timeout=30
    )

    assert said.stderr == ""
    sent, mac, notice = said.stdout.split(" ", 2)
    assert _post(service, json.loads(notice), sent, mac) == 204


def _notify(service: Service, type: str, local: str) -> int:
    now = datetime.now(UTC).isoformat()
    notice = {"type": type, "timestamp": now, "data": {"jids": [f"{local}@localhost"]}}
    sent = str(int(time.time()))
    signed = f"msg.{sent}.{json.dumps(notice)}".encode()
    mac = base64.b64encode(hmac.digest(KEY, signed, hashlib.sha256)).decode()
    return _post(service, notice, sent, mac, "msg")


def _post(
    service: Service, notice: dict, sent: str, mac: str, id: str = "msg_1"
) -> int:
    headers = {
        "webhook-id": id,
        "webhook-timestamp": sent,
        "webhook-signature": f"v1,{mac}",
    }
    status, _, _ = service.http(
        "POST", "/api/accounts/events/", notice, headers=headers, token=False
    )
    return status


async def test_flagged_owners_learn_nothing_more_by_either_command(service):
    """Until staff clear the flag, numbers asked about before are not answered."""
    friend, victim = service.register(2)
    (local,) = service.register()
    begin = int(victim) - 400
    scan = [f"00{number}" for number in range(begin, begin + 800)]
    async with service.client(local) as client:
        assert (await search(client, friend))["userList"] == [friend]

        answer = await search(client, friend, *scan)

        assert (answer["status"], answer["errorCode"]) == (5, "RATE_LIMITED")
        assert answer["userList"] == []
        assert answer["retryAfter"] == 24 * 60 * 60
        # The other command: a group would reveal as much as a search.
        assert (await add(client, victim))["status"] == 0
        assert await groups(client, victim) == OTHERS

        service.shell(
            "from django.utils import timezone\n"
            "from roster.models import Flag\n"
            f"open = Flag.objects.filter(owner__jid='{local}@localhost')\n"
            "assert open.update(released_at=timezone.now()) == 1"
        )
        assert (await search(client, victim))["userList"] == [victim]
        assert await groups(client, victim) == VERIFIED


async def test_an_ordinary_address_book_is_not_flagged(service):
    (local, friend) = service.register(2)
    randomly = random.Random(5)
    book = [
        f"0039{randomly.randrange(3_200_000_000, 3_999_999_999)}" for _ in range(3_000)
    ]
    async with service.client(local) as client:
        # For so many numbers, a server that lists accounts is not asked about new ones.
        assert (await search(client, friend))["userList"] == [friend]
        answer = await search(client, *book, friend)
    assert (answer["status"], answer["userList"]) == (0, [friend])


async def test_numbers_beyond_the_budget_are_refused_by_both_commands(new_service):
    service = new_service(DISCOVERY_BURST="2", DISCOVERY_PER_YEAR="0")
    one, two, three = service.register(3)
    (local,) = service.register()
    async with service.client(local) as client:
        assert (await add(client, one, two, three))["status"] == 0
        found = {number: await groups(client, number) for number in (one, two, three)}
        assert found == {one: VERIFIED, two: VERIFIED, three: OTHERS}

        answer = await search(client, one, three)
        assert (answer["errorCode"], answer["userList"]) == ("RATE_LIMITED", [one])
