"""What may stand in a log in the place of a JID or of a client's own text."""

import re

from django.utils.crypto import salted_hmac

from xmppservice.protocol.jids import domain_of


def alias(jid: str) -> str:
    """A JID as it may stand in a log: the same one each time, but no number.

    Keyed with SECRET_KEY, because there are few enough numbers to try them all.
    """
    name = salted_hmac("xmppservice.log", jid.partition("/")[0]).hexdigest()[:12]
    return f"{name}@{domain_of(jid.partition('/')[0])}"


_HARMLESS = re.compile(r"(?!.*\d{6})[A-Za-z0-9_-]{1,64}\Z", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z", re.ASCII | re.I)


def shown(text: str) -> str:
    """What a client chose, as it may stand in a log: an id, the word of a command.

    It may be a number, or a line of its own: only what is harmless stays as it is.
    """
    if not text or _HARMLESS.match(text) or _UUID.match(text):
        return text
    return "~" + salted_hmac("xmppservice.log", text).hexdigest()[:12]
