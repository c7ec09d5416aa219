"""What the workspace's search finds."""

from datetime import timedelta

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from buddies import answerers
from buddies.campaigns.desk import CampaignDesk
from buddies.models import HistoricalBuddy
from buddies.pages.desks import Desk, at_a_desk
from buddies.pages.permissions import allowed
from buddies.tree import finding

RECENTLY = timedelta(days=1)


@allowed("view_buddy")
@require_GET
@at_a_desk
def find_view(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Return the keys of the entries that have ``words`` and are of some ``kinds``.

    Each with the part of its message or address that has the words; "" if its name and
    its status have all of them. Unknown kinds find everything.
    """
    kinds = request.GET.get("kinds", "").split(",")
    buddies, words = desk.buddies(), request.GET.get("words", "")
    changed = _changed(desk) if finding.CHANGED in kinds else set()
    wrong = answerers.unanswered(buddies) if finding.WARNINGS in kinds else {}
    found = finding.find(buddies, words, kinds, timezone.now(), changed, wrong.keys())
    return JsonResponse({"found": {str(one.number): one.excerpt for one in found}})


def _changed(desk: Desk) -> set[int]:
    """Return what a campaign adds or changes or, live, what was edited recently."""
    if isinstance(desk, CampaignDesk):
        own = desk.view.differences
        keys = own.added.keys() | own.changed.keys()
        return {buddy.pk for buddy in desk.buddies() if str(buddy.key) in keys}
    since = timezone.now() - RECENTLY
    records = HistoricalBuddy.objects.filter(history_date__gt=since).order_by()
    return set(records.values_list("id", flat=True))
