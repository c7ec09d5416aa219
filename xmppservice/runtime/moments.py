"""Dates and times as people and programs write them, in the site's time zone.

Form, API and import read them by the same function, so that they give one answer.
"""

from datetime import UTC, datetime

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _


def resolve(written: datetime) -> datetime:
    """Return the moment of a date and time, in UTC.

    Without an offset they are in TIME_ZONE. Raises ValidationError if they never
    occur there, or twice, because clocks are changed (PEP 495): only an offset says
    which of the two is meant. Refuses dates that no time zone can convert, too.
    """
    if timezone.is_naive(written):
        _refuse_changing_clocks(written)
        written = written.replace(tzinfo=timezone.get_current_timezone())
    try:
        # In UTC: two moments of one zone compare without their offsets, as if equal.
        moment = written.astimezone(UTC)
        timezone.localtime(moment)
    except OverflowError:
        text = _("Choose a date between 2000 and 2100.")
        raise ValidationError(text, code="year") from None
    return moment


def _refuse_changing_clocks(written: datetime) -> None:
    first, second = _occurrences(written)
    step = second.utcoffset() - first.utcoffset()  # type: ignore[operator]  # both have one
    if not step:
        return
    params = {
        "time": f"{written:%Y-%m-%d %H:%M}",
        "zone": timezone.get_current_timezone_name(),
        "first": f"{first:%H:%M}{offset(first)}",
        "second": f"{second:%H:%M}{offset(second)}",
    }
    if step.days < 0:
        text = _(
            "%(time)s occurs twice in %(zone)s, because clocks are set back then. "
            "Enter the time with its offset: %(first)s or %(second)s."
        )
        raise ValidationError(text, code="ambiguous", params=params)
    text = _(
        "%(time)s does not exist in %(zone)s, because clocks are set forward then. "
        "Choose another time."
    )
    raise ValidationError(text, code="nonexistent", params=params)


def occurs_twice(moment: datetime) -> bool:
    """Whether the same date and time occur again in the site's time zone."""
    first, second = _occurrences(timezone.localtime(moment))
    return first.utcoffset() != second.utcoffset()


def offset(local: datetime) -> str:
    """Return the offset from UTC as ISO 8601 writes it: ``+02:00``."""
    return local.isoformat(timespec="minutes")[16:]


def _occurrences(local: datetime) -> tuple[datetime, datetime]:
    zone = timezone.get_current_timezone()
    return local.replace(tzinfo=zone, fold=0), local.replace(tzinfo=zone, fold=1)
