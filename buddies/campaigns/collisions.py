"""Which campaigns an edit of what is live, or another campaign, gets in the way of."""

from collections.abc import Iterable, Iterator

from buddies.campaigns.merge import Conflict
from buddies.campaigns.view import View
from buddies.models import Buddy, Campaign, Difference


def concerned(keys: Iterable[object]) -> list[Campaign]:
    """Return the campaigns in preparation that change one of these entries."""
    rows = Difference.objects.filter(key__in=list(keys))
    numbers = set(rows.order_by().values_list("campaign", flat=True))
    return list(Campaign.editable().filter(pk__in=numbers))


def conflicts_with(buddies: Iterable[Buddy]) -> Iterator[tuple[Campaign, Conflict]]:
    """Yield the conflicts that campaigns have about these entries of the live tree."""
    keys = {str(buddy.key) for buddy in buddies}
    if not keys:
        return
    for campaign in concerned(keys):
        for conflict in View(campaign).conflicts:
            if conflict.key in keys:
                yield campaign, conflict


def open_decisions() -> dict[int, int]:
    """Return how many decisions each campaign in preparation waits for."""
    return {
        campaign.pk: len(View(campaign).conflicts) for campaign in Campaign.editable()
    }
