"""The webchat: a client of the service that runs in the browser."""

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

REFRESH_SECONDS = 1  # between reads of the document, until changes are announced
FALLBACK_SECONDS = 30  # between reads from then on


@require_GET
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """Show the webchat; 404 unless WEBCHAT_URL names the XMPP server's WebSocket."""
    if not settings.WEBCHAT_URL:
        raise Http404
    context = {"webchat": _webchat(), "users": _users()}
    response = render(request, "webchat/page.html", context)
    # What csp.decorators.csp_update does to a view.
    more = {"connect-src": [settings.WEBCHAT_URL]}
    response._csp_update = more  # type: ignore[attr-defined]  # django-csp looks for it
    return response


def _webchat() -> dict[str, object]:
    return {
        "url": settings.WEBCHAT_URL,
        "service": settings.XMPP_JID,
        "refresh": REFRESH_SECONDS * 1000,
        "fallback": FALLBACK_SECONDS * 1000,
        "words": _words(),
    }


def _users() -> list[tuple[str, str]]:
    """Return the JID and password of each account that the page offers."""
    pairs = (word.partition(":") for word in settings.WEBCHAT_USERS)
    return [(jid, password) for jid, _, password in pairs]


def _words() -> dict[str, str]:
    """Return the texts that the script shows."""
    return {
        "away": _("The XMPP server is not responding. Retrying …"),
        "closed": _("The XMPP server is not responding. Try again later."),
        "elsewhere": _("You have logged in elsewhere. Log in again to continue here."),
        "empty": _("No channel is published for the web."),
        "gone": _("This channel is no longer published."),
        "nobody": _("Not delivered: no reply from this address."),
        "refused": _("Wrong name or password."),
        "unread": _("The channels can't be loaded. Retrying …"),
    }
