"""System checks for settings that disagree. One id, one test each."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.http.request import validate_host

from xmppservice.protocol.jids import bare_jid, local_of
from xmppservice.protocol.xml import illegal_character

# XMPP servers close a stream above 512 KiB (Prosody's component_stanza_size_limit)
# or 256 KiB (a client's, on Prosody and ejabberd), and the stanza's two addresses
# and its id come on top of what we count.
COMPONENT_BYTES, ACCOUNT_BYTES = (512 - 16) * 1024, (256 - 16) * 1024


@register
def stanza_limit(**_: Any) -> list[CheckMessage]:
    is_account = local_of(settings.XMPP_JID)
    most = ACCOUNT_BYTES if is_account else COMPONENT_BYTES
    if 1_000 <= settings.XMPP_STANZA_LIMIT <= most:
        return []
    return [
        Error(
            f"XMPP_STANZA_LIMIT must be between 1000 and {most} bytes.",
            hint="The XMPP server closes the service's stream above its own limit.",
            id="xmppservice.E001",
        )
    ]


@register
def service_is_not_a_served_domain(**_: Any) -> list[CheckMessage]:
    service, domains = settings.XMPP_JID, settings.XMPP_DOMAINS
    are_domains = all(_is_domain(domain) for domain in domains)
    differ = domains and len({service, *domains}) == len(domains) + 1
    if are_domains and differ and bare_jid(service) == service:
        return []
    return [
        Error(
            "XMPP_JID must be a bare JID, and XMPP_DOMAINS other domains than that, "
            "at least one.",
            hint="For example XMPP_DOMAINS=example.org, and XMPP_JID="
            "service.example.org (a component) or service@example.org (an account).",
            id="xmppservice.E002",
        )
    ]


def _is_domain(text: str) -> bool:
    return bare_jid(text) == text and not local_of(text)


@register
def msisdn_jid_is_a_jid(**_: Any) -> list[CheckMessage]:
    try:
        jid = settings.MSISDN_JID.format(number="39347", domain="example.org")
    except (LookupError, ValueError):
        jid = ""
    if "39347" in local_of(jid) and bare_jid(jid) == jid:
        return []
    return [
        Error(
            "MSISDN_JID must be a bare JID with {number} in its localpart.",
            hint="The default is 00{number}@{domain}.",
            id="xmppservice.E003",
        )
    ]


@register
def roster_groups_differ(**_: Any) -> list[CheckMessage]:
    names = [settings.ROSTER_GROUP_OTHERS, settings.ROSTER_GROUP_VERIFIED]
    differ = len({name.casefold() for name in names}) == len(names)
    if differ and all(name and not illegal_character(name) for name in names):
        return []
    return [
        Error(
            "ROSTER_GROUP_OTHERS and ROSTER_GROUP_VERIFIED must be two names.",
            hint="Group names compare without case.",
            id="xmppservice.E004",
        )
    ]


@register
def a_full_search_fits_the_budget(**_: Any) -> list[CheckMessage]:
    if settings.SEARCH_LIMIT <= settings.DISCOVERY_BURST:
        return []
    return [
        Warning(
            "SEARCH_LIMIT is larger than DISCOVERY_BURST.",
            hint="A search of more new numbers than the burst is refused for ever.",
            id="xmppservice.W001",
        )
    ]


@register
def pictures_are_served_at_their_address(**_: Any) -> list[CheckMessage]:
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    if settings.DEBUG or validate_host(host, settings.ALLOWED_HOSTS):
        return []
    return [
        Warning(
            "The host of PUBLIC_URL is not in ALLOWED_HOSTS.",
            hint="Uploaded pictures have addresses there, and would not be served.",
            id="xmppservice.W002",
        )
    ]


@register
def all_parts_hear_each_other(**_: Any) -> list[CheckMessage]:
    has_broker = settings.CELERY_BROKER_URL != settings.IN_MEMORY
    if has_broker == bool(settings.CHANNEL_LAYER_URL):
        return []
    return [
        Error(
            "CELERY_BROKER_URL and CHANNEL_LAYER_URL must be set both, or neither.",
            hint="One without the other reaches a part of the processes only.",
            id="xmppservice.E005",
        )
    ]


@register
def ejabberd_is_asked_by_somebody(**_: Any) -> list[CheckMessage]:
    has_login = settings.EJABBERD_API_USER and settings.EJABBERD_API_PASSWORD
    if has_login or not settings.EJABBERD_API_URL:
        return []
    return [
        Error(
            "EJABBERD_API_URL needs EJABBERD_API_USER and EJABBERD_API_PASSWORD.",
            hint="An account of ejabberd that api_permissions lets in.",
            id="xmppservice.E006",
        )
    ]


@register
def several_hosts_share_no_file(**_: Any) -> list[CheckMessage]:
    engine = settings.DATABASES["default"]["ENGINE"]
    if not settings.SCALED or not engine.endswith("sqlite"):
        return []
    return [
        Warning(
            "Several processes share a database that is a file.",
            hint="Set DATABASE_URL to a PostgreSQL: several hosts share no file.",
            id="xmppservice.W003",
        )
    ]


@register
def an_account_sends_no_message(**_: Any) -> list[CheckMessage]:
    if not (settings.CHANGE_MESSAGE and local_of(settings.XMPP_JID)):
        return []
    return [
        Warning(
            "CHANGE_MESSAGE is without effect for an account.",
            hint="The XMPP server has its subscribers, and tells them by presence.",
            id="xmppservice.W004",
        )
    ]
