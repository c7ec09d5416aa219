"""System checks for contradictory settings. Each has its own id and test."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.http.request import validate_host

from xmppservice.protocol.jids import bare_jid, local_of
from xmppservice.protocol.xml import illegal_character

# XMPP servers close a stream on stanzas above 512 KiB (Prosody's
# component_stanza_size_limit) or 256 KiB (clients, on Prosody and ejabberd). Our count
# leaves out the stanza's two addresses and its id.
COMPONENT_BYTES, ACCOUNT_BYTES = (512 - 16) * 1024, (256 - 16) * 1024


def check(message: CheckMessage) -> Callable[[Callable[[], object]], Any]:
    """Register a check of the settings that reports ``message`` when it is false."""

    def decorate(holds: Callable[[], object]) -> Any:
        @register
        def run(**_: Any) -> list[CheckMessage]:
            return [] if holds() else [message]

        return run

    return decorate


@check(
    Error(
        f"XMPP_STANZA_LIMIT must be 1000 to {COMPONENT_BYTES} bytes, and at most "
        f"{ACCOUNT_BYTES} for an account.",
        hint="The XMPP server closes the service's stream above its own limit.",
        id="xmppservice.E001",
    )
)
def stanza_limit() -> object:
    is_account = local_of(settings.XMPP_JID)
    most = ACCOUNT_BYTES if is_account else COMPONENT_BYTES
    return 1_000 <= settings.XMPP_STANZA_LIMIT <= most


@check(
    Error(
        "XMPP_JID must be a bare JID, and XMPP_DOMAINS other domains than that, "
        "at least one.",
        hint="For example XMPP_DOMAINS=example.org, and XMPP_JID="
        "service.example.org (a component) or service@example.org (an account).",
        id="xmppservice.E002",
    )
)
def service_is_not_a_served_domain() -> object:
    service, domains = settings.XMPP_JID, settings.XMPP_DOMAINS
    are_domains = all(_is_domain(domain) for domain in domains)
    differ = domains and len({service, *domains}) == len(domains) + 1
    return are_domains and differ and bare_jid(service) == service


def _is_domain(text: str) -> bool:
    return bare_jid(text) == text and not local_of(text)


@check(
    Error(
        "MSISDN_JID must be a bare JID with {number} in its localpart.",
        hint="The default is 00{number}@{domain}.",
        id="xmppservice.E003",
    )
)
def msisdn_jid_is_a_jid() -> object:
    try:
        jid = settings.MSISDN_JID.format(number="39347", domain="example.org")
    except (LookupError, ValueError):
        jid = ""
    return "39347" in local_of(jid) and bare_jid(jid) == jid


@check(
    Error(
        "ROSTER_GROUP_OTHERS and ROSTER_GROUP_VERIFIED must be two names.",
        hint="Group names compare without case.",
        id="xmppservice.E004",
    )
)
def roster_groups_differ() -> object:
    names = [settings.ROSTER_GROUP_OTHERS, settings.ROSTER_GROUP_VERIFIED]
    differ = len({name.casefold() for name in names}) == len(names)
    return differ and all(name and not illegal_character(name) for name in names)


@check(
    Warning(
        "SEARCH_LIMIT is larger than DISCOVERY_BURST.",
        hint="A search of more new numbers than the burst is refused for ever.",
        id="xmppservice.W001",
    )
)
def a_full_search_fits_the_budget() -> object:
    return settings.SEARCH_LIMIT <= settings.DISCOVERY_BURST


@check(
    Warning(
        "The host of PUBLIC_URL is not in ALLOWED_HOSTS.",
        hint="Uploaded pictures have addresses there, and would not be served.",
        id="xmppservice.W002",
    )
)
def pictures_are_served_at_their_address() -> object:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    return settings.DEBUG or validate_host(host, settings.ALLOWED_HOSTS)


@check(
    Error(
        "CELERY_BROKER_URL and CHANNEL_LAYER_URL must be set both, or neither.",
        hint="One without the other reaches a part of the processes only.",
        id="xmppservice.E005",
    )
)
def all_parts_hear_each_other() -> object:
    has_broker = settings.CELERY_BROKER_URL != settings.IN_MEMORY
    return has_broker == bool(settings.CHANNEL_LAYER_URL)


@check(
    Error(
        "EJABBERD_API_URL needs EJABBERD_API_USER and EJABBERD_API_PASSWORD.",
        hint="An account of ejabberd that api_permissions lets in.",
        id="xmppservice.E006",
    )
)
def ejabberd_is_asked_by_somebody() -> object:
    has_login = settings.EJABBERD_API_USER and settings.EJABBERD_API_PASSWORD
    return has_login or not settings.EJABBERD_API_URL


@check(
    Warning(
        "Several processes share a database that is a file.",
        hint="Set DATABASE_URL to a PostgreSQL: several hosts share no file.",
        id="xmppservice.W003",
    )
)
def several_hosts_share_no_file() -> object:
    engine = settings.DATABASES["default"]["ENGINE"]
    return not settings.SCALED or not engine.endswith("sqlite")


@check(
    Warning(
        "CHANGE_MESSAGE is without effect for an account.",
        hint="The XMPP server has its subscribers, and tells them by presence.",
        id="xmppservice.W004",
    )
)
def an_account_sends_no_message() -> object:
    return not (settings.CHANGE_MESSAGE and local_of(settings.XMPP_JID))


@register(Tags.database)
def tables_are_of_a_release(
    databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Refuse tables from before the first release, which no migration covers."""
    loader = MigrationLoader(connection if databases else None)
    ours = {"buddies", "roster", "xmppservice"}
    applied = {key for key in loader.applied_migrations if key[0] in ours}
    if applied <= loader.disk_migrations.keys():
        return []
    return [
        Error(
            "This database was made by a version before the first release.",
            hint="Move VAR_DIR aside, or name an empty database in DATABASE_URL.",
            id="xmppservice.E007",
        )
    ]
