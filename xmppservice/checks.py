"""System checks for contradictory settings. Each has its own id and test."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.http.request import validate_host

from xmppservice import environment
from xmppservice.protocol.jids import bare_jid, local_of
from xmppservice.protocol.xml import illegal_character

# XMPP servers close a stream on stanzas above 512 KiB (Prosody's
# component_stanza_size_limit) or 256 KiB (clients, on Prosody and ejabberd). Our count
# leaves out the stanza's two addresses and its id.
COMPONENT_BYTES, ACCOUNT_BYTES = (512 - 16) * 1024, (256 - 16) * 1024
LOCAL_HOSTS = ("localhost", "127.0.0.1")


def check(message: CheckMessage) -> Callable[[Callable[[], object]], Any]:
    """Register a check of the settings that reports ``message`` when it is false."""

    def decorate(is_valid: Callable[[], object]) -> Any:
        @register
        def run(**_: Any) -> list[CheckMessage]:
            return [] if is_valid() else [message]

        return run

    return decorate


@check(
    Error(
        f"XMPP_STANZA_LIMIT must be 1000 to {COMPONENT_BYTES} bytes, and at most "
        f"{ACCOUNT_BYTES} for an account.",
        hint="The XMPP server closes the stream when a stanza is above its own limit.",
        id="xmppservice.E001",
    )
)
def stanza_limit() -> object:
    is_account = local_of(settings.XMPP_JID)
    limit = ACCOUNT_BYTES if is_account else COMPONENT_BYTES
    return 1_000 <= settings.XMPP_STANZA_LIMIT <= limit


@check(
    Error(
        "XMPP_JID must be a bare JID, and XMPP_DOMAINS must list at least one domain, "
        "each once and none equal to XMPP_JID.",
        hint="For example, XMPP_DOMAINS=example.org and XMPP_JID=service.example.org "
        "(a component) or service@example.org (an account).",
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
        "ROSTER_GROUP_OTHERS and ROSTER_GROUP_VERIFIED must be two different names, "
        "neither empty nor with control characters.",
        hint="Names that differ only in case count as the same.",
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
        hint="Raise DISCOVERY_BURST: searches for more new numbers are always refused.",
        id="xmppservice.W001",
    )
)
def a_full_search_fits_the_budget() -> object:
    return settings.SEARCH_LIMIT <= settings.DISCOVERY_BURST


@check(
    Warning(
        "The host of PUBLIC_URL is not in ALLOWED_HOSTS.",
        hint="Add it to ALLOWED_HOSTS: uploaded pictures are served from that host.",
        id="xmppservice.W002",
    )
)
def public_host_is_allowed() -> object:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    return settings.DEBUG or validate_host(host, settings.ALLOWED_HOSTS)


@check(
    Error(
        "Only one of CELERY_BROKER_URL and CHANNEL_LAYER_URL is set.",
        hint="Set both for several processes, or neither for one process.",
        id="xmppservice.E005",
    )
)
def broker_and_channel_layer_belong_together() -> object:
    has_broker = settings.CELERY_BROKER_URL != settings.IN_MEMORY
    return has_broker == bool(settings.CHANNEL_LAYER_URL)


@check(
    Error(
        "EJABBERD_API_URL requires EJABBERD_API_USER and EJABBERD_API_PASSWORD.",
        hint="Use an ejabberd account that api_permissions allows to call the API.",
        id="xmppservice.E006",
    )
)
def ejabberd_api_has_credentials() -> object:
    has_login = settings.EJABBERD_API_USER and settings.EJABBERD_API_PASSWORD
    return has_login or not settings.EJABBERD_API_URL


@check(
    Warning(
        "Several processes share one database file.",
        hint="Set DATABASE_URL to a PostgreSQL database, which several hosts can use.",
        id="xmppservice.W003",
    )
)
def several_processes_need_a_database_server() -> object:
    engine = settings.DATABASES["default"]["ENGINE"]
    return not settings.SCALED or not engine.endswith("sqlite")


@check(
    Warning(
        "CHANGE_MESSAGE has no effect for an account.",
        hint="The XMPP server notifies the account's subscribers by presence only.",
        id="xmppservice.W004",
    )
)
def change_message_needs_a_component() -> object:
    return not (settings.CHANGE_MESSAGE and local_of(settings.XMPP_JID))


@check(
    Warning(
        "TIME_ZONE is not set: staff read and enter dates and times in UTC.",
        hint="Set it to your staff's time zone, such as Europe/Rome, or to UTC.",
        id="xmppservice.W005",
    )
)
def time_zone_is_chosen() -> object:
    is_local = urlsplit(settings.PUBLIC_URL).hostname in LOCAL_HOSTS
    return is_local or environment.is_set("TIME_ZONE")


@check(
    Warning(
        'The domain of XMPP_JID has a "_", which no host name has (RFC 7622, 3.2).',
        hint="Clients that check addresses, such as Gajim, fail at the login of every "
        "user. Use a name such as xmpp-service.example.org, also in the XMPP server.",
        id="xmppservice.W006",
    )
)
def domain_is_a_host_name() -> object:
    return local_of(settings.XMPP_JID) or "_" not in settings.XMPP_JID


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
            "This database was created by a version before the first release.",
            hint="Move VAR_DIR aside, or set DATABASE_URL to an empty database.",
            id="xmppservice.E007",
        )
    ]
