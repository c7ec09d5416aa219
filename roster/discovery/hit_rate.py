"""How many hits ordinary owners have."""

import statistics
from collections.abc import Iterable

from django.core.cache import cache
from django.db.models import Count, Max, Q, QuerySet

from roster.models import AddressBookEntry

# The sample: the newest rows, of owners with MIN_LOOKUPS lookups, MIN_OWNERS at least.
SAMPLE_SIZE, MIN_LOOKUPS, MIN_OWNERS = 100_000, 20, 30
RATE_KEY, RATE_SECONDS = "usual-hits", 3600
UNKNOWN_KEY, UNKNOWN_SECONDS = "usual-hits-unknown", 60


def count_by(
    rows: QuerySet[AddressBookEntry], by: str
) -> Iterable[tuple[int, int, int]]:
    """For each value of a field, count the rows that have it, and hits among them."""
    hits = Count("pk", filter=Q(hit=True))
    return rows.order_by().values_list(by).annotate(lookups=Count("pk"), hits=hits)


def usual_hit_rate() -> float | None:
    """The share of hits of an ordinary owner; None while too few have asked."""
    share: float | None = cache.get(RATE_KEY)
    if share is None and not cache.get(UNKNOWN_KEY):
        share = _usual()
        if share is None:
            cache.set(UNKNOWN_KEY, True, UNKNOWN_SECONDS)
        else:
            cache.set(RATE_KEY, share, RATE_SECONDS)
    return share


def _usual() -> float | None:
    newest = AddressBookEntry.objects.aggregate(newest=Max("pk"))["newest"] or 0
    sample = AddressBookEntry.objects.filter(
        pk__gt=newest - SAMPLE_SIZE, asked_at__isnull=False, prefix__isnull=False
    )
    owners = count_by(sample, "owner")
    shares = [hits / count for _, count, hits in owners if count >= MIN_LOOKUPS]
    return statistics.median(shares) if len(shares) >= MIN_OWNERS else None
