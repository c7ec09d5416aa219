"""System checks for settings that disagree. One id, one test each."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.http.request import validate_host

from xmppservice import stanzas

# Prosody closes the component's stream above 512 KiB (component_stanza_size_limit),
# and the stanza's two addresses and its id come on top of what we count.
MOST_BYTES = (512 - 16) * 1024


@register
def stanza_limit(**_: Any) -> list[CheckMessage]:
    if 1_000 <= settings.XMPP_STANZA_LIMIT <= MOST_BYTES:
        return []
    return [
        Error(
            f"XMPP_STANZA_LIMIT must be between 1000 and {MOST_BYTES} bytes.",
            hint="Prosody closes the component's stream above its own limit.",
            id="xmppservice.E001",
        )
    ]


@register
def service_is_not_a_served_domain(**_: Any) -> list[CheckMessage]:
    jids = [settings.XMPP_JID, *settings.XMPP_DOMAINS]
    are_domains = all(stanzas.bare_jid(jid) == jid and "@" not in jid for jid in jids)
    if len(jids) > 1 and are_domains and len(set(jids)) == len(jids):
        return []
    return [
        Error(
            "XMPP_JID and XMPP_DOMAINS must be different domains, at least one each.",
            hint="For example XMPP_DOMAINS=example.org, XMPP_JID=service.example.org.",
            id="xmppservice.E002",
        )
    ]


@register
def msisdn_jid_is_a_jid(**_: Any) -> list[CheckMessage]:
    try:
        jid = settings.MSISDN_JID.format(number="39347", domain="example.org")
    except (LookupError, ValueError):
        jid = ""
    if "39347" in stanzas.local(jid) and stanzas.bare_jid(jid) == jid:
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
    if differ and all(name and not stanzas.illegal(name) for name in names):
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
