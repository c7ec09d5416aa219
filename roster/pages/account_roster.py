"""The roster of an account, as the XMPP server has it now: to look at."""

import time
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from roster.models import Account
from roster.pages import dry_run
from xmppservice.backoffice import site
from xmppservice.connection.gateway import Down, Late
from xmppservice.protocol.roster import Roster
from xmppservice.rosters import configured

MAX_SHOWN = 1000  # contacts


@require_GET
def page(request: HttpRequest, pk: int) -> HttpResponse:
    """Show who is on the roster. It names other people: as for a dry run."""
    if not dry_run.may_view(request):
        raise PermissionDenied
    owner = get_object_or_404(Account, pk=pk)
    context = {"owner": owner, **_read(owner.jid)}
    template = "admin/roster/account/roster.html"
    above = dry_run.above_pages_of(owner)
    return site.page(request, template, _("Roster"), context, above=above)


def _read(jid: str) -> dict[str, Any]:
    deadline = time.time() + dry_run.TIMEOUT_SECONDS
    try:
        (found,) = configured.driver().read([jid], deadline)
    except Down:
        return {"problem": _("The service is not connected to the XMPP server.")}
    except Late:
        return {"problem": _("The XMPP server did not answer in time.")}
    if not isinstance(found, Roster):
        return {"problem": _("The XMPP server has no roster of this account.")}
    items = sorted(found.items, key=lambda item: (item.name.casefold(), item.jid))
    return {"items": items[:MAX_SHOWN], "count": len(items)}
