"""The interface of roster drivers: the rosters and the users of an XMPP server.

Calls raise gateway.Down and gateway.Late, and RosterError where they say so.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from xmppservice.protocol.roster import RosterItem

MISSING = "service-unavailable"
# Conditions that a retry does not change: the roster item is at fault.
PERMANENT = frozenset({"bad-request", "jid-malformed", "not-acceptable", "not-allowed"})
PROBE_SECONDS = 10
# A localpart that no real account uses.
NOBODY = "xmppservice-asks-for-nobody"


def missing_text(missing: Mapping[str, str]) -> str:
    """Return what :meth:`Rosters.probe` returned as one text: a line per sentence."""
    domains: dict[str, list[str]] = {}
    for domain, sentence in missing.items():
        domains.setdefault(sentence, []).append(domain)
    lines = (f"{', '.join(named)}: {what}" for what, named in domains.items())
    return "\n".join(lines)


class RosterChange(NamedTuple):
    """Write ``item`` to the roster of ``owner`` (bare JID)."""

    owner: str
    item: RosterItem


class RosterError(Exception):
    """The XMPP server refused; the message is the error's condition."""


class Rosters(Protocol):
    """``deadline`` is a time as in ``time.time()``."""

    name: str

    def ready(self) -> bool:
        """Whether the server can be asked now."""

    def probe(self) -> dict[str, str]:
        """Return what the served domains lack, and how to grant it: domain → sentence.

        Empty when no domain lacks anything.
        """

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[list[RosterItem] | RosterError]:
        """Return the roster of each owner, or why it cannot be read."""

    def write(self, changes: Sequence[RosterChange], deadline: float) -> list[str]:
        """Return each change's error condition, or empty when it was written.

        MISSING means that the owner has no account.
        """

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        """Return whether each bare JID, of a served domain, has an account.

        Raises RosterError when the server does not say.
        """

    def accounts(self, domain: str, deadline: float) -> set[str] | None:
        """Return the bare JIDs of a domain's accounts; None if the server has no list.

        Raises RosterError.
        """
