"""cmd_search_users over a real stream (contract, 4)."""

import json
from collections.abc import AsyncIterator

import pytest

from demo.client import Client
from tests.golden import PAYLOADS
from tests.service import SERVICE, Service

SEED = (PAYLOADS / "search-users.json5").read_text()


@pytest.fixture
async def romeo(service: Service) -> AsyncIterator[Client]:
    (local,) = service.register()
    async with service.client(local) as client:
        await client.roster()
        yield client


async def search(client: Client, payload: object) -> dict:
    return await client.command(SERVICE, "cmd_search_users", payload)


async def test_the_seed_example_finds_the_two_demo_users(romeo, demo_users):
    with pytest.raises(json.JSONDecodeError):
        json.loads(SEED)  # a bare key

    answer = await search(romeo, SEED)

    assert answer == {
        "status": 0,
        "errorCode": "",
        "errorMessage": [],
        "userList": demo_users,
    }
    roster = await romeo.roster()
    assert {jid: item.groups for jid, item in roster.items()} == {
        f"{local}@localhost": {"verified"} for local in demo_users
    }


async def test_hits_are_spelled_as_requested_in_order_each_text_once(romeo, demo_users):
    first, second = demo_users
    other = f"+{second[2:]}"

    answer = await search(romeo, {"userList": [other, first, second, first]})

    assert answer["userList"] == [other, first, second]


async def test_a_search_without_hits_is_no_error_and_adds_no_item(romeo):
    answer = await search(romeo, {"userList": ["00393490000001"]})

    assert answer["status"] == 0
    assert answer["userList"] == []
    assert await romeo.roster() == {}


async def test_a_hit_keeps_its_name(romeo, demo_users):
    first = demo_users[0]
    await romeo.roster_set(f"{first}@localhost", "My friend", ["Friends"])
    romeo.pushes.clear()

    await search(romeo, {"userList": [first]})

    roster = await romeo.roster()
    assert roster[f"{first}@localhost"].name == "My friend"
    assert romeo.pushes == []


async def test_numbers_that_are_not_found_are_indistinguishable(romeo, service):
    disabled, hidden = service.register(2)
    for local, change in ((disabled, "enabled"), (hidden, "discoverable")):
        service.http(
            "POST", "/api/accounts/", {"jid": f"{local}@localhost", change: False}
        )
    answers = [
        await search(romeo, {"userList": [one]})
        for one in (disabled, hidden, "00393490000002", "0039abc", 7, None)
    ]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0]["userList"] == []
    assert await romeo.roster() == {}


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "not json",
        "[]",
        '{"userList": "00393296260815"}',
        '{"users": []}',
        '{"userList": ' + "[" * 10_000,
        json.dumps({"userList": [f"0039{n}" for n in range(20_000)]}),
    ],
    ids=["empty", "text", "list", "no list", "missing", "deep", "20,000 numbers"],
)
async def test_bad_requests(romeo, payload):
    answer = await search(romeo, payload)

    assert (answer["status"], answer["errorCode"]) == (4, "BAD_REQUEST")
    assert answer["errorMessage"][0]["message"]


async def test_an_empty_list_finds_no_users(romeo):
    answer = await search(romeo, {"userList": []})
    assert (answer["status"], answer["userList"]) == (0, [])


async def test_loadaccounts_makes_users(romeo, service, tmp_path):
    file = tmp_path / "accounts.txt"
    file.write_text("# ours\n+39 349 0000 111\n00393490000112@localhost\n\n")

    said = service.manage("loadaccounts", str(file))

    assert "2 accounts read" in said
    numbers = ["00393490000111", "00393490000112"]
    answer = await search(romeo, {"userList": numbers})
    assert answer["userList"] == numbers
