"""Rosters of ejabberd."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus

from django.conf import settings

from xmppservice.connection import gateway
from xmppservice.protocol.jids import domain_of
from xmppservice.protocol.roster import Roster, RosterItem
from xmppservice.rosters import ejabberd_api
from xmppservice.rosters.interface import (
    ITEM_BY_ITEM,
    MISSING,
    NOBODY,
    PROBE_SECONDS,
    Room,
    RosterError,
    RosterWrite,
    Written,
    all_refused,
)
from xmppservice.rosters.privileged import PrivilegedRosters

# For more lookups than this, listing all accounts of a domain costs ejabberd less.
MAX_SINGLE_LOOKUPS = 200


class EjabberdRosters:
    """Uses ejabberd's HTTP API, and stanzas where a component may read rosters.

    Writing by privilege (XEP-0356) is broken in ejabberd 23.01, and a service that is
    an account has no privileges. ejabberd would create a roster for an owner without
    an account, so owners are checked first.
    """

    name = "ejabberd's HTTP API"
    cheap_lookups = False

    def ready(self) -> bool:
        return gateway.state().ready

    def probe(self) -> dict[str, str]:
        missing = {domain: _missing(domain) for domain in settings.XMPP_DOMAINS}
        return {domain: sentence for domain, sentence in missing.items() if sentence}

    def read(
        self, owners: Sequence[str], deadline: float
    ) -> list[Roster | RosterError]:
        # Of several domains, one without the privilege would not answer (24.12), and
        # the others would wait for it.
        if gateway.state().privileged and len(settings.XMPP_DOMAINS) == 1:
            return PrivilegedRosters().read(owners, deadline)
        return ejabberd_api.api().each(lambda owner: _roster(owner, deadline), owners)

    def room(self, domain: str) -> Room:
        # The API's few connections are the pace.
        return ITEM_BY_ITEM

    def write(self, writes: Sequence[RosterWrite], deadline: float) -> list[Written]:
        owners = [write.owner for write in writes]
        try:
            existing = dict(zip(owners, self.exist(owners, deadline), strict=True))
        except RosterError as refusal:
            return [all_refused(write, str(refusal)) for write in writes]
        changes = [
            (write.owner, item)
            for write in writes
            if existing[write.owner]
            for item in write.items
        ]
        conditions = iter(
            ejabberd_api.api().each(lambda one: _write(*one, deadline), changes)
        )
        return [
            Written([next(conditions) for _ in write.items])
            if existing[write.owner]
            else all_refused(write, MISSING)
            for write in writes
        ]

    def exist(self, jids: Sequence[str], deadline: float) -> list[bool]:
        api = ejabberd_api.api()
        try:
            if len(jids) > MAX_SINGLE_LOOKUPS:
                return _exist_in_list(jids, deadline)
            return api.each(lambda jid: api.has_account(jid, deadline), jids)
        except ejabberd_api.ApiError as refusal:
            raise RosterError(str(refusal)) from None

    def accounts(self, domain: str, deadline: float) -> set[str] | None:
        try:
            return ejabberd_api.api().accounts(domain, deadline)
        except ejabberd_api.ApiError as refusal:
            raise RosterError(str(refusal)) from None


def _exist_in_list(jids: Sequence[str], deadline: float) -> list[bool]:
    domains = sorted({domain_of(jid) for jid in jids})
    existing = {
        jid for host in domains for jid in ejabberd_api.api().accounts(host, deadline)
    }
    return [jid in existing for jid in jids]


def _roster(owner: str, deadline: float) -> Roster | RosterError:
    items: dict[str, RosterItem] = {}
    try:
        rows = ejabberd_api.api().roster(owner, deadline)
    except ejabberd_api.ApiError as refusal:
        return RosterError(str(refusal))
    for row in rows:
        new = RosterItem(row["jid"], row["nick"], (), row["subscription"])
        item = items.get(new.jid, new)
        # A list since version 24; before that, one row for each group.
        groups = row["groups"] if "groups" in row else [row["group"]]
        added = tuple(group for group in groups if group)
        items[new.jid] = replace(item, groups=(*item.groups, *added))
    return Roster(list(items.values()))


def _write(owner: str, item: RosterItem, deadline: float) -> str:
    try:
        ejabberd_api.api().add_item(
            owner, item.jid, item.name, item.groups, item.subscription, deadline
        )
    except ejabberd_api.ApiError as refusal:
        is_permanent = refusal.status == HTTPStatus.BAD_REQUEST
        return "bad-request" if is_permanent else f"ejabberd says {refusal.status}"
    return ""


# The driver's calls with arguments that change nothing: ejabberd checks arguments
# before it checks the caller.
CALLS: dict[str, Callable[[ejabberd_api.EjabberdApi, str, float], object]] = {
    "check_account": lambda api, host, end: api.has_account(f"{NOBODY}@{host}", end),
    "registered_users": lambda api, host, end: api.accounts(host, end),
    "get_roster": lambda api, host, end: api.roster(f"{NOBODY}@{host}", end),
    "add_rosteritem": lambda api, host, end: api.add_item(
        f"{NOBODY}@nowhere.invalid", f"{NOBODY}@{host}", "", ["none"], "none", end
    ),
}


def _missing(domain: str) -> str:
    """Return what a domain lacks, and how to grant it; empty when it lacks nothing."""
    try:
        return next(filter(None, (_refusal(command, domain) for command in CALLS)), "")
    except gateway.Down as error:
        return f"{error}: check EJABBERD_API_URL and mod_http_api"
    except gateway.Late as error:
        return str(error)


def _refusal(command: str, domain: str) -> str:
    """Return why ``command`` may not be called for a domain; empty when it may."""
    try:
        CALLS[command](ejabberd_api.api(), domain, time.time() + PROBE_SECONDS)
    except ejabberd_api.ApiError as refusal:
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            return "ejabberd refuses EJABBERD_API_USER or its password"
        if refusal.status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            return (
                f"ejabberd answers {refusal} to {command}: allow EJABBERD_API_USER, "
                f"under api_permissions, what: [{', '.join(CALLS)}], and load "
                "mod_admin_extra"
            )
        # The other commands take any domain.
        if command == "registered_users":
            return (
                f"ejabberd answers {refusal} to {command}: give it a host of this "
                "name, or take the domain out of XMPP_DOMAINS"
            )
    return ""
