"""A channel's link, the address of its page, and the link's QR code as a picture.

Source: contract, 1, Routing; XEP-0147.
"""

import io
import math
from urllib.parse import quote

import segno

from buddies.document.shape import destination
from xmppservice.protocol.jids import uri
from xmppservice.protocol.redaction import CHANNEL_PAGES

MAX_LINK_BYTES = 2331  # in a QR code with error correction M (ISO/IEC 18004, table 7)
MIN_PNG_PIXELS = 1000  # of a side
PNG_DPI = 300  # a side is 8.5 cm or a little more in print
SVG_MILLIMETRES = 50  # of a side


def link(address: str, server_address: str, domain: str) -> str:
    """Return the URI to write to a channel; empty if its address leads nowhere.

    ``domain`` completes an address without one.
    """
    to = destination(server_address or address)
    if not to:
        return ""
    jid = to if "@" in to else f"{to}@{domain}"
    return uri(jid, address if server_address else "")


def page_path(address: str) -> str:
    """Return the path of a channel's page; empty for what no browser requests."""
    return "" if address in (".", "..") else CHANNEL_PAGES + quote(address, safe="")


def has_qr(link: str) -> bool:
    """Whether there is a link, and a QR code has room for it."""
    return 0 < len(link.encode()) <= MAX_LINK_BYTES


def svg(link: str, title: str) -> bytes:
    """Return a link's QR code as an SVG, black on white with its quiet zone."""
    code = _code(link)
    out = io.BytesIO()
    side = _side(code)
    scale = SVG_MILLIMETRES / side
    plain = {"svgclass": None, "lineclass": None}
    code.save(
        out, kind="svg", scale=scale, unit="mm", light="#fff", title=title, **plain
    )
    return out.getvalue()


def png(link: str) -> bytes:
    """Return a link's QR code as a PNG that is large enough for print."""
    code = _code(link)
    out = io.BytesIO()
    scale = math.ceil(MIN_PNG_PIXELS / _side(code))
    code.save(out, kind="png", scale=scale, dpi=PNG_DPI)
    return out.getvalue()


def _code(link: str) -> segno.QRCode:
    return segno.make_qr(link, error="m", boost_error=False)


def _side(code: segno.QRCode) -> int:
    """The number of modules in a row, with the quiet zone."""
    return int(code.symbol_size()[0])


PICTURES = {"svg": "image/svg+xml", "png": "image/png"}


def picture(kind: str, link: str, title: str) -> bytes:
    """Return the QR code as one of PICTURES."""
    return png(link) if kind == "png" else svg(link, title)
