"""Normal forms agree with the XMPP server's: a second run writes nothing."""

import sys
import unicodedata

import pytest

from tests.conversations.test_add_to_roster import add, owner, users
from tests.service import Service
from xmppservice.protocol.jids import parse_jid
from xmppservice.protocol.xml import illegal_character

SPECIAL = (
    "\t\n\r \x7f\x85\xa0\xad\u034f\u1680\u180e\u2000\u200b\u200d\u200e\u2028\u2029"
    "\u202a\u202e\u2060\u2066\u3000\u3002\uff0e\uff61\ufeff\ufffc\ufffd&<>\"'\\%{}"
    "ßẞſıİǅﬁ①²Ⅷ™ªǆ٠۹०０Αα\u0301\u0345\u1fb3\u00c5\u212b"
)
STEP = 997  # every so many code points: some 300 of Unicode's 140,000


def characters() -> list[str]:
    assigned = (
        char
        for point in range(0x20, sys.maxunicode, STEP)
        if unicodedata.category(char := chr(point)) not in ("Cn", "Co", "Cs")
    )
    return [char for char in (*SPECIAL, *assigned) if not illegal_character(char)]


def sample(part: int, parts: int) -> dict:
    """Contacts with each character in the name, and where one may be in the address."""
    chars = characters()[part::parts]
    names = [(f" A{char}b {char}", f"name-{ord(char):x}") for char in chars]
    addresses = [
        (f"Address {ord(char):x}", address)
        for char in chars
        for address in (f"x{char}y{ord(char):x}", f"z@d{char}d{ord(char):x}.example")
        if "@" not in char and "/" not in char and parse_jid(f"{address}@localhost")
    ]
    return users(*names, *addresses, ("Dot", "dot@elsewhere.example."))


@pytest.mark.parametrize("part", range(2))
async def test_a_second_run_of_odd_contacts_writes_nothing(service: Service, part: int):
    async with owner(service) as client:
        contacts = sample(part, 2)

        first = await add(client, contacts)
        assert first["status"] == 0
        written = len(client.pushes)
        client.pushes.clear()
        second = await add(client, contacts)

        assert second == first
        assert client.pushes == []
        assert written > 100
