"""The live document as it is announced: in presence, in discovery, by a message.

Source: contract, section 6.
"""

import hashlib
from typing import NamedTuple

from xmppservice.protocol import envelope
from xmppservice.protocol.data_forms import Field
from xmppservice.protocol.namespaces import NS_DOCUMENT, NS_UPDATE
from xmppservice.protocol.xml import escape_attribute

CHANGE_TYPE = "vcard_updated"
# Where it and its schema are by HTTP, below PUBLIC_URL.
DOCUMENT_PATH, SCHEMA_PATH = "/api/document/", "/schemas/document-1.json"


class LiveDocument(NamedTuple):
    """What clients learn without reading it; ``url`` is empty if it is not public."""

    hash: str
    version: int
    url: str = ""

    def element(self) -> str:
        """The element in presence."""
        url = f" url='{escape_attribute(self.url)}'" if self.url else ""
        return (
            f"<document xmlns='{NS_DOCUMENT}' hash='{self.hash}'"
            f" version='{self.version}'{url}/>"
        )

    def fields(self) -> tuple[Field, ...]:
        """The same in a data form."""
        values = {"hash": self.hash, "version": str(self.version), "url": self.url}
        return tuple(
            Field(name, "text-single", values=(value,))
            for name, value in values.items()
            if value
        )

    def message(self, sender: str, to: str, namespace: str) -> str:
        """The message that announces it."""
        return envelope.build(
            sender=sender,
            to=to,
            id="",
            thread="",
            # Delivered to online users only, never stored (RFC 6121, 8.5.2).
            message_type="headline",
            namespace=namespace,
            envelope_type=CHANGE_TYPE,
            envelope_action=CHANGE_TYPE,
            payload=f'{{"version":{self.version},"hash":"{self.hash}"}}',
        )


def digest(document: str) -> str:
    """Return a document's SHA-1 as 40 hex digits, as XEP-0153 does for a picture."""
    return hashlib.sha1(document.encode(), usedforsecurity=False).hexdigest()


def photo(hash: str) -> str:
    """The hash in the form of XEP-0153; an empty one is not known yet.

    Source: XEP-0153, "User Publishes Avatar".
    """
    known = f"<photo>{hash}</photo>" if hash else ""
    return f"<x xmlns='{NS_UPDATE}'>{known}</x>"
