"""The users that an attacker may find, in blocks that operators have assigned.

100,000 accounts, a hundred in each of 1,000 blocks of 10,000 Italian mobiles. The
attacker knows the blocks, as a buyer of a list of prefixes in use does; of the ten
million numbers in them one in a hundred is a user.
"""

from functools import lru_cache
from itertools import islice
from random import Random

from tests.roster import books

BLOCK = 10_000
IN_BLOCK = 100  # users
HONEST = 200  # owners with an address book each
# To save time: each hit of a large book is written to an ever longer roster.
MAX_BOOK_NUMBERS = 2_000


class Population:
    """E.164 numbers of ``count`` users, and the blocks that they are in."""

    def __init__(self, count: int, seed: int = 21) -> None:
        random = Random(seed)
        ranges, _ = books.WIDE.mobiles
        numbers = range(len(ranges) * 1_000)
        self.blocks = sorted(
            int(ranges[n // 1_000]) * 10**7 + n % 1_000 * BLOCK
            for n in random.sample(numbers, count // IN_BLOCK)
        )
        self.users = [
            f"+{block + last}"
            for block in self.blocks
            for last in random.sample(range(BLOCK), IN_BLOCK)
        ]

    def valid(self, count: int, seed: int) -> list[str]:
        """Random numbers of the blocks, all different."""
        random = Random(seed)
        places = random.sample(range(len(self.blocks) * BLOCK), count)
        return [f"+{self.blocks[n // BLOCK] + n % BLOCK}" for n in places]

    def scanned(self, size: int, count: int, seed: int) -> list[str]:
        """Return ``size`` neighbours, in random order, of each random block."""
        random = Random(seed)
        starts = random.sample(self.blocks, min(count // size, len(self.blocks)))
        return [
            f"+{start + n}"
            for start in starts
            for n in random.sample(range(size), size)
        ]


@lru_cache
def honest() -> list[books.Book]:
    """The address books of ordinary owners."""
    found = (
        book
        for book in books.books(2 * HONEST, seed=22)
        if len(book.numbers) < MAX_BOOK_NUMBERS
    )
    return list(islice(found, HONEST))


def friends() -> set[str]:
    """Return the users in the books of ordinary owners."""
    return {
        number
        for book in honest()
        for number, is_user in zip(book.numbers, book.users, strict=True)
        if is_user
    }
