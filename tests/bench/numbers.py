"""Phone numbers of a population, each computed from its place: none is stored."""

import random

# All mobiles from +39 320 to +39 389: users are scattered over them.
_FIRST, _ALL = 39_320_000_0000, 700_000_000
# Coprime to it, so that all places differ; consecutive ones are no neighbours.
_STEP = 433_494_437
# Ranges of no operator: +39 31 for numbers of no user, +39 36 for hidden users.
_UNREGISTERED, _HIDDEN, _RANGE_SIZE = 39_310_000_0000, 39_360_000_0000, 100_000_000


def user(place: int) -> str:
    """E.164 of the user at ``place``."""
    return f"+{_FIRST + place * _STEP % _ALL}"


def unregistered(place: int) -> str:
    """E.164 of a number of no user."""
    return f"+{_UNREGISTERED + place * _STEP % _RANGE_SIZE}"


def hidden(place: int) -> str:
    """E.164 of a user that no search finds."""
    return f"+{_HIDDEN + place * _STEP % _RANGE_SIZE}"


def owner(place: int) -> str:
    """Localpart of an owner: a landline, so that no search asks about it."""
    return f"0039021{place:07}"


def local(number: str) -> str:
    """The localpart of an E.164 number."""
    return f"00{number.removeprefix('+')}"


def mixed(population: int, size: int, share: int, seed: int) -> list[str]:
    """Different numbers in random order; ``share`` percent of them are users'."""
    randomly = random.Random(seed)
    hits = size * share // 100
    found = [user(place) for place in randomly.sample(range(population), hits)]
    places = randomly.sample(range(_RANGE_SIZE), size - hits)
    found += [unregistered(place) for place in places]
    randomly.shuffle(found)
    return found
