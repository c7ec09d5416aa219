"""Dates, durations, numbers and badges as text, in the reader's language."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from xmppservice.runtime.moments import occurs_twice, offset


def moment(at: datetime) -> str:
    """A date and a time in the site's time zone, with its offset if it occurs twice."""
    local = timezone.localtime(at)
    text = date_format(local, "DATETIME_FORMAT")
    return f"{text} {offset(local)}" if occurs_twice(at) else text


def zoned_moment(at: datetime) -> str:
    """A date and a time, with the name of the site's time zone."""
    return f"{moment(at)} ({timezone.get_current_timezone_name()})"


def day(at: datetime) -> str:
    """A date in the site's time zone."""
    return date_format(timezone.localtime(at), "DATE_FORMAT")


def number(value: int) -> str:
    """A whole number with thousands separators."""
    return number_format(value, force_grouping=True)


def duration(seconds: float) -> str:
    """A duration in a suitable precision: ``85 ms``, ``3.2 s``, ``2 min 5 s``."""
    seconds = max(0.0, seconds)
    if seconds < 1:
        return _("%(count)s ms") % {"count": round(seconds * 1000)}
    if seconds < 60:
        return _("%(count)s s") % {"count": f"{seconds:.1f}"}
    parts = {"minutes": int(seconds // 60), "seconds": int(seconds % 60)}
    return _("%(minutes)s min %(seconds)s s") % parts


def rounded_duration(seconds: float) -> str:
    """A duration in whole seconds, or in whole minutes from two minutes on."""
    rounded = round(seconds)
    if rounded < 120:
        text = ngettext("%(count)s second", "%(count)s seconds", rounded)
        return text % {"count": rounded}
    minutes = rounded // 60
    text = ngettext("%(count)s minute", "%(count)s minutes", minutes)
    return text % {"count": minutes}


def badge(text: str) -> str:
    """A word in a list that should catch the eye."""
    return format_html('<span class="badge">{}</span>', text)
