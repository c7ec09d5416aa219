"""The rosters and the users of an XMPP server: one interface, a driver a server.

Every call takes a list. Raises gateway.Down and gateway.Late.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from itertools import starmap
from typing import NamedTuple, Protocol

from django.conf import settings

from xmppservice import ejabberd
from xmppservice.connection import gateway
from xmppservice.protocol import roster
from xmppservice.protocol.jids import domain_of
from xmppservice.protocol.roster import RosterItem

MISSING = "service-unavailable"
SELF = "not-allowed"
# Conditions that will be the same next time: what was to be written is at fault.
PERMANENT = frozenset({"bad-request", "jid-malformed", "not-acceptable", "not-allowed"})
PROBE = 10  # seconds
# Asking for all accounts of a domain costs ejabberd less than asking for so many.
MANY = 200
# Nobody's localpart: who has it, has read this line.
NOBODY = "xmppservice-asks-for-nobody"


class Change(NamedTuple):
    """Write ``item`` on the roster of ``owner`` (bare JID)."""

    owner: str
    item: RosterItem


class Refused(Exception):
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

    def accounts(self, domain: str, deadline: float) -> set[str] | None:
        """Bare JIDs of all accounts of a domain; None when the server does not list.

        Raises Refused.
        """


def driver() -> Rosters:
    """The driver for the XMPP server that the settings name."""
    return Ejabberd() if settings.EJABBERD_API_URL else Privileges()


class Privileges:
    """Privileged roster IQs (XEP-0356), one item each, as Prosody wants them."""

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
        nobody = [f"{NOBODY}@{domain}" for domain in settings.XMPP_DOMAINS]
        try:
            self.exist(nobody, time.time() + PROBE)
        except Refused as refusal:
            return (
                f"this XMPP server answers {refusal} to a roster set: give every "
                "VirtualHost of XMPP_DOMAINS the privileged_entities; for ejabberd "
                "set EJABBERD_API_URL"
            )
        return ""

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[list[RosterItem] | Refused]:
        asked = [gateway.Iq("get", owner, roster.get()) for owner in owners]
        return [
            Refused(answer.condition)
            if answer.condition
            else roster.items_of(answer.payload)
            for answer in gateway.ask(asked, deadline)
        ]

    def write(self, changes: Sequence[Change], deadline: float) -> list[str]:
        asked = [
            gateway.Iq("set", owner, roster.set_item(item.jid, item.name, item.groups))
            for owner, item in changes
        ]
        return [answer.condition for answer in gateway.ask(asked, deadline)]

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        # Nobody can be on their own roster: Prosody says not-allowed to a user
        # and service-unavailable for nobody, and writes nothing either way.
        asked = [gateway.Iq("set", jid, roster.set_item(jid)) for jid in jids]
        return [_exists(answer.condition) for answer in gateway.ask(asked, deadline)]

    def accounts(self, domain: str, deadline: float) -> set[str] | None:
        return None


def _exists(condition: str) -> bool:
    if condition == SELF:
        return True
    if condition != MISSING and condition not in PERMANENT:
        # For example forbidden: it says nothing of the user.
        raise Refused(condition or "a roster holds its owner")
    # A JID that the server takes for none is nobody's.
    return False


class Ejabberd:
    """ejabberd: its HTTP API, and stanzas for what a component may read.

    Of the privileges (XEP-0356) ejabberd 23.01 breaks writing, and an account has
    none. A roster that is written for nobody would come to be: who has no account
    is asked for before.
    """

    name = "ejabberd's HTTP API"

    def ready(self) -> bool:
        return gateway.state().ready

    def probe(self) -> str:
        try:
            return next(filter(None, starmap(_lacks, CALLS.items())), "")
        except gateway.Down as error:
            return f"{error}: look at EJABBERD_API_URL and mod_http_api"

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[list[RosterItem] | Refused]:
        if gateway.state().privileged:
            return Privileges().read(owners, deadline)
        return ejabberd.api().each(lambda owner: _roster(owner, deadline), owners)

    def write(self, changes: Sequence[Change], deadline: float) -> list[str]:
        owners = list({change.owner for change in changes})
        there = dict(zip(owners, self.exist(owners, deadline), strict=True))
        return ejabberd.api().each(
            lambda change: _write(change, deadline) if there[change.owner] else MISSING,
            changes,
        )

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        api = ejabberd.api()
        try:
            if len(jids) > MANY:
                return _among_all(jids, deadline)
            return api.each(lambda jid: api.has_account(jid, deadline), jids)
        except ejabberd.Refused as refusal:
            raise Refused(str(refusal)) from None

    def accounts(self, domain: str, deadline: float) -> set[str] | None:
        try:
            return ejabberd.api().accounts(domain, deadline)
        except ejabberd.Refused as refusal:
            raise Refused(str(refusal)) from None


def _among_all(jids: Sequence[str], deadline: float) -> list[bool]:
    domains = sorted({domain_of(jid) for jid in jids})
    there = {jid for host in domains for jid in ejabberd.api().accounts(host, deadline)}
    return [jid in there for jid in jids]


def _roster(owner: str, deadline: float) -> list[RosterItem] | Refused:
    items: dict[str, RosterItem] = {}
    try:
        rows = ejabberd.api().roster(owner, deadline)
    except ejabberd.Refused as refusal:
        return Refused(str(refusal))
    for row in rows:
        new = RosterItem(row["jid"], row["nick"], (), row["subscription"])
        item = items.get(new.jid, new)
        # A list since 24, before that a row for each of them.
        groups = row["groups"] if "groups" in row else [row["group"]]
        added = tuple(group for group in groups if group)
        items[new.jid] = replace(item, groups=(*item.groups, *added))
    return list(items.values())


def _write(change: Change, deadline: float) -> str:
    owner, item = change
    try:
        ejabberd.api().add_item(
            owner, item.jid, item.name, item.groups, item.subscription, deadline
        )
    except ejabberd.Refused as refusal:
        at_fault = refusal.status == HTTPStatus.BAD_REQUEST
        return "bad-request" if at_fault else f"ejabberd says {refusal.status}"
    return ""


# What the driver calls, tried in ways that change nothing: ejabberd looks at the
# arguments before it looks who calls.
CALLS: dict[str, Callable[[ejabberd.Api, str, float], object]] = {
    "check_account": lambda api, host, end: api.has_account(f"{NOBODY}@{host}", end),
    "registered_users": lambda api, host, end: api.accounts(host, end),
    "get_roster": lambda api, host, end: api.roster(f"{NOBODY}@{host}", end),
    "add_rosteritem": lambda api, host, end: api.add_item(
        f"{NOBODY}@nowhere.invalid", f"{NOBODY}@{host}", "", ["none"], "none", end
    ),
}


def _lacks(command: str, call: Callable[[ejabberd.Api, str, float], object]) -> str:
    """Why ``command`` may not be called; empty when it may."""
    try:
        call(ejabberd.api(), settings.XMPP_DOMAINS[0], time.time() + PROBE)
    except ejabberd.Refused as refusal:
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            return "ejabberd refuses EJABBERD_API_USER or its password"
        if refusal.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            return (
                f"ejabberd answers {refusal} to {command}: allow EJABBERD_API_USER, "
                f"under api_permissions, what: [{', '.join(CALLS)}], and load "
                "mod_admin_extra"
            )
    return ""
