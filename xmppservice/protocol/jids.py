"""JIDs (RFC 7622): normalised, taken apart, escaped (XEP-0106)."""

import re

from slixmpp import JID, InvalidJID


def parse_jid(text: str) -> str | None:
    """Normalised JID (RFC 7622), or None when ``text`` is none.

    A text that is another JID when it is normalised again is none: servers
    would not agree on who is meant.
    """
    try:
        normal = str(JID(text))
        return normal if normal and str(JID(normal)) == normal else None
    except (InvalidJID, UnicodeEncodeError):
        return None


def bare_jid(text: str) -> str | None:
    """Normalised bare JID of ``text``, or None when ``text`` is no JID."""
    whole = parse_jid(text)
    return whole.partition("/")[0] if whole else None


def local_of(bare: str) -> str:
    """Localpart of a bare JID; empty for a domain."""
    return bare.rpartition("@")[0]


def domain_of(jid: str) -> str:
    """Domainpart of a JID (RFC 7622, 3.2); a resource may hold any ``@``."""
    return jid.partition("/")[0].rpartition("@")[2]


_UNALLOWED = str.maketrans({one: f"\\{ord(one):02x}" for one in " \"&'/:<>@"})
_ESCAPE = re.compile(r"\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)")


def escape_localpart(text: str) -> str:
    """Normalised localpart that stands for ``text``; empty when none can.

    Source: XEP-0106, "Escaping Transformations": a space at either end is none.
    """
    escaped = _ESCAPE.sub(r"\\5c", text).translate(_UNALLOWED)
    whole = parse_jid(f"{escaped}@localhost") if text.strip(" ") == text else None
    return local_of(whole) if whole else ""
