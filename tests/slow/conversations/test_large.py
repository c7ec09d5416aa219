"""Commands of the maximum size."""

import json
import random

from tests.conversations.test_envelope import answer_to, envelope, message, payload_of
from tests.conversations.test_search_users import search
from tests.service import Service


async def test_a_payload_of_250_kb(new_service):
    # Alone: if other owners find more, so many unknown numbers look like enumeration.
    service: Service = new_service()
    (local,) = service.register()
    randomly = random.Random(1)
    numbers = [f"00393{randomly.randrange(10**9):09d}" for _ in range(9_000)]
    payload = json.dumps({"userList": numbers}, separators=(",", ":"))
    padded = payload + " " * (250_000 - len(payload))

    async with service.client(local) as client:
        answer = await answer_to(client, message(envelope(payload=padded)))

    assert payload_of(answer)["status"] == 0


async def test_ten_thousand_numbers(new_service):
    # Random, as in an address book, not consecutive. Alone: if other owners find more,
    # so few hits would look like enumeration.
    service: Service = new_service()
    owner, *friends = service.register(3)
    randomly = random.Random(1)
    numbers = [f"003934{randomly.randrange(10**8):08d}" for _ in range(9_998)]

    async with service.client(owner) as client:
        # Only a search for a few numbers looks beyond a list from before they came.
        assert (await search(client, {"userList": friends}))["userList"] == friends
        answer = await search(client, {"userList": numbers + friends})

    assert answer["userList"] == friends
