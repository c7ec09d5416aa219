"""The rosters and the users of an XMPP server, as every driver offers them.

Every call takes a list. Raises gateway.Down and gateway.Late.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from xmppservice.protocol.roster import RosterItem

MISSING = "service-unavailable"
# Conditions that will be the same next time: what was to be written is at fault.
PERMANENT = frozenset({"bad-request", "jid-malformed", "not-acceptable", "not-allowed"})
PROBE_SECONDS = 10
# Nobody's localpart: who has it, has read this line.
NOBODY = "xmppservice-asks-for-nobody"


class RosterChange(NamedTuple):
    """Write ``item`` on the roster of ``owner`` (bare JID)."""

    owner: str
    item: RosterItem


class RosterError(Exception):
    """The XMPP server refused; the message is the condition of its error."""


class Rosters(Protocol):
    """``deadline`` is a time as of ``time.time()``."""

    name: str

    def ready(self) -> bool:
        """Whether the server can be asked now."""

    def probe(self) -> str:
        """What is missing, in a sentence with what grants it; empty when nothing."""

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[list[RosterItem] | RosterError]:
        """The roster of each owner, or why it cannot be read."""

    def write(self, changes: Sequence[RosterChange], deadline: float) -> list[str]:
        """For each change the error's condition, or empty when it is written.

        MISSING says that the owner has no account.
        """

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        """For each bare JID of a served domain, whether it has an account.

        Raises RosterError when the server does not tell.
        """

    def accounts(self, domain: str, deadline: float) -> set[str] | None:
        """Bare JIDs of all accounts of a domain; None when the server does not list.

        Raises RosterError.
        """
