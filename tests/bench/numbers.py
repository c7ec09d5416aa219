"""Phone numbers of a population, each found by its place: nothing has to be kept."""

import random

# All mobiles from +39 320 to +39 389: users lie scattered over them.
_FIRST, _ALL = 39_320_000_0000, 700_000_000
# Coprime to it, so that no two places have the same number; and no two neighbours.
_STEP = 433_494_437
# No operator's: nobody is at +39 31, and those whom nobody may find at +39 36.
_NOBODY, _HIDDEN, _NONE = 39_310_000_0000, 39_360_000_0000, 100_000_000


def user(place: int) -> str:
    """E.164 of the user at ``place``."""
    return f"+{_FIRST + place * _STEP % _ALL}"


def nobody(place: int) -> str:
    """E.164 of a number that is no user's."""
    return f"+{_NOBODY + place * _STEP % _NONE}"


def hidden(place: int) -> str:
    """E.164 of a user whom nobody may find."""
    return f"+{_HIDDEN + place * _STEP % _NONE}"


def owner(place: int) -> str:
    """Localpart of somebody who asks: a landline, so that nobody asks about it."""
    return f"0039021{place:07}"


def local(number: str) -> str:
    """The localpart of an E.164 number."""
    return f"00{number.removeprefix('+')}"


def mixed(population: int, size: int, share: int, seed: int) -> list[str]:
    """Different numbers in random order; ``share`` percent of them are users'."""
    randomly = random.Random(seed)
    hits = size * share // 100
    found = [user(place) for place in randomly.sample(range(population), hits)]
    places = randomly.sample(range(_NONE), size - hits)
    found += [nobody(place) for place in places]
    randomly.shuffle(found)
    return found
