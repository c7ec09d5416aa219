"""Slow discovery: a refill of the budget, an expired cache, a refresh."""

from tests.conversations.test_search_users import search
from tests.service import PASSWORD, SERVICE, until


async def test_new_users_are_found_once_the_cache_expires(new_service):
    service = new_service(ACCOUNT_ABSENT_SECONDS="0")
    (local,) = service.register()
    late = "00393490000003"
    async with service.client(local) as client:
        assert (await search(client, {"userList": [late]}))["userList"] == []
        service.server.register(late, PASSWORD)
        assert (await search(client, {"userList": [late]}))["userList"] == [late]


async def test_a_search_beyond_the_budget_is_rate_limited_and_a_repeat_runs(
    new_service,
):
    # 3 numbers at once, and one more every 1,000 seconds.
    service = new_service(DISCOVERY_BURST="3", DISCOVERY_PER_YEAR="31536")
    one, two, three, four, five = service.register(5)
    (local,) = service.register()
    async with service.client(local) as client:
        first = await search(client, {"userList": [one, two, three]})
        assert first["userList"] == [one, two, three]

        payload = {"userList": [one, three, four, five]}
        answer = await client.command(SERVICE, "cmd_search_users", payload, id="again")

        assert (answer["status"], answer["errorCode"]) == (5, "RATE_LIMITED")
        assert 1000 < answer["retryAfter"] <= 2000
        # Numbers asked about before are free, and still answered.
        assert answer["userList"] == [one, three]

        service.shell("from roster.models import *; Account.objects.update(budget=3)")
        answer = await client.command(SERVICE, "cmd_search_users", payload, id="again")
        assert answer["userList"] == payload["userList"]


async def test_deleted_accounts_are_no_longer_found_after_a_refresh(new_service):
    # Its own service: other tests have accounts that no XMPP server has.
    service = new_service()
    leaves, stays = service.register(2)
    (local,) = service.register()
    async with service.client(local) as client:
        assert (await search(client, {"userList": [leaves, stays]}))["userList"] == [
            leaves,
            stays,
        ]

        service.server.unregister(leaves)
        status, _, _ = service.http("POST", "/api/accounts/refresh/")
        assert status == 202

        async def gone():
            return (await search(client, {"userList": [leaves, stays]}))[
                "userList"
            ] == [stays]

        assert await until(gone, 30)
