"""What the workspace's dialog "Link and QR code" shows about a channel."""

from collections.abc import Iterator

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from buddies.models import Buddy
from buddies.pages import channel, links
from buddies.pages.desks import whole_number
from buddies.pages.permissions import allowed
from buddies.publishing import http_cache


def urls(office: AdminSite) -> list[URLPattern]:
    """The dialog's addresses, for the admin of the entries."""
    views = {"link": link_view, "qr": picture_view}
    return [
        path(
            f"channels/{name}/",
            office.admin_view(view),
            name=f"buddies_workspace_{name}",
        )
        for name, view in views.items()
    ]


@allowed("view_buddy")
@require_GET
def link_view(request: HttpRequest) -> HttpResponse:
    """Return a channel's link, page and QR code, and what to know about them."""
    buddy = _channel(request)
    if buddy is None:
        error = _("Someone deleted this in the meantime.")
        return JsonResponse({"error": error}, status=409)
    link = _link(buddy)
    has_qr = links.has_qr(link)
    return JsonResponse(
        {
            "link": link,
            "page": _page(buddy) if link else "",
            "pictures": _pictures(buddy) if has_qr else {},
            "notes": list(_notes(buddy, link, has_qr)),
        }
    )


def _channel(request: HttpRequest) -> Buddy | None:
    key = whole_number(request.GET.get("id", ""))
    return Buddy.objects.filter(pk=key, type=Buddy.Type.CHANNEL).first()


def _link(buddy: Buddy) -> str:
    domain = settings.XMPP_DOMAINS[0]
    return links.link(buddy.address, buddy.server_address, domain)


def _page(buddy: Buddy) -> str:
    path = links.page_path(buddy.address) if settings.CHANNEL_PAGES else ""
    return path and settings.PUBLIC_URL + path


def _pictures(buddy: Buddy) -> dict[str, str]:
    view = reverse("admin:buddies_workspace_qr")
    return {kind: f"{view}?id={buddy.pk}&as={kind}" for kind in links.PICTURES}


def _notes(buddy: Buddy, link: str, has_qr: bool) -> Iterator[str]:
    if not link:
        yield _(
            "Apps can't send messages to this channel's address, so it has no link. "
            "Change the address under “Technical” in its form."
        )
        return
    if buddy.address not in http_cache.cache.recent().channels:
        yield _("No app shows this channel yet: this works once it is published.")
    if not has_qr:
        yield _("The link is too long for a QR code.")


@allowed("view_buddy")
@require_GET
def picture_view(request: HttpRequest) -> HttpResponse:
    """Return the QR code of a channel's link, as ``svg`` or ``png``."""
    buddy, kind = _channel(request), request.GET.get("as", "")
    link = _link(buddy) if buddy else ""
    if not buddy or kind not in links.PICTURES or not links.has_qr(link):
        raise Http404
    return channel.picture(kind, link, buddy.name)
