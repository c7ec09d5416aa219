"""Rosters by privileged stanzas (XEP-0356), as on Prosody."""

import time
from collections.abc import Sequence

from django.conf import settings

from xmppservice.connection import gateway
from xmppservice.protocol import roster
from xmppservice.protocol.roster import RosterItem
from xmppservice.rosters.interface import (
    MISSING,
    NOBODY,
    PERMANENT,
    PROBE_SECONDS,
    RosterChange,
    RosterError,
)

ACCOUNT_EXISTS = "not-allowed"


class PrivilegedRosters:
    """Privileged roster IQs (XEP-0356), one item each, as Prosody requires."""

    name = "privileged stanzas (XEP-0356)"

    def ready(self) -> bool:
        return gateway.state().privileged

    def probe(self) -> str:
        if not gateway.state().privileged:
            return (
                "give the VirtualHost of the users privileged_entities = "
                f'{{ ["{settings.XMPP_JID}"] = {{ roster = "both" }} }} and the '
                'component the module "privilege"; ejabberd needs EJABBERD_API_URL'
            )
        unused = [f"{NOBODY}@{domain}" for domain in settings.XMPP_DOMAINS]
        try:
            self.exist(unused, time.time() + PROBE_SECONDS)
        except RosterError as refusal:
            return (
                f"this XMPP server answers {refusal} to a roster set: give every "
                "VirtualHost of XMPP_DOMAINS the privileged_entities; for ejabberd "
                "set EJABBERD_API_URL"
            )
        return ""

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[list[RosterItem] | RosterError]:
        requests = [gateway.IqRequest("get", owner, roster.get()) for owner in owners]
        return [
            RosterError(answer.condition)
            if answer.condition
            else roster.items_of(answer.payload)
            for answer in gateway.ask(requests, deadline)
        ]

    def write(self, changes: Sequence[RosterChange], deadline: float) -> list[str]:
        requests = [
            gateway.IqRequest(
                "set", owner, roster.set_item(item.jid, item.name, item.groups)
            )
            for owner, item in changes
        ]
        return [answer.condition for answer in gateway.ask(requests, deadline)]

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        # Users cannot be on their own roster: Prosody answers not-allowed for an
        # account and service-unavailable without one, and writes nothing either way.
        requests = [gateway.IqRequest("set", jid, roster.set_item(jid)) for jid in jids]
        return [_exists(answer.condition) for answer in gateway.ask(requests, deadline)]

    def accounts(self, domain: str, deadline: float) -> set[str] | None:
        return None


def _exists(condition: str) -> bool:
    if condition == ACCOUNT_EXISTS:
        return True
    if condition != MISSING and condition not in PERMANENT:
        # For example forbidden: that says nothing about the account.
        raise RosterError(condition or "a roster holds its owner")
    # A JID that the server considers invalid has no account either.
    return False
