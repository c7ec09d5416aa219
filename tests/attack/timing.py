"""Whether the time of an answer reveals what the answer does not.

A number that is absent, undiscoverable, disabled or malformed is just missing from the
answer (contract, 4). Each command asks about one number, one after the other, with the
kinds in random order: `first` about numbers never asked about before, `again` about the
same few numbers, which is free of charge, as often as an attacker likes.
"""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from demo.client import Client
from tests.bench import numbers
from tests.bench.times import shown
from tests.service import SERVICE

MAX_PER_KIND = 2_000
KINDS = ("absent", "undiscoverable", "disabled", "malformed", "user")
RESAMPLED = 2_000

Times = dict[str, list[float]]


def spellings(users: Sequence[str], count: int) -> Iterator[dict[str, str]]:
    """Yield one number of each kind, different ones each time."""
    for place in range(count):
        yield {
            "absent": numbers.local(numbers.unregistered(place)),
            "undiscoverable": numbers.local(numbers.hidden(MAX_PER_KIND + place)),
            "disabled": numbers.local(numbers.hidden(place)),
            "malformed": f"0039{place:04}x{place}",
            "user": numbers.local(users[place]),
        }


async def first(client: Client, users: Sequence[str], count: int) -> Times:
    """Seconds of the first question about each of ``count`` numbers of each kind."""
    asked = [pair for one in spellings(users, count) for pair in one.items()]
    return await _times(client, asked, "numbers never asked about")


async def again(client: Client, users: Sequence[str], count: int) -> Times:
    """Seconds of each of ``count`` repeated questions about one number of each kind."""
    (one,) = spellings(users, 1)
    for spelling in one.values():
        await _ask(client, spelling)
    return await _times(client, [*one.items()] * count, "the same numbers again")


async def _times(client: Client, asked: list[tuple[str, str]], label: str) -> Times:
    taken: Times = {kind: [] for kind in KINDS}
    # The kinds alternate, so that what slows the machine down slows all of them.
    order = random.Random(1).sample(asked, len(asked))
    for kind, spelling in shown(label, order, len(order)):
        began = time.perf_counter()
        await _ask(client, spelling)
        taken[kind].append(time.perf_counter() - began)
    return taken


async def _ask(client: Client, spelling: str) -> None:
    answer = await client.command(SERVICE, "cmd_search_users", {"userList": [spelling]})
    assert answer["status"] == 0, answer["errorCode"]


def difference(one: Sequence[float], other: Sequence[float]) -> tuple[float, float]:
    """95 % interval of how much longer ``one`` takes: medians, by the bootstrap."""
    randomly = random.Random(2)
    found = sorted(
        median(randomly.choices(one, k=len(one)))
        - median(randomly.choices(other, k=len(other)))
        for _ in range(RESAMPLED)
    )
    return found[RESAMPLED // 40], found[-RESAMPLED // 40]


def verdicts(taken: Mapping[str, Sequence[float]]) -> Iterator[str]:
    """A line for each kind, compared with a number that is absent."""
    for kind, seconds in taken.items():
        line = f"{kind:15} p50 {1000 * median(seconds):6.2f} ms"
        if kind != "absent":
            low, high = (1000 * one for one in difference(seconds, taken["absent"]))
            verdict = "told apart" if low > 0 or high < 0 else "not told apart"
            line += f"   {low:+6.2f} to {high:+6.2f} ms against absent: {verdict}"
        yield line
