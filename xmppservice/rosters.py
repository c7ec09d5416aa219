"""The rosters and the users of an XMPP server: one interface, a driver a server.

Every call takes a list and crosses to the stream once. Raises gateway.Down and
gateway.Late.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from roster.rules import RosterItem
from xmppservice import gateway, stanzas

MISSING = "service-unavailable"
SELF = "not-allowed"


class Change(NamedTuple):
    """Write ``item`` on the roster of ``owner`` (bare JID)."""

    owner: str
    item: RosterItem


class Refused(Exception):
    """The XMPP server refused; the message is the condition of its error."""


class Rosters(Protocol):
    """``deadline`` is a time as of ``time.time()``."""

    def ready(self) -> bool:
        """Whether the server can be asked now."""

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[list[RosterItem] | Refused]:
        """The roster of each owner, or why it cannot be read."""

    def write(self, changes: Sequence[Change], deadline: float) -> list[str]:
        """For each change the error's condition, or empty when it is written.

        MISSING says that the owner has no account.
        """

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        """For each bare JID of a served domain, whether it has an account.

        Raises Refused when the server does not tell.
        """


class Prosody:
    """Privileged roster IQs (XEP-0356), one item each, as Prosody wants them."""

    def ready(self) -> bool:
        return gateway.is_up()

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[list[RosterItem] | Refused]:
        asked = [gateway.Iq("get", owner, stanzas.roster_get()) for owner in owners]
        return [
            Refused(answer.condition) if answer.condition else _items(answer.payload)
            for answer in gateway.ask(asked, deadline)
        ]

    def write(self, changes: Sequence[Change], deadline: float) -> list[str]:
        asked = [
            gateway.Iq(
                "set", owner, stanzas.roster_set(item.jid, item.name, item.groups)
            )
            for owner, item in changes
        ]
        return [answer.condition for answer in gateway.ask(asked, deadline)]

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        # Nobody can be on their own roster: Prosody says not-allowed to a user
        # and service-unavailable for nobody, and writes nothing either way.
        asked = [gateway.Iq("set", jid, stanzas.roster_set(jid)) for jid in jids]
        return [_exists(answer.condition) for answer in gateway.ask(asked, deadline)]


def _exists(condition: str) -> bool:
    if condition not in (SELF, MISSING):
        # For example forbidden: it says nothing of the user.
        raise Refused(condition or "a roster holds its owner")
    return condition == SELF


def _items(payload: str) -> list[RosterItem]:
    return [
        RosterItem(entry.jid, entry.name, entry.groups, entry.subscription)
        for entry in stanzas.roster_entries(payload)
    ]
