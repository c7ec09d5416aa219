"""vCards (XEP-0054) of the document and of channels."""

import base64
from xml.etree import ElementTree as ET

from xmppservice.protocol.namespaces import NS_VCARD
from xmppservice.protocol.xml import escape


def of_document(document: str) -> str:
    """Payload of a vCard result: the document in DESC, and no other field."""
    return f"<vCard xmlns='{NS_VCARD}'><DESC>{escape(document)}</DESC></vCard>"


def of_channel(name: str, status: str, photo: str) -> str:
    """Payload of a vCard result for one of our channels (XEP-0054)."""
    described = f"<DESC>{escape(status)}</DESC>" if status else ""
    return (
        f"<vCard xmlns='{NS_VCARD}'><FN>{escape(name)}</FN>"
        f"<NICKNAME>{escape(name)}</NICKNAME>{photo}{described}</vCard>"
    )


def photo(address: str, webp: bytes) -> str:
    """Picture of a vCard: the image itself, else its URL; empty without either."""
    if webp:
        encoded = base64.b64encode(webp).decode()
        return f"<PHOTO><TYPE>image/webp</TYPE><BINVAL>{encoded}</BINVAL></PHOTO>"
    return f"<PHOTO><EXTVAL>{escape(address)}</EXTVAL></PHOTO>" if address else ""


def get() -> str:
    return f"<vCard xmlns='{NS_VCARD}'/>"


def description(payload: str) -> str | None:
    """Return the text of DESC in a vCard; None without DESC."""
    return _vcard_text(payload, "DESC")


def description_is_note(payload: str) -> bool:
    """Whether the server turned DESC into NOTE, as Prosody's vcard_legacy does."""
    return description(payload) is None and _vcard_text(payload, "NOTE") is not None


def _vcard_text(payload: str, field: str) -> str | None:
    if not payload:
        return None
    result = ET.fromstring(payload).find(f"{{{NS_VCARD}}}{field}")  # noqa: S314  (from our own XMPP server)
    return None if result is None else result.text or ""
