"""The subscribers to new releases, and the last release each was notified of.

A row for each user of a served domain who subscribed to the service's presence, or
whose server asked for it. Only the process that owns the stream writes here.
"""

import random
from collections.abc import Collection, Mapping

from django.conf import settings
from django.db.models import Count, Max, Q

from roster.models import MAX_JID_LENGTH, Subscriber
from xmppservice.protocol.jids import domain_of, local_of

# Rows. Users can add only themselves; this limits those who register many accounts.
MAX_SUBSCRIBERS = 1_000_000


def is_kept(jid: str) -> bool:
    """Whether a bare JID belongs to a user of a served domain."""
    served = domain_of(jid) in settings.XMPP_DOMAINS
    return served and bool(local_of(jid)) and len(jid) <= MAX_JID_LENGTH


def note(numbers: Mapping[str, int | None], newest: int = 0) -> int:
    """Store the last release that each user was notified of; None unsubscribes them.

    0 means not yet notified. Unchanged rows are not written: after a restart of the
    XMPP server all subscribers ask at once. Return how many now know the ``newest``.
    """
    unsubscribed = [jid for jid, number in numbers.items() if number is None]
    if unsubscribed:
        Subscriber.objects.filter(jid__in=unsubscribed).delete()
    subscribed = {jid: number for jid, number in numbers.items() if number is not None}
    rows = Subscriber.objects.filter(jid__in=subscribed)
    known: dict[str, int] = dict(rows.values_list("jid", "told"))
    for number in set(subscribed.values()):
        other = [j for j in known if subscribed[j] == number and known[j] != number]
        if other:
            Subscriber.objects.filter(jid__in=other).update(told=number)
    _add({jid: number for jid, number in subscribed.items() if jid not in known})
    new = (jid for jid, number in subscribed.items() if number == newest)
    return sum(known.get(jid, 0) < newest for jid in new)


def _add(new: Mapping[str, int]) -> None:
    room = MAX_SUBSCRIBERS - Subscriber.objects.count() if new else 0
    rows = [Subscriber(jid=jid, told=number) for jid, number in new.items()]
    Subscriber.objects.bulk_create(rows[: max(0, room)], ignore_conflicts=True)


def random_place() -> int:
    """A random place in the table to start from."""
    last = Subscriber.objects.aggregate(last=Max("pk"))["last"] or 0
    return random.randint(0, last)  # noqa: S311  (no secret)


def pending(number: int, after: int, limit: int) -> list[Subscriber]:
    """Up to ``limit`` subscribers after a place who were not notified of a release."""
    rows = Subscriber.objects.filter(pk__gt=after, told__lt=number)
    return list(rows.order_by("pk")[:limit])


def next_rows(after: int, limit: int) -> list[Subscriber]:
    """Up to ``limit`` subscribers after a place."""
    return list(Subscriber.objects.filter(pk__gt=after).order_by("pk")[:limit])


def mark(rows: Collection[Subscriber], number: int) -> int:
    """Note that these subscribers were notified of a release; return how many anew."""
    keys = [row.pk for row in rows if row.told < number]
    if not keys:
        return 0
    return Subscriber.objects.filter(pk__in=keys, told__lt=number).update(told=number)


def counts(number: int) -> tuple[int, int]:
    """Count the subscribers, and those not notified of a release."""
    result = Subscriber.objects.aggregate(
        all=Count("pk"), pending=Count("pk", filter=Q(told__lt=number))
    )
    return result["all"], result["pending"]
