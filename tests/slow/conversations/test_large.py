"""Commands as large as they may be."""

import json
import random

from tests.conversations.test_envelope import answer_to, envelope, message, payload_of
from tests.conversations.test_search_users import search
from tests.service import Service


async def test_a_payload_of_250_kb(new_service):
    # By themselves: where others find more, so many unknown ones look like trying.
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
    # As in an address book, and not one after the other. By themselves: where other
    # owners find more, so few of so many would look like trying.
    service: Service = new_service()
    owner, *friends = service.register(3)
    randomly = random.Random(1)
    numbers = [f"003934{randomly.randrange(10**8):08d}" for _ in range(9_998)]

    async with service.client(owner) as client:
        # A list of accounts from before they came is believed, but for a few numbers.
        assert (await search(client, {"userList": friends}))["userList"] == friends
        answer = await search(client, {"userList": numbers + friends})

    assert answer["userList"] == friends
