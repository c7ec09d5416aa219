"""The public page of a channel, and the QR code of its link as a picture."""

from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import get_conditional_response, set_response_etag
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from buddies.document.shape import Item
from buddies.document.text import normal
from buddies.pages import links
from buddies.publishing import http_cache
from buddies.publishing.http_cache import ShownChannel


@require_safe
def page(request: HttpRequest, address: str) -> HttpResponseBase:
    """Show a live channel; with ``?qr=svg`` or ``?qr=png``, its QR code.

    404 unless a platform shows the channel, and unless CHANNEL_PAGES is on.
    """
    shown = _shown(normal("address", address))
    kind = request.GET.get("qr")
    response = _page(request, shown) if kind is None else _picture(kind, shown.item)
    response["Cache-Control"] = "public, no-cache"
    set_response_etag(response)
    etag = response["ETag"]
    return get_conditional_response(request, etag, response=response) or response


def _shown(address: str) -> ShownChannel:
    channels = http_cache.cache.recent().channels if settings.CHANNEL_PAGES else {}
    if address not in channels:
        raise Http404
    return channels[address]


def _page(request: HttpRequest, shown: ShownChannel) -> HttpResponse:
    info, link = shown.item["info"], link_of(shown.item)
    context = {
        "name": info["name"],
        "status": info["status"],
        "letter": info["name"].strip()[:1],
        "picture": picture_of(info),
        "link": link,
        "has_qr": links.has_qr(link),
        "webchat": _webchat(shown),
    }
    return render(request, "buddies/channel.html", context)


def link_of(item: Item) -> str:
    """Return the link of an item of the document; empty if it leads nowhere."""
    domain = settings.XMPP_DOMAINS[0]
    return links.link(item["address"], item.get("serverAddress", ""), domain)


def _webchat(shown: ShownChannel) -> str:
    if not settings.WEBCHAT_URL or "web" not in shown.platforms:
        return ""
    return f"{reverse('webchat')}#{quote(shown.item['address'], safe='')}"


def picture_of(info: dict[str, Any]) -> str:
    """Return the URL of a channel's picture; empty if no browser can load it.

    The same rule as that of ``isAddress`` in preview.js.
    """
    addresses = (info["imageUrl"], info["thumbUrl"])
    return next(filter(_is_loadable, addresses), "")


def _is_loadable(address: str) -> bool:
    try:
        url = urlsplit(address)
        host = url.hostname or ""
    except ValueError:
        return False
    if url.scheme in ("http", "https"):
        return bool(host.strip(".")) and ".." not in host
    return not url.scheme and not url.netloc and address.startswith("/")


def _picture(kind: str, item: Item) -> HttpResponse:
    link = link_of(item)
    if kind not in links.PICTURES or not links.has_qr(link):
        raise Http404
    return picture(kind, link, item["info"]["name"])


def picture(kind: str, link: str, name: str) -> HttpResponse:
    """Return a link's QR code, one of PICTURES, as a file with a channel's name."""
    disposition = content_disposition_header(False, f"{name}.{kind}") or ""
    return HttpResponse(
        links.picture(kind, link, name),
        content_type=links.PICTURES[kind],
        headers={"Content-Disposition": disposition},
    )
