"""The discovery budget is exact: two phones at once, repeats, kills."""

import asyncio
import random
from collections import Counter

from demo.client import Client
from tests.service import SERVICE, Service, until

BURST, EACH, COMMANDS = 1_000, 5, 400
PATIENCE = 120  # seconds


async def _search(client: Client, place: int) -> str:
    randomly = random.Random(place)
    numbers = [f"00393{randomly.randrange(10**9):09d}" for _ in range(EACH)]
    answer = await client.command(
        SERVICE,
        "cmd_search_users",
        {"userList": numbers},
        id=f"search-{place}",
        timeout=PATIENCE,
    )
    code: str = answer["errorCode"]
    return code


def _budget(service: Service) -> tuple[float, int]:
    said = service.shell(
        "from roster.models import Account, AddressBookEntry\n"
        "asked = AddressBookEntry.objects.exclude(asked_at=None)\n"
        "print(Account.objects.get().budget, asked.count())"
    )
    left, asked = said.split()
    return float(left), int(asked)


async def test_each_number_is_charged_once_and_none_beyond_the_burst(new_service):
    service: Service = new_service(DISCOVERY_BURST=str(BURST), DISCOVERY_PER_YEAR="0")
    (local,) = service.register()
    async with (
        service.client(local, "phone") as phone,
        service.client(local, "tablet") as tablet,
    ):
        asked = [
            asyncio.create_task(_search((phone, tablet)[place % 2], place))
            for place in range(COMMANDS)
        ]
        for wanted in (1, 150):
            await until(lambda n=wanted: sum(t.done() for t in asked) >= n, PATIENCE)
            service.kill()
            assert not all(task.done() for task in asked), "killed too late"
            await asyncio.to_thread(service.start)

        codes = Counter(await asyncio.gather(*asked))
        # Another resource, the same ids: answered commands are not charged again.
        again = await asyncio.gather(*(_search(tablet, n) for n in range(COMMANDS)))

    fit = BURST // EACH
    print(f"{dict(codes)}, charged {_budget(service)}")
    assert codes == {"": fit, "RATE_LIMITED": COMMANDS - fit}
    assert Counter(again) == codes
    assert _budget(service) == (0, BURST)
