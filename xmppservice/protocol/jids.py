"""JIDs (RFC 7622): normalising, splitting, and escaping (XEP-0106)."""

import re
from functools import lru_cache
from urllib.parse import quote

from slixmpp import JID, InvalidJID


# A message has two JIDs, which are looked at eight times.
@lru_cache(1_000)
def parse_jid(text: str) -> str | None:
    """Return the normalised JID (RFC 7622), or None when ``text`` is not a JID.

    A final dot of the domain is dropped (3.2). A text that changes when it is
    normalised again does not count as a JID: servers would disagree about its owner.
    """
    try:
        bare, slash, resource = str(JID(text)).partition("/")
        normal = f"{bare.removesuffix('.')}{slash}{resource}"
        return normal if normal and str(JID(normal)) == normal else None
    except (InvalidJID, UnicodeEncodeError):
        return None


def bare_jid(text: str) -> str | None:
    """Return the normalised bare JID of ``text``, or None when it is not a JID."""
    jid = parse_jid(text)
    return jid.partition("/")[0] if jid else None


def local_of(bare: str) -> str:
    """Localpart of a bare JID; empty for a domain."""
    return bare.rpartition("@")[0]


def domain_of(jid: str) -> str:
    """Domainpart of a JID (RFC 7622, 3.2); a resource may hold any ``@``."""
    return jid.partition("/")[0].rpartition("@")[2]


_UNALLOWED = str.maketrans({char: f"\\{ord(char):02x}" for char in " \"&'/:<>@"})
_ESCAPE = re.compile(r"\\(?=20|22|26|27|2f|3a|3c|3e|40|5c)")


def escape_localpart(text: str) -> str:
    """Return ``text`` as a normalised, escaped localpart; empty when impossible.

    Source: XEP-0106, "Escaping Transformations": no space at either end.
    """
    escaped = _ESCAPE.sub(r"\\5c", text).translate(_UNALLOWED)
    jid = parse_jid(f"{escaped}@localhost") if text.strip(" ") == text else None
    return local_of(jid) if jid else ""


def uri(jid: str, thread: str = "") -> str:
    """Return the URI to write a message to ``jid``, in ``thread`` if there is one.

    Source: RFC 5122, 2.2; XEP-0201, "Thread IDs in XMPP URIs"; XEP-0147.
    """
    bare, slash, resource = jid.partition("/")
    local, at, domain = bare.rpartition("@")
    address = quote(local, safe="!$()*+,;=") + at + quote(domain, safe="[]:")
    address += slash + quote(resource, safe="!$&'()*+,:;=")
    query = f";thread={quote(thread, safe='')}" if thread else ""
    return f"xmpp:{address}?message{query}"
