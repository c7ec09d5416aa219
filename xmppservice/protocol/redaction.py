"""Replacements for JIDs and for clients' own text in logs."""

import re

from django.utils.crypto import salted_hmac

from xmppservice.protocol.jids import domain_of


def alias(jid: str) -> str:
    """Return a JID's alias for logs: always the same, but without a phone number.

    Keyed with SECRET_KEY, because all phone numbers could be tried out.
    """
    name = salted_hmac("xmppservice.log", jid.partition("/")[0]).hexdigest()[:12]
    return f"{name}@{domain_of(jid.partition('/')[0])}"


_HARMLESS = re.compile(r"(?!.*\d{6})[A-Za-z0-9_-]{1,64}\Z", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII | re.I)


def shown(text: str) -> str:
    """Return a client's id or command word for logs: unchanged if harmless.

    Other text becomes an alias: it may be a phone number or a forged line of the log.
    """
    if not text or _HARMLESS.match(text) or _UUID.match(text):
        return text
    return "~" + salted_hmac("xmppservice.log", text).hexdigest()[:12]
