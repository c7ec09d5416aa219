"""Presence (RFC 6121), with the digest of the document (XEP-0153)."""

import hashlib

from xmppservice.protocol.namespaces import NS_UPDATE
from xmppservice.protocol.xml import escape_attribute


def build(type: str, *, sender: str, to: str) -> str:
    """Presence of ``type``, such as ``subscribed``."""
    addresses = f"from='{escape_attribute(sender)}' to='{escape_attribute(to)}'"
    return f"<presence {addresses} type='{type}'/>"


def available(*, sender: str, to: str, digest: str) -> str:
    """Available presence with the digest of the live document."""
    addresses = f"from='{escape_attribute(sender)}' to='{escape_attribute(to)}'"
    return f"<presence {addresses}>{_update(digest)}</presence>"


def own(digest: str) -> str:
    """Presence of the service's own account, with the highest priority.

    Without a digest it says that the document is not known yet.
    """
    return f"<presence><priority>127</priority>{_update(digest)}</presence>"


def _update(digest: str) -> str:
    # XEP-0153, "User Publishes Avatar": an x without a photo means "not known yet".
    photo = f"<photo>{digest}</photo>" if digest else ""
    return f"<x xmlns='{NS_UPDATE}'>{photo}</x>"


def digest(document: str) -> str:
    """Return a document's SHA-1 as 40 hex digits, as XEP-0153 does for a picture."""
    return hashlib.sha1(document.encode(), usedforsecurity=False).hexdigest()
